"""A pool of the workers of a Dask cluster that somebody else started.

Each worker process holds one :class:`~studies.workers.trainer.Trainer`, a Dask actor. Actors rather
than tasks, because what is asked of an actor happens at most once: Dask computes a task whose
worker was lost again, elsewhere, but only tells that an actor was lost.
"""

import asyncio
import pickle
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from math import inf
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from torch import Tensor

from spaces.errors import FaultError, StudyError
from studies.training.metrics import Outcome
from studies.workers.dask_joining import Joining
from studies.workers.dask_workers import LOOK_S, STOP_S, Worker, begin, call, workers_at
from studies.workers.pool import (
    Job,
    MakeTraining,
    Raised,
    Report,
    Scheduler,
    WorkerDied,
    WorkerLostError,
)
from studies.workers.trainer import versions

JOIN_S = 60.0
"""How long workers may take to load what a training needs."""


class Cluster:
    """Trains in the workers of a Dask cluster that goes on afterwards, one training in each.

    Arguments are as of :func:`~studies.workers.who_trains.make_pool`.

    Attributes:
        capacity: workers that train or can; changes only in :meth:`wait`.

    Raises:
        FaultError: no scheduler answers there, or it has no workers that are free.
        StudyError: none of its workers can train as this process would.
    """

    def __init__(
        self,
        dask: Scheduler,
        n_threads: int,
        make_training: MakeTraining,
        say: Callable[[str], None],
    ) -> None:
        self._say = say
        self._is_waiting = False
        self._workers: list[Worker] = []
        self._queued: deque[Job] = deque()
        self._arrivals: SimpleQueue[Callable[[], Report | None]] = SimpleQueue()
        self._unsaid: list[str] = []
        self.capacity = 0
        arguments = pickle.dumps(make_training), n_threads, versions()
        with ExitStack() as stack:
            self._client = client = stack.enter_context(workers_at(dask))
            self._address = str(client.scheduler_info()["address"])
            self._looked = monotonic()
            self._joining = Joining(
                client, arguments, self._arrivals, self._take, self._unsaid.append
            )
            self._wait_for_first_trainers()
            self._resources = stack.pop_all()

    def start(self, job: Job) -> None:
        """Set a training up in a worker that has none, or in the next that has none."""
        self._queued.append(job)
        self._start_queued()

    def go_on(self, number: int) -> None:
        """Train one more epoch."""
        if worker := self._holder(number):
            self._ask_for_report(worker, number, "go_on")

    def state(self, number: int) -> dict[str, Tensor] | None:
        """The waiting training's ``state_dict``; None if its worker died, which is reported."""
        worker = self._holder(number)
        state: dict[str, Tensor] | None = self._ask(worker, "state") if worker else None
        return state

    def end(self, number: int, with_weights: bool) -> Outcome | None:
        """Let go of a training and take what it leaves; one that is not waiting leaves nothing."""
        self._queued = deque(job for job in self._queued if job.number != number)
        worker = self._holder(number)
        if worker is None:
            return None
        question = ("stop",) if worker.is_asked else ("end", with_weights)
        try:
            outcome: Outcome | None = self._ask(worker, *question)
        finally:
            worker.number = None
        return outcome

    def wait(self, timeout_s: float | None = None) -> list[Report]:
        """What happened since; nothing if the time runs out, or if nothing trains.

        Where nothing trains, it returns after a moment, in which workers may have come.

        Raises:
            FaultError: the scheduler is gone, and all trainings with it.
        """
        deadline = inf if timeout_s is None else monotonic() + timeout_s
        while True:
            reports = self._arrived(min(LOOK_S, max(0.0, deadline - monotonic())))
            reports += self._look_at_workers()
            self._start_queued()
            trains = self._queued or any(worker.is_asked for worker in self._workers)
            if reports or not trains or monotonic() >= deadline:
                return reports

    def close(self) -> None:
        """Stop all that still trains and let go of the workers. May be called again."""
        asked = [worker for worker in self._workers if worker.is_asked]
        self._workers, self.capacity = [], 0
        self._queued.clear()
        if asked and self._client.status == "running":
            with suppress(WorkerLostError, OSError, TimeoutError):
                self._client.sync(self._stop_all, asked, callback_timeout=STOP_S)
        self._resources.close()

    def _wait_for_first_trainers(self) -> None:
        deadline = monotonic() + JOIN_S
        self._joining.look()
        if not self._joining.pending:
            raise FaultError(
                f"the Dask scheduler at {self._address} has no workers; "
                f"start some with `dask worker {self._address}`"
            )
        while self._joining.pending and monotonic() < deadline:
            self._arrived(LOOK_S)
        if not self._workers and (problem := self._joining.problem):
            raise StudyError(
                f"no worker of the Dask scheduler at {self._address} can train: {problem}; "
                "give them the same packages as this process has"
            )
        if not self._workers:
            raise FaultError(
                f"the workers of the Dask scheduler at {self._address} are busy with other work; "
                "wait until they are free, or use others"
            )

    def _take(self, worker: Worker) -> None:
        self._workers.append(worker)
        self.capacity = len(self._workers)

    def _look_at_workers(self) -> list[Report]:
        """Notice which workers came and which are gone."""
        if monotonic() - self._looked < LOOK_S:
            return []
        self._looked = monotonic()
        if self._client.status == "running":
            self._joining.look()
        gone = [worker for worker in self._workers if worker.made.status != "finished"]
        if self._client.status != "running":
            raise FaultError(
                f"the Dask scheduler at {self._address} is gone; "
                "start it again, then type the same command to go on"
            )
        reports = [self._lost(worker, "its worker process is gone") for worker in gone]
        self._say_what_is_new()
        return [report for report in reports if report]

    def _say_what_is_new(self) -> None:
        if self.capacity:
            self._is_waiting = False
        elif not self._is_waiting and not self._joining.pending:
            self._is_waiting = True
            self._unsaid.append("no worker is left that can train; waiting for another")
        while self._unsaid:
            self._say(self._unsaid.pop(0))

    def _lost(self, worker: Worker, reason: str) -> Report | None:
        if worker in self._workers:
            self._workers.remove(worker)
            self.capacity = len(self._workers)
        number, worker.number = worker.number, None
        return None if number is None else WorkerDied(number, reason)

    def _start_queued(self) -> None:
        for worker in self._workers:
            if self._queued and worker.number is None and not worker.is_asked:
                job = self._queued.popleft()
                worker.number = job.number
                self._ask_for_report(worker, job.number, "start", pickle.dumps(job))

    def _ask_for_report(self, worker: Worker, number: int, method: str, *arguments: Any) -> None:
        worker.is_asked = True
        begin(self._client, self._bring_report(worker, number, method, *arguments))

    async def _bring_report(
        self, worker: Worker, number: int, method: str, *arguments: Any
    ) -> None:
        try:
            report: Report = await call(worker, method, *arguments)
        except WorkerLostError as lost:
            reason = str(lost)
            self._arrivals.put(lambda: self._lost(worker, reason))
        except Exception as error:
            raised = Raised(number, error)
            self._arrivals.put(lambda: self._answered(worker, raised))
        else:
            self._arrivals.put(lambda: self._answered(worker, report))

    def _answered(self, worker: Worker, report: Report) -> Report | None:
        worker.is_asked = False
        if worker.number is None:  # it was ended, or lost, in the meantime
            return None
        if isinstance(report, Raised):
            worker.number = None
        return report

    def _arrived(self, timeout_s: float) -> list[Report]:
        """What workers answered, waiting for the first answer."""
        reports: list[Report | None] = []
        with suppress(Empty):
            reports.append(self._arrivals.get(timeout=timeout_s)())
            while True:
                reports.append(self._arrivals.get_nowait()())
        return [report for report in reports if report]

    def _ask(self, worker: Worker, method: str, *arguments: Any) -> Any:
        """What a trainer's method returns; None if the worker is lost, which is reported."""
        try:
            return self._client.sync(call, worker, method, *arguments)
        except WorkerLostError as lost:
            reason = str(lost)
            self._arrivals.put(lambda: self._lost(worker, reason))
            return None

    def _holder(self, number: int) -> Worker | None:
        return next((worker for worker in self._workers if worker.number == number), None)

    async def _stop_all(self, workers: list[Worker]) -> None:
        await asyncio.gather(*(call(worker, "stop") for worker in workers))
