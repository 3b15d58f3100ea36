"""Workers of a Dask cluster: how they are found, and how one is asked."""

import asyncio
import logging
import ssl
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from distributed import Client, Future, Security
from distributed.utils import silence_logging_cmgr

from spaces.errors import ConfigurationError, FaultError, StudyError
from studies.workers import trainer
from studies.workers.pool import Scheduler, WorkerLostError

CONNECT_S = 5.0
"""How long a scheduler may take to answer."""
STOP_S = 0.5
"""What a worker gets to stop by itself, before it is killed or left to itself."""
LOOK_S = 0.25
"""How often one looks whether workers came or went."""


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


def begin(client: Client, coroutine: Coroutine[Any, Any, None]) -> None:
    """Have a coroutine run beside this thread, in the client's own."""
    assert client.loop is not None
    client.loop.add_callback(lambda: coroutine)


@contextmanager
def workers_at(dask: Scheduler) -> Iterator[Client]:
    """Connected to the scheduler of a cluster that goes on after the block.

    Raises:
        FaultError: no scheduler answers there.
        ConfigurationError: what names it does not fit together.
        StudyError: it and this process do not trust each other.
    """
    security = _security(dask)
    with silence_logging_cmgr(logging.CRITICAL):
        try:
            client = Client(dask.address, timeout=CONNECT_S, security=security)
        except (OSError, ValueError) as error:
            raise _no_answer(dask, error) from error
        with client:
            yield client


def _security(dask: Scheduler) -> Security | None:
    """Keys for ``tls://``, from the files that are named, else from Dask's own configuration."""
    files = {"tls_ca_file": dask.ca, "tls_client_cert": dask.cert, "tls_client_key": dask.key}
    named = {name: str(path) for name, path in files.items() if path is not None}
    if not dask.address.startswith(("tls://", "wss://")):
        if named:
            raise ConfigurationError(
                f"--dask {dask.address} is not encrypted, so --dask-ca, --dask-cert and "
                "--dask-key protect nothing; give an address that begins with tls://"
            )
        return None
    security = Security(**named, require_encryption=True)
    if None in (getattr(security, name) for name in files):
        raise StudyError(
            f"--dask {dask.address} needs keys: give --dask-ca, --dask-cert and --dask-key, or "
            "write them into Dask's own configuration (distributed.comm.tls)"
        )
    try:
        security.get_connection_args("client")
    except OSError as error:  # those of keys that are none are among them
        raise StudyError(
            "--dask-ca, --dask-cert or --dask-key is not a readable key or certificate: "
            f"{error.strerror or error}"
        ) from error
    return security


def _no_answer(dask: Scheduler, error: BaseException) -> StudyError:
    causes = []
    cause: BaseException | None = error
    while cause is not None:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return StudyError(
            f"the Dask scheduler at {dask.address} and this process do not trust each other's "
            "certificates; give those that it was started with"
        )
    return FaultError(
        f"no Dask scheduler answers at {dask.address!r}; start one with `dask scheduler`, or "
        "leave out --dask to train on this machine"
    )
