"""What people type wrong is one line that says what to mend, and changes nothing."""

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers.bad_inputs import EVERY, STUDY_CLF, Bad
from helpers.trained_studies import TrainedStudies
from PIL import Image

from search.app import main, whole_command_line
from search.defaults import name_variables, subcommands_of

pytestmark = pytest.mark.slow

LONGEST_S = 60
"""After which an input counts as accepted: a search or a server has begun."""


RESULT = re.compile(r"^(best|seed|trial) |^[\[{]", re.MULTILINE)
"""What only a command that did something prints; a plan may be shown before it is refused."""


class Said(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[[list[str]], Said]


def called(words: list[str], capture: pytest.CaptureFixture[str]) -> Said:
    """Run the command line in this process; no longer than a refusal may take."""
    name_variables(whole_command_line())  # they are shown only where they are set

    def too_long(*_: object) -> None:
        pytest.fail(f"was not refused within {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST_S)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["fmnist-search", *words])
            with pytest.raises(SystemExit) as end:
                main()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    said = capture.readouterr()
    return Said(int(end.value.code or 0), said.out, said.err)


@pytest.fixture(scope="module")
def place(trained: TrainedStudies, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two studies, an exported model, and much that is damaged."""
    folder = tmp_path_factory.mktemp("place")
    studies = folder / "home" / "fmnist-search"
    shutil.copytree(trained.database.parent, studies)
    with closing(sqlite3.connect(studies / "studies.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else whoever opens it first does
    write_texts(folder)
    write_data(folder, trained.data_dir)
    export(trained, folder / "exported")
    write_exports(folder)
    write_databases(folder, studies)
    return folder


def write_texts(folder: Path) -> None:
    """Files of every kind that can be wrong."""
    for name in ("folder", "folder.toml", "mine"):
        (folder / name).mkdir()
    texts = {
        "note.txt": "dear reader\n",
        "mine/thesis.tex": "mine",
        "broken.toml": "trials = \n",
        "broken.json": '{"stage": ',
        "kinds.toml": '\ntrials = "5"\n',
        "names.toml": "trails = 5\n",
        "range.toml": "epochs = 0\n",
        "clf-space.toml": "fc_width = 64\n",
        "clf.toml": 'stage = "classifier"\n',
        "ae.json": '{"stage": "autoencoder"}',
        "list.json": "[]",
        "nan.json": '{"stage": "autoencoder", "configuration": {"dropout": NaN}}',
        "kinds.json": '{"stage": "autoencoder", "configuration": {"conv1_channels": "8"}}',
        "training.json": '{"stage": "autoencoder", "training": {"seed": 1, "epochs": 1.5}}',
        "empty.png": "",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    Image.new("L", (28, 28), 200).save(folder / "boot.png")
    (folder / "cut.png").write_bytes((folder / "boot.png").read_bytes()[:50])


def write_data(folder: Path, data_dir: Path) -> None:
    """Fashion-MNIST with one file cut short."""
    (folder / "damaged").mkdir()
    for path in data_dir.iterdir():
        content = path.read_bytes()
        (folder / "damaged" / path.name).write_bytes(content[: len(content) // 2])


def export(trained: TrainedStudies, out: Path) -> None:
    places = ["--storage", str(trained.database), "--data-dir", str(trained.data_dir)]
    words = ["export", STUDY_CLF, "--out", str(out), "--quiet", *places]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["fmnist-search", *words])
        with pytest.raises(SystemExit) as end:
            main()
    assert not end.value.code


def write_exports(folder: Path) -> None:
    """Copies of the export with damage: to the weights, seen and unseen, and to the figures."""
    for name in ("truncated", "magic", "version", "metrics"):
        shutil.copytree(folder / "exported", folder / name)
    cut = (folder / "exported" / "model.safetensors").read_bytes()[:1000]
    (folder / "truncated" / "model.safetensors").write_bytes(cut)
    wrong = b"PK\3\4" + cut
    (folder / "magic" / "model.safetensors").write_bytes(wrong)
    note_down(folder / "magic", wrong)
    figures = folder / "version" / "metrics.json"
    figures.write_text(figures.read_text().replace("export 1", "export 9"))
    (folder / "metrics" / "metrics.json").write_text("{}")


def note_down(export: Path, weights: bytes) -> None:
    """Let an export's figures vouch for other weights."""
    table = json.loads((export / "metrics.json").read_text())
    table["files"]["model.safetensors"]["sha256"] = hashlib.sha256(weights).hexdigest()
    (export / "metrics.json").write_text(json.dumps(table))


def write_databases(folder: Path, studies: Path) -> None:
    """One of another program, one whose artifacts were cut, and one with files nobody needs."""
    with closing(sqlite3.connect(folder / "foreign.db")) as connection:
        connection.execute("CREATE TABLE letters (text)")
        connection.commit()
    shutil.copytree(studies / "studies.db-artifacts", folder / "cut")
    for path in (folder / "cut").iterdir():
        path.write_bytes(path.read_bytes()[:40])
    shutil.copytree(studies, folder / "left")
    with closing(sqlite3.connect(folder / "left" / "studies.db")) as connection:
        for table in ("study_user_attributes", "trial_user_attributes"):
            connection.execute(f"DELETE FROM {table}")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in (folder / "left" / "studies.db-artifacts").iterdir():
        os.utime(path, (0, 0))


def snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file's times and size, but for locks and what SQLite keeps beside a database."""
    return {
        str(path.relative_to(folder)): seen(path)
        for path in folder.rglob("*")
        if not path.name.endswith(("-wal", "-shm", ".lock"))
    }


def seen(path: Path) -> tuple[int, str]:
    """Of a database what is in it: SQLite moves pages from log to file whenever it likes."""
    if path.is_dir():
        return 0, "folder"
    if path.suffix == ".db":
        with closing(sqlite3.connect(path)) as connection:
            content = "\n".join(connection.iterdump()).encode()
        return 0, hashlib.sha256(content).hexdigest()
    stat = path.stat()  # no write leaves the time of change as it was
    return stat.st_mtime_ns, f"{stat.st_ctime_ns} {stat.st_size}"


@pytest.fixture
def surroundings(place: Path, trained: TrainedStudies, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder as working folder, with no variables of ours but where the data are."""
    for name in os.environ:
        if name.startswith("FMNIST_SEARCH_"):
            monkeypatch.delenv(name)
    for name, value in {
        "XDG_DATA_HOME": str(place / "home"),
        "FMNIST_SEARCH_DATA": str(trained.data_dir),
        "NO_COLOR": "1",
        "COLUMNS": "100",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(place)
    # It takes seconds, for a plan that nobody reads.
    for module in ("studies.engine.estimate", "studies.final.plan"):
        monkeypatch.setattr(f"{module}.seconds_per_epoch", lambda *_, **__: 1.0)
    monkeypatch.setattr(
        "studies.workers.dask_workers.CONNECT_S", 0.5
    )  # Dask knocks until it is over
    return place


def split(line: str) -> tuple[dict[str, str], list[str]]:
    """Variables and words, by a shell's rules for quotes."""
    variables = dict(re.findall(r"^([A-Z_]+)=(\S+) ", line))
    return variables, shlex.split(re.sub(r"^[A-Z_]+=\S+ ", "", line))


@pytest.mark.parametrize("bad", EVERY, ids=str)
def test_a_bad_input_is_one_line_that_says_what_to_mend_and_changes_nothing(
    bad: Bad,
    surroundings: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables, words = split(bad.line)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    before = snapshot(surroundings)
    said = called(words, capsys)
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert said.code == bad.code, said.err
    assert len(errors) == 1, said.err
    assert said.err.splitlines()[-1] == errors[0], "the error is the last that is said"
    assert "Traceback" not in said.err
    for expected in bad.says:
        assert expected in errors[0]
    assert "secret" not in said.err
    assert not RESULT.search(said.out)
    assert snapshot(surroundings) == before


@pytest.mark.parametrize("line", ["report --out new", "clf --epochs 1"])
def test_where_nothing_is_yet_the_command_to_begin_with_is_named(
    line: str,
    tmp_path: Path,
    trained: TrainedStudies,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FMNIST_SEARCH_DATA", str(trained.data_dir))
    monkeypatch.chdir(tmp_path)
    said = called(line.split(), capsys)
    assert said.code == 1
    assert "fmnist-search ae --trials 50" in said.err
    assert list(tmp_path.iterdir()) == []


def test_every_command_is_among_them() -> None:
    tried = {split_name for bad in EVERY for split_name in bad.line.split()}
    assert set(subcommands_of(whole_command_line())) <= tried
    assert len({bad.line for bad in EVERY}) == len(EVERY) >= 70
