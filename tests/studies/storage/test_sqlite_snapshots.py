"""Looking at an SQLite file: without a lock that lasts, without writing, at one moment."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import StorageInternalError

from spaces.errors import StudyError
from studies.storage.databases import open_storage, open_to_look_on, sole_coordinator, storage_url
from studies.storage.sqlite_storages import bring_home


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database that nobody has open, with one study of one finished trial."""
    path = tmp_path / "there" / "studies.db"
    study = made(path)
    study.tell(study.ask(), 1.0)
    study._storage._backend.engine.dispose()  # type: ignore[attr-defined]
    return path


def made(path: Path) -> optuna.Study:
    return optuna.create_study(study_name="s", storage=open_storage(storage_url(str(path))))


def seen(path: Path) -> list[float | None]:
    """The values of the study's trials, as whoever looks sees them."""
    storage = open_to_look_on(storage_url(str(path)))
    return [t.value for t in optuna.load_study(study_name="s", storage=storage).trials]


def test_looking_makes_and_changes_no_file(database: Path) -> None:
    before = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in database.parent.iterdir()}
    assert list(before) == ["studies.db"]
    assert seen(database) == [1.0]
    after = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in database.parent.iterdir()}
    assert after == before


def test_what_is_looked_at_is_of_one_moment_and_cannot_be_written(database: Path) -> None:
    storage = open_to_look_on(storage_url(str(database)))
    live = optuna.load_study(study_name="s", storage=open_storage(storage_url(str(database))))
    live.tell(live.ask(), 2.0)
    study = optuna.load_study(study_name="s", storage=storage)
    assert [t.value for t in study.trials] == [1.0]
    assert seen(database) == [1.0, 2.0]
    with pytest.raises(StorageInternalError):
        study.set_user_attr("a", 1)


def mount_read_only(folder: Path) -> None:
    for words in (("--bind", folder, folder), ("-o", "remount,ro,bind", folder)):
        try:
            subprocess.run(["mount", *map(str, words)], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"cannot mount a folder here: {error}")


@pytest.mark.parametrize("left_by", ["an end", "a kill", "a kill, without its index"])
def test_looking_needs_no_right_to_write(database: Path, tmp_path: Path, left_by: str) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir()
    live = optuna.load_study(study_name="s", storage=open_storage(storage_url(str(database))))
    with closing(sqlite3.connect(database)) as reader:  # so that the second trial stays in the WAL
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM trials").fetchone()
        live.tell(live.ask(), 2.0)
        for path in database.parent.iterdir():
            is_index = path.suffix == ".db-shm"
            if left_by == "an end" and path != database:
                continue
            if not (is_index and left_by == "a kill, without its index"):
                shutil.copyfile(path, folder / path.name)
    mount_read_only(folder)
    try:
        expected = [1.0] if left_by == "an end" else [1.0, 2.0]
        assert seen(folder / "studies.db") == expected
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


LOOKS = """
import sys
from studies.storage.databases import open_to_look_on, storage_url
storage = open_to_look_on(storage_url(sys.argv[1]))
storage.get_all_studies()
print("looking", flush=True)
sys.stdin.readline()
"""


@pytest.mark.slow
def test_who_is_suspended_while_looking_holds_nothing(database: Path) -> None:
    study = optuna.load_study(study_name="s", storage=open_storage(storage_url(str(database))))
    with subprocess.Popen(
        [sys.executable, "-c", LOOKS, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as looker:
        assert looker.stdout
        assert looker.stdout.readline() == "looking\n"
        os.kill(looker.pid, signal.SIGSTOP)
        try:
            study.tell(study.ask(), 2.0)
            with closing(sqlite3.connect(database, timeout=0)) as connection:
                done = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            assert done == (0, 0, 0), "somebody reads still"
            assert seen(database) == [1.0, 2.0]
        finally:
            looker.kill()


def test_a_copy_of_the_file_alone_is_at_most_a_trial_behind(database: Path, tmp_path: Path) -> None:
    study = optuna.load_study(study_name="s", storage=open_storage(storage_url(str(database))))
    trial = study.ask()
    study.tell(trial, 2.0)
    study.ask()
    shutil.copyfile(database, tmp_path / "copy.db")
    assert seen(tmp_path / "copy.db")[:2] == [1.0, 2.0]


def test_after_a_run_all_of_it_is_in_the_file(database: Path, tmp_path: Path) -> None:
    url = storage_url(str(database))
    study = optuna.load_study(study_name="s", storage=open_storage(url))
    with suppress(KeyboardInterrupt), sole_coordinator(url, "s"):
        study.ask()
        study.set_user_attr("last", "word")
        raise KeyboardInterrupt
    assert database.with_name("studies.db-wal").stat().st_size == 0
    shutil.copyfile(database, tmp_path / "copy.db")
    storage = open_to_look_on(storage_url(str(tmp_path / "copy.db")))
    copied = optuna.load_study(study_name="s", storage=storage)
    assert (len(copied.trials), copied.user_attrs) == (2, {"last": "word"})


def test_a_copy_without_what_lay_beside_the_database_says_so(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "studies.db")) as live:
        live.execute("PRAGMA journal_mode=WAL")
        live.execute("CREATE TABLE studies (id INTEGER)")
        live.commit()
        shutil.copyfile(tmp_path / "studies.db", tmp_path / "copy.db")
    with pytest.raises(StudyError, match=r"nothing in .*copy.db; .*\.backup"):
        open_to_look_on(storage_url(str(tmp_path / "copy.db")))


@pytest.mark.slow
def test_bringing_home_waits_for_nobody_who_reads(database: Path) -> None:
    study = optuna.load_study(study_name="s", storage=open_storage(storage_url(str(database))))
    with closing(sqlite3.connect(database)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM trials").fetchone()
        study.tell(study.ask(), 2.0)
        bring_home(database, "TRUNCATE")
    assert seen(database) == [1.0, 2.0]
