"""Workers of a Dask cluster: how they are found, and how one is asked."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from distributed import Client, Future
from distributed.utils import silence_logging_cmgr

from spaces.errors import StudyError
from studies import trainer

CONNECT_S = 5.0
"""How long a scheduler may take to answer."""
STOP_S = 0.5
"""What a worker gets to stop by itself, before it is killed or left to itself."""
LOOK_S = 0.25
"""How often one looks whether workers came or went."""


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
