"""Databases that something cut, wrote over or changed: one line and the documented code."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from helpers.installed_command import called
from helpers.trained_studies import AE, TrainedStudies
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaces.errors import StudyError
from studies.records.references import all_studies
from studies.storage.databases import open_to_look_on, storage_url

pytestmark = pytest.mark.slow

Damage = Callable[[Path], None]


def cut(n_bytes: int) -> Damage:
    return lambda path: os.truncate(path, n_bytes)


def cut_off_end(n_bytes: int) -> Damage:
    return lambda path: os.truncate(path, path.stat().st_size - n_bytes)


def write_at(offset: int, content: bytes) -> Damage:
    def write(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
            file.write(content)

    return write


def replaced_by(content: bytes) -> Damage:
    return lambda path: void(path.write_bytes(content))


def void(_: object) -> None:
    """A function's result is nobody's business."""


def sql(*statements: str) -> Damage:
    def run(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA writable_schema = ON")
            for statement in statements:
                connection.execute(statement)

    return run


def index_without_rows(path: Path) -> None:
    """As a lost write leaves it: the index is a sound tree, and lacks what the table has."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_studies_study_name'"
        ).fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    empty = bytes([10, 0, 0, 0, 0]) + page_bytes.to_bytes(2) + bytes(page_bytes - 7)
    write_at((root - 1) * page_bytes, empty)(path)


PAGE = bytes(range(256)) * 16

STRUCTURE: dict[str, Damage] = {
    "cut to a byte": cut(1),
    "cut in its header": cut(50),
    "cut behind its header": cut(100),
    "cut to a page": cut(4096),
    "cut to a half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "cut by a page": cut_off_end(4096),
    "cut by some bytes": cut_off_end(7),
    "zeros in place of all": lambda path: void(path.write_bytes(bytes(path.stat().st_size))),
    "text in place of all": replaced_by(b"remember the milk\n" * 1000),
    "another kind of file": replaced_by(b"\x89PNG\r\n\x1a\n" + bytes(5000)),
    "no header": write_at(0, bytes(100)),
    "another size of pages": write_at(16, b"\x02\x00"),
    "no first page": write_at(100, bytes(3996)),
    "zeros in a page": write_at(4096 * 2, bytes(4096)),
    "nonsense in a page": write_at(4096 * 3, PAGE),
    "nonsense at the end": write_at(-4096, PAGE),
    "nonsense in the schema": sql(
        "UPDATE sqlite_master SET sql = 'nonsense' WHERE name = 'trials'"
    ),
    "a table twice in one place": sql(
        "UPDATE sqlite_master SET rootpage = 2 WHERE name = 'trial_values'"
    ),
    "an index that lacks rows": index_without_rows,
    "a table less": sql("DROP TABLE trial_values"),
    "a column less": sql("ALTER TABLE trials RENAME COLUMN number TO other"),
    "tables of another version": sql("UPDATE alembic_version SET version_num = 'nonsense'"),
}

CONTENT: dict[str, Damage] = {
    "a state that is none": sql("UPDATE trials SET state = 'NONSENSE' WHERE number = 0"),
    "no number": sql("UPDATE trials SET number = 'x' WHERE number = 0"),
    "an attribute cut off": sql("UPDATE trial_user_attributes SET value_json = '{\"a\": '"),
    "settings cut off": sql("UPDATE study_user_attributes SET value_json = '{\"a\": '"),
    "no text": sql("UPDATE trial_user_attributes SET value_json = CAST(x'ff00' AS TEXT)"),
    "a direction that is none": sql("UPDATE study_directions SET direction = 'SIDEWARDS'"),
    "a distribution that is none": sql("UPDATE trial_params SET distribution_json = '[]'"),
    "no directions": sql("DELETE FROM study_directions"),
}

COMMANDS: dict[str, tuple[str, ...]] = {
    "studies": ("studies",),
    "show": ("studies", "show", AE),
    "report": ("report", "--out", "report"),
    "export": ("export", AE, "--out", "exported"),
    "gc": ("gc", "--dry-run"),
    "ae": ("ae", "--study", AE, "--more", "1", "--epochs", "1", "--subset", "600", "--jobs", "1"),
    "clf": ("clf", "--trials", "1", "--epochs", "1", "--subset", "600", "--encoder", AE),
    "train": ("train", AE, "--seeds", "1", "--epochs", "1", "--subset", "600"),
    "dashboard": ("dashboard", "--port", "0"),
}


@pytest.fixture
def database(trained: TrainedStudies, tmp_path: Path) -> Path:
    """A copy of two trained studies, with their weights beside them."""
    path = tmp_path / "studies.db"
    shutil.copyfile(trained.database, path)
    (tmp_path / "studies.db-artifacts").symlink_to(trained.artifacts)
    return path


@pytest.fixture(autouse=True)
def nothing_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dashboard that begins to serve has found no damage."""
    monkeypatch.setattr("search.dashboard_command._serve", lambda server: server.server_close())


def said(database: Path, command: str, data_dir: Path) -> tuple[int, str, list[str]]:
    """The command's code, all that it said, and its errors."""
    words = (*COMMANDS[command], "--storage", str(database))
    environment = {**os.environ, "FMNIST_SEARCH_DATA": str(data_dir), "NO_COLOR": "1"}
    done = called(words, environment, database.parent)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return done.returncode, done.stdout + done.stderr, errors


@pytest.mark.parametrize("command", COMMANDS)
def test_damage_of_the_file_is_one_line_and_1_for_every_command(
    database: Path, data_dir: Path, command: str
) -> None:
    whole = database.read_bytes()
    for name, damage in STRUCTURE.items():
        database.write_bytes(whole)
        damage(database)
        damaged = database.read_bytes()
        code, output, errors = said(database, command, data_dir)
        assert (code, len(errors)) == (1, 1), f"{name}: {output}"
        assert str(database) in errors[0], f"{name}: {output}"
        assert "Traceback" not in output
        assert database.read_bytes() == damaged, name


@pytest.mark.parametrize("command", ["studies", "show", "gc"])
def test_damage_of_the_content_is_at_most_one_line_and_1(
    database: Path, data_dir: Path, command: str
) -> None:
    whole = database.read_bytes()
    for name, damage in CONTENT.items():
        database.write_bytes(whole)
        damage(database)
        code, output, errors = said(database, command, data_dir)
        assert (code, len(errors)) in ((0, 0), (1, 1)), f"{name}: {output}"
        assert "Traceback" not in output


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_is_written_over_a_database_it_is_read_or_called_damaged(
    trained: TrainedStudies, database: Path, data: st.DataObject
) -> None:
    whole = trained.database.read_bytes()
    offset = data.draw(st.integers(0, len(whole) - 1))
    content = data.draw(st.binary(min_size=1, max_size=4096))
    database.write_bytes(whole)
    write_at(offset, content)(database)
    with suppress(StudyError):  # which commands show as a line
        for study in all_studies(open_to_look_on(storage_url(str(database)))):
            study.get_trials(deepcopy=False)
            _ = study.user_attrs
