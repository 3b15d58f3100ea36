"""A pool of processes of this machine, each asked through a pipe of its own.

Such a pipe is a pair of sockets without a name: nobody but the two processes can reach it, and no
port is opened. A worker is a fork of the process that has loaded PyTorch once for all
(:mod:`studies.workers.processes`), made when a training needs one, and ends with this process,
however this one ends.
"""

import os
import pickle
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from torch import Tensor

from studies.training.metrics import Outcome
from studies.workers.pool import Job, MakeTraining, Raised, Report, WorkerDied
from studies.workers.processes import (
    environment,
    start_fork_server,
    stops_blocked,
    variables,
    without_script,
)
from studies.workers.trainer import Trainer, unpack

ENDING_S = 0.5
"""What a process that was killed may take to be gone."""


class LocalPool:
    """Trains in ``n_jobs`` processes of this machine at most, one training in each."""

    def __init__(self, n_jobs: int, n_threads: int, make_training: MakeTraining) -> None:
        self.capacity = n_jobs
        self._arguments = pickle.dumps(make_training), n_threads
        self._workers: list[_Worker] = []
        self._reports: list[Report] = []

    def start(self, job: Job) -> None:
        """Set a training up in a process that has none."""
        try:
            worker = self._free_worker()
            worker.number = job.number
            worker.ask("start", pickle.dumps(job))
        except (OSError, EOFError) as error:
            self._reports.append(WorkerDied(job.number, f"no process to train it ({error})"))

    def go_on(self, number: int) -> None:
        """Train one more epoch."""
        if worker := self._holder(number):
            try:
                worker.ask("go_on")
            except OSError:
                self._lose(worker)

    def state(self, number: int) -> dict[str, Tensor] | None:
        """The waiting training's ``state_dict``; None if its worker died, which is reported."""
        worker = self._holder(number)
        state: dict[str, Tensor] | None = self._answer(worker, "state") if worker else None
        return state

    def end(self, number: int, with_weights: bool) -> Outcome | None:
        """Let go of a training and take what it leaves; one that is not waiting leaves nothing."""
        worker = self._holder(number)
        if worker is None:
            return None
        worker.number = None
        if worker.is_asked:  # in the middle of its epoch: another process is made in no time
            self._lose(worker)
            return None
        outcome: Outcome | None = self._answer(worker, "end", with_weights)
        return outcome

    def wait(self, timeout_s: float | None = None) -> list[Report]:
        """What happened since; nothing if the time runs out, or if nothing trains."""
        holders = {worker.pipe: worker for worker in self._workers if worker.number is not None}
        trains = any(worker.is_asked for worker in holders.values())
        ready = connection.wait(holders, timeout_s if trains and not self._reports else 0.0)
        for pipe in ready:
            self._receive(holders[pipe])  # type: ignore[index]
        reports, self._reports = self._reports, []
        return reports

    def close(self) -> None:
        """End all processes. May be called again."""
        while self._workers:
            self._workers.pop().end()

    def _free_worker(self) -> "_Worker":
        """One without a training: one that is there, else a new one."""
        for worker in [worker for worker in self._workers if worker.number is None]:
            if not worker.pipe.poll():
                return worker
            self._lose(worker)  # nothing was asked, so that its end is all that can be there
        worker = _start_worker(*self._arguments)
        self._workers.append(worker)
        return worker

    def _receive(self, worker: "_Worker") -> None:
        """Take a worker's answer, or notice that none will come."""
        assert worker.number is not None
        try:
            answer = worker.pipe.recv_bytes()
        except (OSError, EOFError):
            self._lose(worker)
            return
        worker.is_asked = False
        try:
            self._reports.append(unpack(answer))
        except Exception as error:
            self._reports.append(Raised(worker.number, error))
            worker.number = None

    def _answer(self, worker: "_Worker", method: str, *arguments: Any) -> Any:
        """What a trainer's method returns; None if the worker is gone."""
        try:
            worker.ask(method, *arguments)
            answer = worker.pipe.recv_bytes()
        except (OSError, EOFError):
            self._lose(worker)
            return None
        worker.is_asked = False
        return unpack(answer)

    def _lose(self, worker: "_Worker") -> None:
        """Have nothing more to do with a worker; if it held a training, report that."""
        self._workers.remove(worker)
        worker.end()
        if worker.number is not None:
            self._reports.append(WorkerDied(worker.number, "its worker process is gone"))

    def _holder(self, number: int) -> "_Worker | None":
        return next((worker for worker in self._workers if worker.number == number), None)


@dataclass(eq=False)
class _Worker:
    """A process with a trainer, as the coordinator sees it."""

    process: BaseProcess
    pipe: Connection
    number: int | None = None
    """Of the trial whose training it holds."""
    is_asked: bool = False
    """It has been asked for something and has not answered yet."""

    def ask(self, method: str, *arguments: Any) -> None:
        self.is_asked = True
        self.pipe.send((method, arguments))

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.process.close()
        self.pipe.close()


def _start_worker(make_training: bytes, n_threads: int) -> _Worker:
    """A new process.

    Raises:
        OSError, EOFError: the system has no room for one.
    """
    try:
        return _started_worker(make_training, n_threads)
    except (OSError, EOFError):  # what it was to be the fork of is just ending, and is replaced
        time.sleep(ENDING_S)
        return _started_worker(make_training, n_threads)


def _started_worker(make_training: bytes, n_threads: int) -> _Worker:
    forks = start_fork_server(n_threads)
    make_process = (get_context("forkserver") if forks else get_context("spawn")).Process
    ours, theirs = connection.Pipe()
    process = make_process(target=_work, args=(theirs, make_training, n_threads), daemon=True)
    with variables(environment(n_threads)), stops_blocked(), without_script(), theirs:
        process.start()
    return _Worker(process, ours)


def _work(pipe: Connection, make_training: bytes, n_threads: int) -> None:
    """What a worker does: all that it is asked for."""
    threading.Thread(target=_end_with_the_coordinator, daemon=True).start()
    trainer = Trainer(make_training, n_threads)
    with suppress(EOFError, OSError):  # the coordinator is gone
        while True:
            method, arguments = pipe.recv()
            pipe.send_bytes(getattr(trainer, method)(*arguments))


def _end_with_the_coordinator() -> None:
    coordinator = parent_process()
    assert coordinator is not None
    coordinator.join()
    os._exit(1)
