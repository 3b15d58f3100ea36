"""A database that others lock, delete or want at the same time, and a clock that goes back."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from helpers.faults import (
    Run,
    assert_complete,
    assert_nothing_lost,
    assert_one_line,
    finished,
    stored,
)
from helpers.installed_command import BUDGET, NARROW, Command

pytestmark = pytest.mark.slow

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), Path("libfaketime"))


def words(n_trials: int, n_jobs: int = 1) -> tuple[str, ...]:
    return ("ae", "--trials", str(n_trials), "--jobs", str(n_jobs), *BUDGET, *NARROW)


@pytest.mark.parametrize(
    ("n_jobs", "locked_s"),
    [
        (1, 6),
        pytest.param(1, 30, marks=pytest.mark.chaos),
        pytest.param(2, 30, marks=pytest.mark.chaos),
    ],
)
def test_a_run_waits_while_another_process_locks_the_database(
    command: Command, n_jobs: int, locked_s: float
) -> None:
    with Run(command, *words(12, n_jobs)) as run:
        run.until_says("started", times=3)
        with closing(sqlite3.connect(command.database, isolation_level=None, timeout=60)) as other:
            other.execute("BEGIN IMMEDIATE")
            done = finished(command.database)
            time.sleep(locked_s)
            assert finished(command.database) == done
            other.execute("ROLLBACK")
        assert run.end() == 0, run.output()
    assert_nothing_lost(done, command.database)
    assert_complete(command.database, 12)


@pytest.mark.chaos
def test_a_run_gives_up_with_3_when_the_lock_stays_for_longer_than_a_minute(
    command: Command,
) -> None:
    with Run(command, *words(12)) as run:
        run.until_says("started", times=3)
        with closing(sqlite3.connect(command.database, isolation_level=None, timeout=60)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert run.end() == 3, run.output()
    assert_one_line(run, "database is locked; another process keeps it locked")
    with Run(command, *words(12)) as again:
        assert again.end() == 0, again.output()
    assert_complete(command.database, 12)


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.chaos)])
def test_a_database_that_is_deleted_stops_the_run_at_once(command: Command, n_jobs: int) -> None:
    with Run(command, *words(200, n_jobs)) as run:
        run.until_says("started", times=3)
        for suffix in ("", "-wal", "-shm"):
            Path(f"{command.database}{suffix}").unlink(missing_ok=True)
        assert run.end() == 1, run.output()
    assert_one_line(run, f"the database {command.database} was deleted or replaced")
    assert not command.database.exists()
    with Run(command, *words(1, n_jobs)) as again:
        assert again.end() == 0, again.output()
    assert_complete(command.database, 1)


@pytest.mark.parametrize("how", ["cut", "written over"])
def test_a_database_that_is_damaged_meanwhile_stops_the_run_with_3(
    command: Command, how: str
) -> None:
    with Run(command, *words(200)) as run:
        run.until_says("started", times=3)
        if how == "cut":
            os.truncate(command.database, 8192)
        else:
            with command.database.open("r+b") as file:
                file.write(bytes(range(256)) * 256)
        assert run.end() == 3, run.output()
    assert_one_line(run, f"the database {command.database}")
    with Run(command, *words(200)) as again:
        assert again.end() == 1, again.output()
    assert_one_line(again, str(command.database))


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.chaos)])
def test_of_two_that_start_the_same_command_at_once_one_runs_and_one_is_told(
    command: Command, n_jobs: int
) -> None:
    with Run(command, *words(3, n_jobs)) as one, Run(command, *words(3, n_jobs)) as other:
        codes = [one.end(), other.end()]
    assert 0 in codes
    for run, code in zip((one, other), codes, strict=True):
        if code:  # else it came when the first was done
            assert code == 1
            assert_one_line(run, "is being run by another process")
    assert_complete(command.database, 3)


def test_two_studies_in_one_database_run_side_by_side(command: Command) -> None:
    with (
        Run(command, *words(3), "--study", "a") as one,
        Run(command, *words(3), "--study", "b") as other,
    ):
        assert [one.end(), other.end()] == [0, 0], one.output() + other.output()
    assert_complete(command.database, 3, n_studies=2)


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.chaos)])
def test_nothing_is_decided_by_the_clock_so_it_may_go_back_by_days(
    command: Command, n_jobs: int
) -> None:
    if not FAKETIME.exists():
        pytest.skip("libfaketime is not installed; on Debian: apt-get install faketime")
    clock = command.home / "clock"
    fake = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    clock.write_text("+0")
    with Run(command, *words(12, n_jobs), **fake) as run:
        run.until_says("started", times=2)
        clock.write_text("-2d")
        run.until_says("started", times=4)
        run.kill()
    done = finished(command.database)
    clock.write_text("-4d")
    with Run(command, *words(12, n_jobs), **fake) as again:
        assert again.end() == 0, again.output()
    assert_nothing_lost(done, command.database)
    assert_complete(command.database, 12)
    times = [t.attrs["seconds"] for t in stored(command.database).values() if "seconds" in t.attrs]
    assert times
    assert min(times) >= 0
