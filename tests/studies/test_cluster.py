"""What only other processes can do: die, hang on, and be elsewhere."""

import pickle
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import dask
import pytest
from pools import dask_cluster, has_capacity, make_training, started, until, workers

from spaces.errors import StudyError
from studies.cluster import existing_cluster
from studies.local_pool import LocalPool
from studies.pool import EpochDone, Pool, Report, WorkerDied
from studies.trainer import Trainer

pytestmark = pytest.mark.slow


@contextmanager
def local(folder: Path) -> Iterator[Pool]:
    yield LocalPool(2, 1, partial(make_training, folder))


@contextmanager
def dask_workers(folder: Path) -> Iterator[Pool]:
    with dask_cluster(2) as cluster:
        yield existing_cluster(cluster.scheduler_address, 1, partial(make_training, folder))


@pytest.fixture(scope="module", params=[local, dask_workers])
def pool(request: pytest.FixtureRequest, data_dir: Path) -> Iterator[Pool]:
    with request.param(data_dir) as pool:
        yield pool
        pool.close()


def test_a_killed_worker_is_reported_for_its_trial_alone_and_replaced(pool: Pool) -> None:
    started(pool, 1, 2)
    before = workers()
    pool.go_on(1)
    time.sleep(0.5)
    busy = max(before, key=lambda process: process.cpu_percent(0.3))
    busy.send_signal(signal.SIGKILL)
    (report,) = pool.wait(timeout_s=5)
    assert isinstance(report, WorkerDied)
    assert report.number == 1
    assert "gone" in report.reason
    assert pool.state(2) is not None
    assert until(lambda: has_capacity(pool, 2))
    assert pool.wait(timeout_s=1) == []
    started(pool, 3)
    pool.end(2, with_weights=False)
    pool.end(3, with_weights=False)


def test_a_worker_that_dies_while_its_training_waits_is_reported(pool: Pool) -> None:
    started(pool, 1, 2)
    for process in workers():
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
    pool: Pool,
) -> None:
    started(pool, 1)
    for process in workers():
        process.kill()
    begin = time.monotonic()
    assert pool.state(1) is None
    assert pool.end(1, with_weights=True) is None
    assert time.monotonic() - begin < 10
    assert until(lambda: has_capacity(pool, 2))


def test_a_training_in_the_middle_of_its_epoch_is_stopped_and_leaves_nothing(pool: Pool) -> None:
    started(pool, 1, 2)
    pool.go_on(1)
    time.sleep(0.3)
    assert pool.end(1, with_weights=True) is None
    begin = time.monotonic()
    started(pool, 3)
    assert time.monotonic() - begin < 5
    for number in (2, 3):
        pool.end(number, with_weights=False)


def test_workers_are_counted_once_whatever_else_refreshes_the_clients_list(data_dir: Path) -> None:
    # The client's own timer replaces its list of workers by one without any, at any moment.
    often = {"distributed.client.scheduler-info-interval": "1ms"}
    with dask_cluster(1) as cluster, dask.config.set(often):
        pool = existing_cluster(cluster.scheduler_address, 1, partial(make_training, data_dir))
        try:
            assert all(has_capacity(pool, 1) for _ in range(12))
        finally:
            pool.close()


def test_an_address_where_nobody_answers_is_an_error_that_says_so() -> None:
    with pytest.raises(StudyError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"):
        existing_cluster("tcp://127.0.0.1:9", 1, make_training)  # type: ignore[arg-type]


def test_an_existing_cluster_may_grow_and_may_lose_its_scheduler(data_dir: Path) -> None:
    with dask_cluster(0) as cluster:
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
