"""Many who look at a database, one of them suspended, beside a search in it that none holds up."""

import os
import signal
import time
from contextlib import ExitStack

import pytest
from faults import Run, finished, until
from installed_command import BUDGET, NARROW, Command

from benchmarks.overhead import filled_study

pytestmark = pytest.mark.slow

STUDY = "ae-epochs2-subset600"


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
        (suspended,) = started(stack, command, 1, "studies", "show", STUDY, "--json")
        time.sleep(0.5)  # somewhere on its way
        os.kill(suspended.process.pid, signal.SIGSTOP)
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
        os.kill(suspended.process.pid, signal.SIGCONT)
        assert suspended.end() == 0, suspended.output()
    assert len(finished(command.database)) >= there + wanted


def started(stack: ExitStack, command: Command, n: int, *words: str) -> list[Run]:
    return [stack.enter_context(Run(command, *words)) for _ in range(n)]
