"""What only other processes can do: die, hang on, and be elsewhere."""

import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
import pytest
from distributed import Security
from helpers import ROOT
from helpers.pools import (
    connected,
    dask_cluster,
    has_capacity,
    long_trainings,
    started,
    until,
    workers,
)

from spaces.errors import FaultError, FmnistSearchError, StudyError
from studies.workers.dask_cluster import Cluster
from studies.workers.dask_workers import workers_at
from studies.workers.local_pool import LocalPool
from studies.workers.pool import EpochDone, Pool, Report, Scheduler, WorkerDied
from studies.workers.trainer import Trainer, versions

pytestmark = pytest.mark.slow


@contextmanager
def local(folder: Path) -> Iterator[Pool]:
    yield LocalPool(2, 1, long_trainings(folder))


@contextmanager
def dask_workers(folder: Path) -> Iterator[Pool]:
    with dask_cluster(2) as cluster:
        yield connected(cluster, long_trainings(folder))


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
        pool = connected(cluster, long_trainings(data_dir))
        try:
            assert all(has_capacity(pool, 1) for _ in range(12))
        finally:
            pool.close()


def test_an_address_where_nobody_answers_is_an_error_that_says_so() -> None:
    nobody = Scheduler("tcp://127.0.0.1:9")
    with (
        pytest.raises(FaultError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"),
        workers_at(nobody),
    ):
        pass


def test_an_existing_cluster_may_grow_and_may_lose_its_scheduler(data_dir: Path) -> None:
    with dask_cluster(0) as cluster:
        address = cluster.scheduler_address
        with pytest.raises(FaultError, match="has no workers; start some with `dask worker tcp:"):
            connected(cluster, long_trainings(data_dir))
        cluster.scale(1)
        cluster.wait_for_workers(1)
        pool = connected(cluster, long_trainings(data_dir))
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
    make = pickle.dumps(long_trainings(data_dir))
    with pytest.raises(StudyError, match=r"it has torch 2\.[^,]* instead of 1\.0$"):
        Trainer(make, 1, versions() | {"torch": "1.0"})


@contextmanager
def dask_worker(address: str, folder: Path) -> Iterator[None]:
    """A worker of Dask's own command, which finds what is in the folder before all else."""
    program = str(Path(sys.executable).with_name("dask"))
    words = (address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "worker", *words],
            env=os.environ | {"PYTHONPATH": f"{folder}:{ROOT}:{ROOT / 'tests'}"},
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_a_late_worker_that_cannot_train_is_said_once_set_aside_and_taken_when_mended(
    data_dir: Path, tmp_path: Path
) -> None:
    other = tmp_path / "numpy-1.0.dist-info" / "METADATA"
    other.parent.mkdir()
    other.write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n")
    said: list[str] = []
    with dask_cluster(1) as cluster:
        pool = connected(cluster, long_trainings(data_dir), said.append)
        with dask_worker(cluster.scheduler_address, tmp_path):
            assert until(lambda: has_capacity(pool, 1) and bool(said)), (
                tmp_path / "log"
            ).read_text()
            cluster.scale(0)
            assert until(lambda: has_capacity(pool, 0) and len(said) > 1)
            (aside,) = pool._joining._aside.values()
            assert until(lambda: has_capacity(pool, 0) and time.monotonic() > aside.until)
            assert until(lambda: has_capacity(pool, 0) and pool._joining.problem is not None)
            assert len(said) == 2
            assert re.fullmatch(
                r"the Dask worker tcp:\S+ is set aside, because it cannot train: "
                rf"it has numpy 1\.0 instead of {re.escape(versions()['numpy'])}",
                said[0],
            )
            assert said[1] == "no worker is left that can train; waiting for another"
            other.unlink()
            other.parent.rmdir()
            assert until(lambda: has_capacity(pool, 1))
            pool.close()


def keys(folder: Path) -> tuple[Security, Path, Path, Path]:
    """Keys made for a test, and their files: authority, certificate, key."""
    folder.mkdir()
    security = Security.temporary()
    paths = []
    for name in ("tls_ca_file", "tls_client_cert", "tls_client_key"):
        path = folder / f"{name}.pem"
        path.write_text(getattr(security, name))
        paths.append(path)
    return security, paths[0], paths[1], paths[2]


def test_a_cluster_over_tls_is_reached_with_its_keys_alone(data_dir: Path, tmp_path: Path) -> None:
    security, *files = keys(tmp_path / "own")
    _, *others = keys(tmp_path / "others")
    with dask_cluster(1, security=security, protocol="tls://") as cluster:
        address = cluster.scheduler_address
        assert address.startswith("tls://")
        make = long_trainings(data_dir)
        pool = Cluster(Scheduler(address, *files), 1, make, print)
        started(pool, 1)
        pool.close()
        configured = dict(
            zip(("ca-file", "client.cert", "client.key"), map(str, files), strict=True)
        )
        own = {f"distributed.comm.tls.{name}": path for name, path in configured.items()}
        with dask.config.set(own), workers_at(Scheduler(address)):
            pass
        with (
            pytest.raises(StudyError, match="do not trust each other's certificates"),
            workers_at(Scheduler(address, *others)),
        ):
            pass
        with (
            pytest.raises(FaultError, match="no Dask scheduler answers"),
            workers_at(Scheduler(address.replace("tls:", "tcp:"))),
        ):
            pass


@pytest.mark.parametrize(
    ("address", "n_files", "words"),
    [
        ("tls://127.0.0.1:9", 0, "needs keys: give --dask-ca, --dask-cert and --dask-key"),
        ("tls://127.0.0.1:9", 2, "needs keys"),
        ("tls://127.0.0.1:9", 3, "is not a readable key or certificate"),
        ("tcp://127.0.0.1:9", 3, "is not encrypted, so --dask-ca"),
    ],
)
def test_keys_that_are_missing_damaged_or_of_no_use_are_refused(
    tmp_path: Path, address: str, n_files: int, words: str
) -> None:
    file = tmp_path / "key.pem"
    file.write_text("no key")
    with (
        pytest.raises(FmnistSearchError, match=words),
        workers_at(Scheduler(address, *[file] * n_files)),
    ):
        pass
