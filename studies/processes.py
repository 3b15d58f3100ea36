"""Training processes of this machine: how many, and the one that they are forks of.

Does not import torch, so that the process which loads them can start before anything else.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker, util

import psutil

LOADED = ["studies.local_pool", "torch._dynamo"]
"""Optimisers load ``torch._dynamo`` in their first step."""

TO_ALL = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1}
"""Signals that stop a run and that a terminal, or a scheduler such as Slurm, sends to every process
of it."""


def n_side_by_side(n_jobs: int | None, n_threads: int) -> int:
    """Trainings at a time: as asked, or one per core of this process left by threads.

    Physical cores are counted, of those that the process may use.
    """
    cores = psutil.cpu_count(logical=False) or 1
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    return n_jobs or max(1, cores // n_threads)


def environment(n_threads: int) -> dict[str, str]:
    """What a process that trains is to find in its environment before anything is imported.

    Args:
        n_threads: that it trains with.
    """
    own = {"OMP_NUM_THREADS": str(n_threads), "GOMP_SPINCOUNT": "1000"}
    # glibc takes memory in large pages then, which makes training 3 to 5 % faster.
    return {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"} | own


def load_ahead(n_jobs: int | None, n_threads: int, dask: str | None) -> None:
    """Where processes of this machine will train, start loading for them at once."""
    if dask is None and n_side_by_side(n_jobs, n_threads) > 1:
        start_fork_server(n_threads)


def start_fork_server(n_threads: int) -> bool:
    """Start loading what training processes need, beside what this process does.

    Each of them, also one that replaces another, is then a fork of one process, which has loaded
    PyTorch once for all. It ends with this process. Started again, it stays what it was made for.

    Returns:
        Whether there is one. It listens on a socket among the temporary files, and the names of
        sockets may not be long; without it processes can still be started one by one.
    """
    multiprocessing.set_forkserver_preload(LOADED)
    # Python 3.11.0 would listen on a socket without a file, where any user could have code run.
    util.abstract_sockets_supported = False  # type: ignore[misc]
    # Without the working folder on its path, where anything may be called as what it loads.
    with variables(environment(n_threads) | {"PYTHONSAFEPATH": "1"}), stops_blocked():
        try:
            forkserver.ensure_running()
        except OSError:
            return False
    return True


@contextmanager
def stops_blocked() -> Iterator[None]:
    """Keep the signals of ``TO_ALL`` from threads and processes that are started inside the block.

    Workers end when the coordinator says so. What starts inside, with all that it starts in turn,
    inherits what is blocked here.
    """
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, TO_ALL)
    try:
        resource_tracker.ensure_running()  # which, started anywhere inside, would unblock SIGINT
        signal.pthread_sigmask(signal.SIG_BLOCK, TO_ALL)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables set inside the block, but for those that the user has set."""
    ours = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]
