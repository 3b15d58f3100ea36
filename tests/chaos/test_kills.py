"""SIGKILL at random moments, of the command or of its workers, and the same command again."""

import random
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from helpers.faults import Run, assert_complete, assert_nothing_lost, finished
from helpers.installed_command import BUDGET, NARROW, Command

pytestmark = pytest.mark.slow

STUDY = "ae-epochs2-subset600"


@pytest.mark.parametrize(
    ("n_jobs", "n_kills"),
    [
        (2, 3),
        pytest.param(1, 2, marks=pytest.mark.chaos),
        pytest.param(1, 25, marks=pytest.mark.chaos),
        pytest.param(2, 25, marks=pytest.mark.chaos),
    ],
)
def test_kills_at_random_moments_lose_nothing(
    command: Command, short_folder: Path, n_jobs: int, n_kills: int
) -> None:
    command.environment["TMPDIR"] = str(short_folder)
    chance = random.Random(n_kills + n_jobs)
    n_wanted = 8
    done = finished(command.database)
    run = start(command, n_jobs, n_wanted)
    n_killed = 0
    while n_killed < n_kills:
        if chance.random() < 0.6:  # else somewhere in its start
            run.until_says_or_ended("started")
        time.sleep(chance.uniform(0, 2))
        if run.has_ended():
            assert run.end() == 0, run.output()
            n_wanted += 4
            run = start(command, n_jobs, n_wanted)
            continue
        n_killed += 1
        workers = run.workers()
        if workers and chance.random() < 0.5:
            kill_worker(chance.choice(workers))
            done = assert_nothing_lost(done, command.database)
        else:
            run.kill()
            done = assert_nothing_lost(done, command.database)
            run = start(command, n_jobs, n_wanted)
    assert run.end() == 0, run.output()
    with start(command, 1, n_wanted) as last:
        assert last.end() == 0, last.output()
    assert_nothing_lost(done, command.database)
    assert_complete(command.database, n_wanted)
    left = {path.name for path in short_folder.iterdir()}
    assert {name for name in left if not name.startswith("torchinductor_")} == set()  # PyTorch's


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """For temporary files; the names of sockets in it may not be long."""
    with tempfile.TemporaryDirectory(prefix="kills-", dir="/tmp") as folder:
        yield Path(folder)


def start(command: Command, n_jobs: int, n_wanted: int) -> Run:
    many = ("--trials", str(n_wanted), "--jobs", str(n_jobs), "--checkpoint-every", "1")
    return Run(command, "ae", *many, *BUDGET, *NARROW)


def kill_worker(worker: psutil.Process) -> None:
    try:
        worker.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return


def test_the_process_that_workers_fork_from_may_be_killed(command: Command) -> None:
    run = start(command, 2, n_wanted := 1)
    run.until_says("started", times=2)
    (server,) = {worker.parent() for worker in run.workers()}
    assert server is not None
    assert server.pid != run.process.pid
    server.kill()
    done = finished(command.database)
    assert run.end() == 0, run.output()
    assert_nothing_lost(done, command.database)
    assert_complete(command.database, n_wanted)
