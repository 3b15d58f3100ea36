import errno
import fcntl
import gc
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import optuna
import psycopg
import pytest
from helpers.postgres import Postgres

from spaces.errors import StudyError
from studies.storage.databases import (
    artifacts_folder,
    exists,
    open_artifacts,
    open_storage,
    sole_coordinator,
    sqlite_path,
    storage_url,
    without_password,
)

pytestmark = pytest.mark.slow


def open_at(path: Path) -> optuna.storages.RDBStorage:
    return open_storage(storage_url(str(path)))


@contextmanager
def python(program: str, *arguments: object) -> Iterator["subprocess.Popen[str]"]:
    """A process that runs ``program``; ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(*processes: "subprocess.Popen[str]") -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def test_a_file_name_becomes_an_sqlite_url(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert sqlite_path(storage_url("a.db")) == tmp_path / "a.db"
    assert sqlite_path(storage_url("~/a.db")) == tmp_path / "me" / "a.db"
    assert sqlite_path(storage_url("sqlite:///sub/a.db")) == tmp_path / "sub" / "a.db"
    assert sqlite_path(storage_url("sqlite://")) is None
    assert sqlite_path(storage_url("postgresql://u@h/x")) is None


def test_the_default_is_a_file_in_the_users_data_folder(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert sqlite_path(storage_url(None)) == tmp_path / "fmnist-search" / "studies.db"
    assert not exists(storage_url(None))
    open_storage(storage_url(None))
    assert exists(storage_url(None))


@pytest.mark.parametrize("name", ["a b.db", "ü.db", "100%.db", "what?.db", "{x}.db", "#1.db"])
def test_any_file_name_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    optuna.create_study(storage=open_at(tmp_path / name), study_name="s")
    assert optuna.get_all_study_names(open_at(tmp_path / name)) == ["s"]
    assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@host:5432/db",
        "postgresql+psycopg://me:secret@host/db?sslmode=require",
        "postgresql://host/db?user=me&password=secret",
        "mysql://me:secret@host/db",
    ],
)
def test_passwords_are_not_shown(url: str) -> None:
    shown = without_password(storage_url(url))
    assert "secret" not in shown
    assert "host" in shown
    with pytest.raises(StudyError) as refusal:  # no driver for these is installed
        open_storage(storage_url(url))
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "://x",
        "postgresql://me:secret@host:port/db",
        "postgresql//me:secret@host/db",
        "postgresql:/me:secret@host/db",
        "host=h password=secret",
    ],
)
def test_what_is_no_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(StudyError, match="not a URL that can be read") as refusal:
        storage_url(url)
    assert "secret" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_an_unknown_kind_of_database_is_refused() -> None:
    with pytest.raises(StudyError, match="nosuch"):
        open_storage(storage_url("nosuch://host/db"))


def test_a_database_is_made_with_its_folders_and_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "studies.db"
    assert not exists(storage_url(str(path)))
    open_at(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_looking_on_is_possible_while_something_is_written(tmp_path: Path) -> None:
    study = optuna.create_study(storage=open_at(tmp_path / "a.db"), study_name="s")
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as reader:
            assert reader.execute("SELECT study_name FROM studies").fetchone() == ("s",)
        writer.execute("ROLLBACK")
    study.ask()


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    optuna.create_study(storage=open_at(tmp_path / "a.db"))


def test_studies_are_kept_when_the_database_is_opened_again(tmp_path: Path) -> None:
    optuna.create_study(storage=open_at(tmp_path / "a.db"), study_name="s").ask()
    study = optuna.load_study(storage=open_at(tmp_path / "a.db"), study_name="s")
    assert len(study.trials) == 1


@pytest.mark.parametrize("wal", [False, True])
@pytest.mark.parametrize(
    "tables", [("bookmarks",), ("studies", "trials", "patients"), ("studies", "doctors")]
)
def test_a_database_of_another_program_is_refused_and_left_as_it_is(
    tmp_path: Path, tables: tuple[str, ...], wal: bool
) -> None:
    path = tmp_path / "foreign.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if wal:
            connection.execute("PRAGMA journal_mode=WAL")
        for table in tables:
            connection.execute(f"CREATE TABLE {table} (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(StudyError, match="another program"):
        open_at(path)
    assert path.read_bytes() == before
    assert not (tmp_path / ".foreign.db.lock").exists()


def test_a_half_made_database_is_completed(tmp_path: Path) -> None:
    open_at(tmp_path / "whole.db")
    with closing(sqlite3.connect(tmp_path / "whole.db")) as whole:
        first = whole.execute("SELECT sql FROM sqlite_master WHERE name = 'studies'").fetchone()
    with closing(sqlite3.connect(tmp_path / "half.db")) as half:
        half.execute(first[0])
    optuna.create_study(storage=open_at(tmp_path / "half.db")).ask()


def test_a_text_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk\n" * 100)
    before = path.read_bytes()
    with pytest.raises(StudyError, match="not a database"):
        open_at(path)
    assert path.read_bytes() == before


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="is a folder"):
        open_at(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StudyError, match="cannot open the studies in"):
        open_at(tmp_path / "file" / "studies.db")
    with pytest.raises(StudyError, match="--artifacts"):
        open_artifacts(storage_url(None), tmp_path / "file" / "artifacts")


OPENS = """
import sys
from studies.storage.databases import open_storage, storage_url
print("ready", flush=True)
for path in sys.argv[1:]:
    sys.stdin.readline()
    try:
        open_storage(storage_url(path))
        print("ok", flush=True)
    except BaseException as error:
        print(repr(error), flush=True)
