"""What tests of pools share: a training that takes long, and a Dask cluster of this machine."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import distributed.utils
import psutil
from distributed import LocalCluster

from helpers.warm import start_loading, workers_of
from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from studies.training.factory import TrainingFactory
from studies.workers.dask_cluster import Cluster
from studies.workers.pool import Job, MakeTraining, Pool, Report, Scheduler, Started

BUDGET = Budget(epochs=500)
"""Epochs of all images take a minute: whoever waits for one to end is noticed."""
CONFIG = AutoencoderConfig()


def long_trainings(folder: Path) -> TrainingFactory:
    """A factory, for pools, of trainings that nobody waits for the end of."""
    return TrainingFactory(folder, BUDGET, n_threads=1)


@contextmanager
def dask_cluster(n_workers: int, **options: Any) -> Iterator[LocalCluster]:
    """A scheduler, and workers that are forks of a process which has loaded everything already."""
    start_loading()
    distributed.utils._forkserver_preload_set = True  # else Dask would load all it knows
    forked = {"distributed.worker.multiprocessing-method": "forkserver"}
    with (
        dask.config.set(forked),
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
            **options,
        ) as cluster,
    ):
        yield cluster


def connected(
    cluster: LocalCluster, make: MakeTraining, say: Callable[[str], None] = print
) -> Cluster:
    """The cluster's workers as a pool, each with one thread."""
    return Cluster(Scheduler(cluster.scheduler_address), 1, make, say)


def workers() -> list[psutil.Process]:
    """Worker processes of this one."""
    return workers_of(os.getpid())


def until(condition: Callable[[], bool], timeout_s: float = 90.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def started(pool: Pool, *numbers: int) -> None:
    """Have so many trainings wait."""
    for number in numbers:
        pool.start(Job(number, CONFIG, seed=7))
    reports: list[Report] = []
    while len(reports) < len(numbers):
        reports += pool.wait()
    assert {r.number for r in reports if isinstance(r, Started)} == set(numbers), reports


def has_capacity(pool: Pool, n_workers: int) -> bool:
    pool.wait(timeout_s=0.3)
    return pool.capacity == n_workers
