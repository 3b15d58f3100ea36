"""What only other processes can do: die, hang on, outlive others, and be elsewhere."""

import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import dask
import psutil
import pytest
from distributed import LocalCluster
from warm import workers_of

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.errors import StudyError
from spaces.space import Configuration
from studies.cluster import Cluster, existing_cluster, local_cluster
from studies.data import Split, load_split
from studies.pool import EpochDone, Job, Report, Started, WorkerDied
from studies.trainer import Trainer
from studies.training import Training

pytestmark = pytest.mark.slow

BUDGET = Budget(epochs=500)
"""Epochs of all images take a minute: whoever waits for one to end is noticed."""
CONFIG = AutoencoderConfig()
ROOT = Path(__file__).parent.parent.parent


@cache
def split_in(folder: Path) -> Split:
    return load_split(folder, BUDGET)


def make_training(folder: Path, config: Configuration, seed: int) -> Training:
    return Training(config, split_in(folder), seed, BUDGET)


def children() -> list[psutil.Process]:
    """Worker processes of this one."""
    return workers_of(os.getpid())


def until(condition: Callable[[], bool], timeout_s: float = 90.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def started(pool: Cluster, *numbers: int) -> None:
    """Have so many trainings wait."""
    for number in numbers:
        pool.start(Job(number, CONFIG, seed=7))
    reports: list[Report] = []
    while len(reports) < len(numbers):
        reports += pool.wait()
    assert {report.number for report in reports if isinstance(report, Started)} == set(numbers)


def has_capacity(pool: Cluster, n_workers: int) -> bool:
    pool.wait(timeout_s=0.3)
    return pool.capacity == n_workers


@pytest.fixture(scope="module")
def pool(data_dir: Path) -> Iterator[Cluster]:
    pool = local_cluster(2, 1, partial(make_training, data_dir))
    yield pool
    pool.close()


def test_a_killed_worker_is_reported_for_its_trial_alone_and_replaced(pool: Cluster) -> None:
    before = children()
    started(pool, 1, 2)
    pool.go_on(1)
    time.sleep(0.5)
    busy = max(before, key=lambda process: process.cpu_percent(0.3))
    busy.send_signal(signal.SIGKILL)
    (report,) = pool.wait(timeout_s=5)
    assert isinstance(report, WorkerDied)
    assert report.number == 1
    assert "gone" in report.reason
    assert pool.capacity == 1
    assert pool.state(2) is not None
    assert until(lambda: has_capacity(pool, 2))
    assert pool.wait(timeout_s=1) == []
    started(pool, 3)
    pool.end(2, with_weights=False)
    pool.end(3, with_weights=False)


def test_workers_are_counted_once_whatever_else_refreshes_the_clients_list(data_dir: Path) -> None:
    # The client's own timer replaces its list of workers by one without any, at any moment.
    with dask.config.set({"distributed.client.scheduler-info-interval": "1ms"}):
        pool = local_cluster(1, 1, partial(make_training, data_dir))
    try:
        assert all(has_capacity(pool, 1) for _ in range(12))
    finally:
        pool.close()


def test_a_worker_that_dies_while_its_training_waits_is_reported(pool: Cluster) -> None:
    started(pool, 1, 2)
    for process in children():
        process.kill()
    reports: list[Report] = []
    assert until(lambda: bool(reports.extend(pool.wait(timeout_s=1)) or len(reports) == 2))
    assert {(type(report), report.number) for report in reports} == {
        (WorkerDied, 1),
        (WorkerDied, 2),
    }
    assert pool.state(1) is None
    assert pool.end(1, with_weights=True) is None
    assert until(lambda: has_capacity(pool, 2))


def test_who_asks_a_worker_that_was_just_killed_need_not_wait_for_the_network(
    pool: Cluster,
) -> None:
    started(pool, 1)
    for process in children():
        process.kill()
    begin = time.monotonic()
    assert pool.state(1) is None
    assert pool.end(1, with_weights=True) is None
    assert time.monotonic() - begin < 10
    assert until(lambda: has_capacity(pool, 2))


def test_a_training_in_the_middle_of_its_epoch_is_stopped_and_leaves_nothing(
    pool: Cluster,
) -> None:
    started(pool, 1, 2)
    pool.go_on(1)
    time.sleep(0.3)
    assert pool.end(1, with_weights=True) is None
    begin = time.monotonic()
    started(pool, 3)
    assert time.monotonic() - begin < 5
    for number in (2, 3):
        pool.end(number, with_weights=False)


def test_workers_ignore_an_interrupt_of_the_terminal(pool: Cluster) -> None:
    started(pool, 1)
    before = children()
    for process in before:
        process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert children() == before
    assert pool.state(1) is not None
    pool.end(1, with_weights=False)


def test_workers_listen_on_the_loopback_only_and_leave_no_files_here(pool: Cluster) -> None:
    processes = [psutil.Process(), *children()]
    listening = [
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}
    assert not list(Path.cwd().glob("dask-*"))


def test_closing_is_quick_in_the_middle_of_an_epoch_and_ends_all_processes(
    data_dir: Path,
) -> None:
    there = set(children())
    pool = local_cluster(1, 1, partial(make_training, data_dir))
    assert set(children()) - there
    started(pool, 1)
    pool.go_on(1)
    time.sleep(0.3)
    begin = time.monotonic()
    pool.close()
    assert time.monotonic() - begin < 2
    assert set(children()) <= there
    pool.close()


def test_no_worker_outlives_a_coordinator_that_is_killed(data_dir: Path) -> None:
    program = f"""
import sys, time
from functools import partial
from pathlib import Path
import psutil
from test_cluster import local_cluster, make_training, started
if __name__ == "__main__":
    pool = local_cluster(1, 1, partial(make_training, Path({str(data_dir)!r})))
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
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}:{Path(__file__).parent}"},
    )
    assert coordinator.stdout
    pids = [int(pid) for pid in coordinator.stdout.readline().split()]
    coordinator.kill()
    _, noise = coordinator.communicate()
    assert pids, noise
    assert until(lambda: not any(psutil.pid_exists(pid) for pid in pids), timeout_s=5)
    assert "Traceback" not in noise


def test_an_address_where_nobody_answers_is_an_error_that_says_so() -> None:
    with pytest.raises(StudyError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"):
        existing_cluster("tcp://127.0.0.1:9", 1, make_training)  # type: ignore[arg-type]


def test_an_existing_cluster_may_grow_and_may_lose_its_scheduler(data_dir: Path) -> None:
    with LocalCluster(
        n_workers=0,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    ) as cluster:
        address = cluster.scheduler_address
        with pytest.raises(StudyError, match="has no workers; start some with `dask worker tcp:"):
            existing_cluster(address, 1, partial(make_training, data_dir))
        cluster.scale(1)
        cluster.wait_for_workers(1)
        pool = existing_cluster(address, 1, partial(make_training, data_dir))
        assert pool.capacity == 1
        started(pool, 1)
        cluster.scale(2)
        assert until(lambda: has_capacity(pool, 2))
        started(pool, 2)
        pool.go_on(2)
    with pytest.raises(StudyError, match=f"the Dask scheduler at {address} is gone"):
        until(lambda: any(isinstance(report, EpochDone) for report in pool.wait(timeout_s=1)))
    pool.close()


def test_a_worker_with_other_versions_refuses_to_train(data_dir: Path) -> None:
    make = pickle.dumps(partial(make_training, data_dir))
    with pytest.raises(StudyError, match=r"it has .*torch 2.* instead of torch 1\.0"):
        Trainer(make, 1, {"torch": "1.0"})