"""


def test_processes_that_make_one_database_at_once_all_get_it(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.db" for i in range(6)]
    with python(OPENS, *paths) as one, python(OPENS, *paths) as other:
        assert [line_of(one), line_of(other)] == ["ready", "ready"]
        for _ in paths:
            go_on(one, other)
            assert [line_of(one), line_of(other)] == ["ok", "ok"]


POPS = """
import sys
import optuna
from studies.storage.databases import open_storage, storage_url
optuna.logging.disable_default_handler()
study = optuna.load_study(study_name="s", storage=open_storage(storage_url(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
print(*[study.ask().number for _ in range(20)], flush=True)
"""


def test_two_processes_never_take_the_same_waiting_trial(tmp_path: Path) -> None:
    study = optuna.create_study(study_name="s", storage=open_at(tmp_path / "a.db"))
    for _ in range(40):
        study.enqueue_trial({"x": 0.5})
    with python(POPS, tmp_path / "a.db") as one, python(POPS, tmp_path / "a.db") as other:
        assert [line_of(one), line_of(other)] == ["ready", "ready"]
        go_on(one, other)
        taken = [list(map(int, line_of(process).split())) for process in (one, other)]
    assert [len(numbers) for numbers in taken] == [20, 20]
    assert sorted(taken[0] + taken[1]) == list(range(40))


def test_the_write_lock_is_taken_when_a_transaction_begins(tmp_path: Path) -> None:
    opened = open_at(tmp_path / "a.db")
    with (
        opened.engine.begin() as transaction,
        closing(sqlite3.connect(tmp_path / "a.db", timeout=0, isolation_level=None)) as other,
    ):
        transaction.exec_driver_sql("SELECT 1")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")


HOLDS = """
import sys
from studies.storage.databases import sole_coordinator, storage_url
with sole_coordinator(storage_url(sys.argv[1]), "s") as alone:
    print(alone, flush=True)
    sys.stdin.readline()
"""


def test_a_study_is_run_by_one_process_until_that_process_is_gone(tmp_path: Path) -> None:
    url = storage_url(str(tmp_path / "a.db"))
    with python(HOLDS, tmp_path / "a.db") as holder:
        assert line_of(holder) == "True"
        with (
            pytest.raises(StudyError, match=r"'s' is being run by another process.*--study"),
            sole_coordinator(url, "s"),
        ):
            pass
        with sole_coordinator(url, "another") as alone:
            assert alone
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with sole_coordinator(url, "s") as alone:
            assert alone


def test_a_study_stays_held_when_all_that_lies_beside_the_database_is_removed(
    tmp_path: Path,
) -> None:
    url = storage_url(str(tmp_path / "a.db"))
    open_storage(url).engine.dispose()
    with python(HOLDS, tmp_path / "a.db") as holder:
        assert line_of(holder) == "True"
        for path in tmp_path.iterdir():
            if path.name != "a.db":
                path.unlink()
        with (
            pytest.raises(StudyError, match=f"run by another process, number {holder.pid};"),
            sole_coordinator(url, "s"),
        ):
            pass


def test_locks_of_the_database_do_not_go_with_those_of_its_studies(tmp_path: Path) -> None:
    """To close a file lets go of all locks that SQLite has on it in the process."""
    path = tmp_path / "a.db"
    opened = open_storage(storage_url(str(path)))
    with opened.engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        for _ in range(3):
            with sole_coordinator(storage_url(str(path)), "s"):
                pass
        found = python_says(IS_LOCKED, path)
    assert found == "locked"


IS_LOCKED = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA journal_mode=DELETE")  # which bears no other connection
    print("free")
except sqlite3.OperationalError:
    print("locked")
"""


def python_says(program: str, *arguments: object) -> str:
    with python(program, *arguments) as process:
        return line_of(process)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_that_keeps_no_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    with (
        pytest.raises(StudyError, match=r"keeps no locks .* --storage"),
        sole_coordinator(storage_url(str(tmp_path / "a.db")), "s"),
    ):
        pass


def test_a_study_can_be_run_again_after_an_error(tmp_path: Path) -> None:
    url = storage_url(str(tmp_path / "a.db"))
    with pytest.raises(ZeroDivisionError), sole_coordinator(url, "s"):
        _ = 1 / 0
    with sole_coordinator(url, "s") as alone:
        assert alone


def test_a_storage_that_is_no_longer_used_closes_its_connections(postgres: Postgres) -> None:
    url = postgres.database()
    opened = open_storage(storage_url(url))
    opened.get_all_studies()
    with psycopg.connect(url, autocommit=True) as onlooker:
        others = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

        def n_open() -> int:
            (number,) = onlooker.execute(others).fetchone() or (0,)
            return int(number)

        assert n_open() == 1
        del opened
        gc.collect()  # which warns of a connection that nobody closed
        deadline = time.monotonic() + 10
        while n_open() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert n_open() == 0


def test_a_link_to_a_database_is_the_same_database(tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "a.db").touch()
    (tmp_path / "links" / "b.db").symlink_to(tmp_path / "a.db")
    (tmp_path / "links" / "c.db").hardlink_to(tmp_path / "a.db")
    for link in ("b.db", "c.db"):
        with (
            sole_coordinator(storage_url(str(tmp_path / "a.db")), "s"),
            pytest.raises(StudyError, match="another process"),
            sole_coordinator(storage_url(str(tmp_path / "links" / link)), "s"),
        ):
            pass


def test_a_server_may_be_shared() -> None:
    with sole_coordinator(storage_url("postgresql://u@h/x"), "s") as alone:
        assert not alone


def test_a_database_has_a_folder_of_artifacts_beside_it_unless_one_is_named(
    tmp_path: Path, monkeypatch: Any
) -> None:
    url = storage_url(str(tmp_path / "a.db"))
    assert artifacts_folder(url, None) == tmp_path / "a.db-artifacts"
    assert artifacts_folder(url, tmp_path / "mine") == tmp_path / "mine"
    monkeypatch.setattr("studies.files.places.studies", lambda: tmp_path / "home")
    server = storage_url("postgresql://u@h/x")
    assert artifacts_folder(server, None) == tmp_path / "home" / "x-artifacts"
    (tmp_path / "home" / "artifacts").mkdir(parents=True)
    assert artifacts_folder(server, None) == tmp_path / "home" / "artifacts"


def test_a_link_to_a_database_leads_to_its_artifacts(tmp_path: Path) -> None:
    open_storage(storage_url(str(tmp_path / "a.db")))
    (tmp_path / "link.db").symlink_to(tmp_path / "a.db")
    link = storage_url(str(tmp_path / "link.db"))
    assert artifacts_folder(link, None) == tmp_path / "a.db-artifacts"


def test_the_folder_that_databases_of_earlier_versions_share_is_theirs_alone(
    tmp_path: Path,
) -> None:
    old, new = (storage_url(str(tmp_path / name)) for name in ("old.db", "new.db"))
    open_storage(old)
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.execute("PRAGMA user_version = 0")  # as they left it
    assert artifacts_folder(old, None) == tmp_path / "old.db-artifacts", "there is no other"
    (tmp_path / "artifacts").mkdir()
    before = artifacts_folder(new, None)
    open_storage(new)
    assert artifacts_folder(new, None) == before == tmp_path / "new.db-artifacts"
    assert artifacts_folder(old, None) == tmp_path / "artifacts"
    (tmp_path / "old.db-artifacts").mkdir()
    assert artifacts_folder(old, None) == tmp_path / "old.db-artifacts"


LOOK = """
import sqlite3, sys

connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM trials").fetchall()
connection.close()  # as the last one it would take what lies beside the database away
"""


def test_a_database_opened_twice_is_safe_from_others_that_look_on(tmp_path: Path) -> None:
    path = tmp_path / "studies.db"
    storage = open_at(path)
    study = optuna.create_study(storage=storage)
    again = storage_url(str(path))
    assert artifacts_folder(again, None) == tmp_path / "studies.db-artifacts"
    open_storage(again)
    with python(LOOK, path) as process:
        assert process.wait() == 0
    assert path.with_name("studies.db-wal").exists()
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    assert len(study.trials) == 2
