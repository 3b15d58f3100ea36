"""Many who look at a database, one of them suspended, beside a search in it that none holds up."""

import time
from contextlib import ExitStack, suppress

import psutil
import pytest
from helpers.faults import Run, finished, until
from helpers.installed_command import BUDGET, NARROW, Command

from benchmarks.overhead import filled_study

pytestmark = pytest.mark.slow

STUDY = "ae-epochs2-subset600"
AT_REST = (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize(
    ("n_trials", "n_readers"), [(100, 4), pytest.param(3000, 20, marks=pytest.mark.chaos)]
)
def test_no_reader_fails_and_none_holds_a_search_up(
    command: Command, n_trials: int, n_readers: int
) -> None:
    command.database.parent.mkdir(parents=True)
    filled_study(command.database, n_trials)
    there = len(finished(command.database))
    wanted = 40
    with ExitStack() as stack:
        search = stack.enter_context(
            Run(command, "ae", "--trials", str(wanted), "--jobs", "1", *BUDGET, *NARROW)
        )
        search.until_says("started", times=2)
        dashboards = started(stack, command, 2, "dashboard", "--port", "0")
        suspended = suspended_on_its_way(stack, command)
        readers = started(stack, command, n_readers // 2, "studies", "--json")
        readers += started(stack, command, n_readers - len(readers), "studies", "show", STUDY)
        for reader in readers:
            assert reader.end() == 0, reader.output()
            assert STUDY in reader.output()
        for dashboard in dashboards:
            dashboard.until_says("?token=")
        now = len(finished(command.database))
        until(lambda: len(finished(command.database)) > now or search.has_ended(), "one more trial")
        assert search.end() == 0, search.output()
        assert not any(dashboard.has_ended() for dashboard in dashboards)
        psutil.Process(suspended.process.pid).resume()
        assert suspended.end() == 0, suspended.output()
    assert len(finished(command.database)) >= there + wanted


def suspended_on_its_way(stack: ExitStack, command: Command) -> Run:
    """A reader that was stopped before its end, as late as this machine's pace lets one do it."""
    for delay_s in (0.5, 0.25, 0.1, 0.05, 0.0):
        (reader,) = started(stack, command, 1, "studies", "show", STUDY, "--json")
        time.sleep(delay_s)
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(reader.process.pid)
            process.suspend()
            until(lambda p=process: p.status() in AT_REST, "the reader is suspended or through")
            if process.status() == psutil.STATUS_STOPPED:
                return reader
    raise AssertionError("every reader was through before it could be stopped")


def started(stack: ExitStack, command: Command, n: int, *words: str) -> list[Run]:
    return [stack.enter_context(Run(command, *words)) for _ in range(n)]
