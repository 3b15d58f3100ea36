"""Disks that are full or read-only, under weights, the database or temporary files."""

import pytest
from helpers.faults import (
    Run,
    assert_complete,
    assert_nothing_lost,
    assert_one_line,
    fill,
    finished,
    read_only_disk,
    read_only_file,
    small_disk,
)
from helpers.installed_command import BUDGET, NARROW, Command

WORDS = ("ae", "--trials", "2", "--jobs", "1", *BUDGET, *NARROW)


@pytest.mark.slow
@pytest.mark.parametrize("disk_of", ["weights", "temporary files"])
def test_a_full_disk_under_weights_stops_with_3_and_the_same_command_goes_on(
    command: Command, disk_of: str
) -> None:
    folder = command.home / "disk"
    words = (*WORDS, "--artifacts", str(folder)) if disk_of == "weights" else WORDS
    with small_disk(folder, n_megabytes=16):
        # Python takes another folder for temporary files where not even a few bytes go in.
        filler = fill(folder, leave_kilobytes=0 if disk_of == "weights" else 4)
        with Run(command, *words, TMPDIR=str(folder)) as run:
            assert run.end() == 3, run.output()
        assert_one_line(run, "No space left on device")
        assert_nothing_lost({}, command.database)
        filler.unlink()
        with Run(command, *words) as again:
            assert again.end() == 0, again.output()
        assert_complete(command.database, 2)


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.chaos)])
def test_a_disk_that_fills_under_the_database_stops_with_3_and_the_same_command_goes_on(
    command: Command, n_jobs: int
) -> None:
    words = ("ae", "--trials", "20", "--jobs", str(n_jobs), *BUDGET, *NARROW)
    elsewhere = ("--artifacts", str(command.home / "weights"))
    with small_disk(command.database.parent, n_megabytes=16) as disk:
        with Run(command, *words, *elsewhere) as run:
            run.until_says("started", times=3)
            filler = fill(disk)
            assert run.end() == 3, run.output()
        assert_one_line(run, f"cannot use the database {command.database}")
        assert "free some space" in run.output() or "see whether its disk is full" in run.output()
        filler.unlink()
        done = finished(command.database)
        with Run(command, *words, *elsewhere) as again:
            assert again.end() == 0, again.output()
        assert_nothing_lost(done, command.database)
        assert_complete(command.database, 20)


@pytest.mark.slow
def test_what_is_read_only_is_refused_in_a_line_and_left_as_it_is(command: Command) -> None:
    with Run(command, *WORDS) as first:
        assert first.end() == 0, first.output()
    before = command.database.read_bytes()
    more = ("ae", "--more", "1", "--jobs", "1", *BUDGET, *NARROW)
    with read_only_disk(command.database.parent), Run(command, *more) as run:
        assert run.end() == 1, run.output()
        assert_one_line(run, f"{command.database}: ")
    with read_only_file(command.database), Run(command, *more) as run:
        assert run.end() in (1, 3), run.output()
        assert_one_line(run, str(command.database))
    assert command.database.read_bytes() == before
    assert_complete(command.database, 2)
