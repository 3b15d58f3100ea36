"""Worker processes: how they are started here or found elsewhere, and how one is asked."""

import asyncio
import logging
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import dask
import distributed.utils
from distributed import Client, Future, LocalCluster
from distributed.utils import silence_logging_cmgr

from spaces.errors import StudyError
from studies import trainer
from studies.processes import environment, start_fork_server, stops_blocked

CONNECT_S = 5.0
"""How long a scheduler may take to answer."""
STOP_S = 0.5
"""What a worker gets to stop by itself, before it is killed or left to itself."""
LOOK_S = 0.25
"""How often one looks whether workers came or went."""

FORKED = {"distributed.worker.multiprocessing-method": "forkserver"}
"""Setting of Dask, which it reads whenever it starts a worker, also one that replaces another."""


class WorkerLostError(Exception):
    """A worker process is gone, or no longer what it was."""


@dataclass(eq=False)
class Worker:
    """A process with a trainer, as the coordinator sees it."""

    made: Future[Any]
    """Of the trainer; no longer finished when Dask has lost the worker."""
    trainer: Any
    number: int | None = None
    """Of the trial whose training it holds."""
    is_asked: bool = False
    """It has been asked for a report and has not answered yet."""


async def call(worker: Worker, method: str, *arguments: Any) -> Any:
    """What a trainer's method returns, or raises.

    Dask tries for half a minute to reach a process that has just been killed, while its scheduler
    knows at once that it is gone.

    Raises:
        WorkerLostError: no answer will come.
    """
    try:
        answer = asyncio.ensure_future(getattr(worker.trainer, method)(*arguments))
        while not (await asyncio.wait([answer], timeout=LOOK_S))[0]:
            if worker.made.status != "finished":
                answer.cancel()
                raise ConnectionError("Dask has lost it")
        packed = await answer
    except Exception as error:  # not of the training, whose errors travel in the answer
        raise WorkerLostError(f"its worker process is gone ({error})") from error
    return trainer.unpack(packed)


@contextmanager
def workers_at(address: str) -> Iterator[Client]:
    """Connected to the scheduler of a cluster that goes on after the block.

    Raises:
        StudyError: no scheduler answers there.
    """
    with silence_logging_cmgr(logging.CRITICAL):
        try:
            client = Client(address, timeout=CONNECT_S)
        except (OSError, ValueError) as error:
            raise StudyError(
                f"no Dask scheduler answers at {address!r}; start one with `dask scheduler`, or "
                "leave out --dask to train on this machine"
            ) from error
        with client:
            yield client


@contextmanager
def local_workers(n_workers: int, n_threads: int) -> Iterator[Client]:
    """Connected to processes of our own, which end with the block, or with this process."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fmnist-search-"))
        if start_fork_server(n_threads):
            distributed.utils._forkserver_preload_set = True  # else Dask would load all it knows
            stack.enter_context(dask.config.set(FORKED))
        with dask.config.set(_settings(n_threads)), stops_blocked():
            local = LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # else takes port 8787
                local_directory=folder,
                silence_logs=logging.CRITICAL,
            )
            stack.callback(local.close)
            stack.callback(_end, local)
            client = stack.enter_context(Client(local, direct_to_workers=True))
        yield client


def _end(local: LocalCluster) -> None:
    """End the processes, which would otherwise get seconds to finish what they do."""

    async def end() -> None:
        nannies = local.workers.values()
        await asyncio.gather(*(n.close(timeout=STOP_S) for n in nannies), return_exceptions=True)

    local.sync(end)


def _settings(n_threads: int) -> dict[str, Any]:
    """Dask's settings of local workers."""
    return {
        "distributed.nanny.pre-spawn-environ": environment(n_threads),
        "distributed.worker.preload": [trainer.__name__],
        "distributed.worker.profile.enabled": False,
    }
