"""Processes of this machine: out of others' reach, deaf to the terminal, gone with the command."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from helpers import ROOT
from helpers.pools import CONFIG, long_trainings, started, until, workers
from helpers.warm import lives

from studies.workers import local_pool
from studies.workers.local_pool import LocalPool
from studies.workers.pool import Job, Started, WorkerDied
from studies.workers.stopping import STOPS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pool(data_dir: Path) -> Iterator[LocalPool]:
    pool = LocalPool(2, 1, long_trainings(data_dir))
    yield pool
    pool.close()


def test_no_process_of_a_pool_listens_where_another_user_could_reach_it(pool: LocalPool) -> None:
    here = psutil.Process()
    before = set(here.net_connections("inet"))  # of other tests
    started(pool, 1, 2)
    there = {process for worker in workers() for process in (worker, *worker.parents()[:1])}
    assert len(there) >= 3, "two workers and the process that they are forks of"
    assert set(here.net_connections("inet")) <= before
    assert not [c for p in there for c in p.net_connections("inet")]
    paths = {Path(c.laddr) for p in there for c in p.net_connections("unix") if c.laddr}
    assert paths, "the fork server has a socket"
    for path in paths:
        assert path.is_absolute(), "a socket without a file can be reached by everybody"
        folder = path.parent.stat()
        assert (folder.st_uid, stat.S_IMODE(folder.st_mode)) == (os.geteuid(), 0o700)
    for number in (1, 2):
        pool.end(number, with_weights=False)


def test_workers_ignore_what_the_terminal_or_a_batch_system_sends_to_all(pool: LocalPool) -> None:
    started(pool, 1)
    before = workers()
    assert before
    for process in before:
        for number in STOPS:
            process.send_signal(number)
    assert pool.state(1) is not None
    assert workers() == before
    pool.end(1, with_weights=False)


def test_a_process_is_made_when_a_training_needs_it_and_taken_again(data_dir: Path) -> None:
    there = set(workers())
    pool = LocalPool(2, 1, long_trainings(data_dir))
    assert set(workers()) == there
    for number in (1, 2):
        started(pool, number)
        pool.end(number, with_weights=False)
    assert len(set(workers()) - there) == 1
    pool.close()
    assert set(workers()) == there


def test_an_idle_process_that_was_killed_costs_no_trial(pool: LocalPool) -> None:
    started(pool, 1)
    pool.end(1, with_weights=False)
    for process in workers():
        process.kill()
    assert until(lambda: not workers())
    started(pool, 2)
    pool.end(2, with_weights=False)


def test_where_no_process_can_be_made_the_trial_is_lost_and_the_next_tries_again(
    pool: LocalPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(pool, 1, 2)
    pool.go_on(1)
    pool.end(1, with_weights=False)  # its process is ended, so that the next needs a new one

    def no_room(*_: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(local_pool, "_start_worker", no_room)
        pool.start(Job(3, CONFIG, seed=7))
        (report,) = pool.wait()
    assert isinstance(report, WorkerDied)
    assert "temporarily unavailable" in report.reason
    started(pool, 4)
    for number in (2, 4):
        pool.end(number, with_weights=False)


def test_the_fork_server_may_be_killed_without_a_loss(data_dir: Path) -> None:
    pool = LocalPool(2, 1, long_trainings(data_dir))
    there = set(workers())
    started(pool, 1)
    (worker,) = set(workers()) - there
    server = worker.parent()
    assert server is not None
    server.kill()
    assert until(lambda: not lives(server.pid))  # not waited for, as Python does that itself
    assert pool.state(1) is not None
    started(pool, 2)
    assert pool.state(1) is not None
    pool.close()
    assert until(lambda: not worker.is_running(), timeout_s=5)


def test_without_a_fork_server_processes_are_started_one_by_one(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_pool, "start_fork_server", lambda _: False)
    pool = LocalPool(2, 1, long_trainings(data_dir))
    pool.start(Job(1, CONFIG, seed=7))
    (report,) = pool.wait()
    assert isinstance(report, Started)
    pool.close()


def test_closing_is_quick_in_the_middle_of_an_epoch_and_ends_all_processes(data_dir: Path) -> None:
    there = set(workers())
    pool = LocalPool(1, 1, long_trainings(data_dir))
    started(pool, 1)
    assert set(workers()) - there
    pool.go_on(1)
    time.sleep(0.3)
    begin = time.monotonic()
    pool.close()
    assert time.monotonic() - begin < 2
    assert set(workers()) <= there
    pool.close()


def test_no_worker_outlives_a_coordinator_that_is_killed(data_dir: Path) -> None:
    program = f"""
import sys, time
from pathlib import Path
import psutil
from helpers.pools import long_trainings, started
from studies.workers.local_pool import LocalPool
if __name__ == "__main__":
    pool = LocalPool(1, 1, long_trainings(Path({str(data_dir)!r})))
    started(pool, 1)
    pool.go_on(1)
    print(*(p.pid for p in psutil.Process().children(recursive=True)), flush=True)
    time.sleep(60)
"""
    coordinator = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )
    assert coordinator.stdout
    pids = [int(pid) for pid in coordinator.stdout.readline().split()]
    coordinator.send_signal(signal.SIGKILL)
    _, noise = coordinator.communicate()
    assert pids, noise
    assert until(lambda: not any(psutil.pid_exists(pid) for pid in pids), timeout_s=5)
    assert "Traceback" not in noise
