"""Training processes of this machine: how many, and the one that they are forks of.

Does not import torch, so that the process which loads them can start before anything else.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import current_process, forkserver, resource_tracker, util
from time import perf_counter, process_time
from types import ModuleType

from studies.files import temporary
from studies.workers import machine
from studies.workers.stopping import STOPS

LOADED = ["studies.workers.local_pool", "torch._dynamo"]
"""Optimisers load ``torch._dynamo`` in their first step."""

PROCESS_BYTES = 700 * 2**20
"""Memory of a process that trains the largest networks: see docs/speed.md."""


def n_side_by_side(n_jobs: int | None, n_threads: int) -> int:
    """Trainings at a time: as asked, or as many as cores and memory are enough for."""
    return n_jobs or min(_n_by_cores(n_threads), _n_by_memory())


def cut_by_memory(n_jobs: int | None, n_threads: int) -> str | None:
    """What a person should know if there are fewer trainings at a time than cores for them."""
    if n_jobs is not None or _n_by_memory() >= _n_by_cores(n_threads):
        return None
    return (
        f"{_n_by_memory()} at a time instead of {_n_by_cores(n_threads)}, as this process may take "
        f"{(machine.memory_limit() or 0) / 2**30:.1f} GiB of memory; --jobs sets another number"
    )


def _n_by_cores(n_threads: int) -> int:
    return max(1, machine.n_cores() // n_threads)


def _n_by_memory() -> int:
    """Training processes that the memory's limit has room for, beside this process."""
    limit = machine.memory_limit()
    return sys.maxsize if limit is None else max(1, limit // PROCESS_BYTES - 1)


def pace(n_jobs: int, n_threads: int) -> tuple[Callable[[], float], float]:
    """How to foretell what trainings side by side take from what one takes alone.

    Returns:
        The clock to measure that one by, and by how much longer each of them takes. Where
        processor time is rationed, some of that one's is spent waiting, so that only the
        processor's own clock tells what it needs.
    """
    quota = machine.processor_quota()
    if quota is None or quota >= n_jobs * n_threads:
        return perf_counter, 1.0
    return process_time, n_jobs / quota


def environment(n_threads: int) -> dict[str, str]:
    """What a process that trains is to find in its environment before anything is imported."""
    own = {"OMP_NUM_THREADS": str(n_threads), "GOMP_SPINCOUNT": "1000"}
    # glibc takes memory in large pages then, which makes training 3 to 5 % faster.
    return {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"} | own


def load_ahead(n_jobs: int | None, n_threads: int, dask: str | None) -> None:
    """Where processes of this machine will train, start loading for them at once.

    What runs that were killed left among the temporary files is removed before.
    """
    temporary.remove_left()
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
    own = environment(n_threads) | {"PYTHONSAFEPATH": "1"}
    with variables(own), stops_blocked(), without_script():
        try:
            # Where Python makes the socket, in place of a folder that a killed process would leave.
            current_process()._config["tempdir"] = str(temporary.own_folder())  # type: ignore[attr-defined]
            forkserver.ensure_running()
        except OSError:
            return False
    return True


@contextmanager
def stops_blocked() -> Iterator[None]:
    """Keep ``STOPS`` from threads and processes that are started inside the block.

    A terminal, or a scheduler such as Slurm, sends them to every process of a run.
    Workers end when the coordinator says so. What starts inside, with all that it starts in turn,
    inherits what is blocked here.
    """
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        resource_tracker.ensure_running()  # which, started anywhere inside, would unblock SIGINT
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


@contextmanager
def without_script() -> Iterator[None]:
    """Keep what was started, as a user's script, out of processes that are started in the block.

    Python would import it there, for functions of its own that a process might be given, and so
    begin the script's search once more in each of them.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


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
