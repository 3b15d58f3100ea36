"""The trainings of a run on its pool, each with what has been trained of it so far.

Whoever runs them says what to train, what comes after each epoch, and what becomes of a training
that ended. A worker that dies and memory that runs out are one event each, wherever they are found.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, NamedTuple, TypeVar

from torch import Tensor

from studies.training.metrics import EpochMetrics, Outcome
from studies.workers.pool import (
    EpochDone,
    Job,
    Pool,
    Raised,
    Report,
    Started,
    WorkerDied,
    WorkerLostError,
    is_out_of_memory,
)
from studies.workers.stopping import StopSignal

CHECKPOINT_SHARE = 0.01
"""Of a training's time at most that its checkpoints take, where nobody says how often they come."""


class OutOfMemory(NamedTuple):
    """A training got no more memory; it is over."""

    number: int


TrainingEvent = Started | EpochDone | Raised | WorkerDied | OutOfMemory


@dataclass(eq=False)
class RunningTraining:
    """A training on its way."""

    number: int
    earlier: Sequence[EpochMetrics]
    """Epochs of the state that it goes on from; told once more before it goes on."""
    history: list[EpochMetrics] = field(default_factory=list, init=False)
    """Epochs that were told."""
    begun: float = field(default_factory=monotonic, init=False)
    stored_at: float = field(default_factory=monotonic, init=False)
    """When its last checkpoint was stored."""


R = TypeVar("R", bound=RunningTraining)


@dataclass
class Trainings(Generic[R]):
    """All trainings of a run."""

    pool: Pool
    stop: StopSignal
    """Leaves :meth:`wait` at once."""
    store: Callable[[R, dict[str, Tensor]], None]
    """Keeps where a training stands, its ``state_dict``, in place of where it stood before."""
    checkpoint_every: int | None = None
    """So many epochs; None: as often as ``CHECKPOINT_SHARE`` allows."""
    running: dict[int, R] = field(default_factory=dict, init=False)
    """Those that were started and not let go of, by number."""
    _reports: deque[Report] = field(default_factory=deque, init=False)
    _checkpoint_s: float = field(default=0.0, init=False)

    @property
    def capacity(self) -> int:
        """Trainings at a time; one can always be started, as a cluster may have workers again."""
        return max(1, self.pool.capacity)

    @property
    def has_room(self) -> bool:
        """Whether one more can be started."""
        return len(self.running) < self.capacity

    def start(self, running: R, job: Job) -> None:
        """Have a training set up; :class:`Started` says that it waits."""
        self.running[running.number] = running
        self.pool.start(job)

    def wait(self, take: Callable[[R, TrainingEvent], None]) -> None:
        """Wait until something happens to a training, and have it dealt with.

        Args:
            take: called with each training and what happened to it; a training stays among the
                running until it lets go of it (:meth:`let_go`).

        Raises:
            Interrupted: a signal came, at once or before.
        """
        with self.stop.interruptible():
            self._reports.extend(self.pool.wait())
        while self._reports:
            report = self._reports.popleft()
            running = self.running.get(report.number)
            if running is not None:  # else it was ended meanwhile
                self._deal(running, report, take)

    def go_on(self, running: R) -> None:
        """Store where it stands if that is due, and train the next epoch; :class:`EpochDone`."""
        n_told, n_earlier = len(running.history), len(running.earlier)
        if n_told < n_earlier:
            self._reports.append(EpochDone(running.number, running.earlier[n_told]))
            return
        if n_told > n_earlier:
            self._store_if_due(running)
        self.pool.go_on(running.number)

    def end(self, running: R, with_weights: bool) -> Outcome:
        """What a training leaves that waits; if its worker died, that is dealt with instead."""
        outcome = self.pool.end(running.number, with_weights)
        if outcome is None:
            raise WorkerLostError("its worker process is gone")
        return outcome

    def let_go(self, running: R) -> None:
        """Have nothing more to do with a training; if it still waits or trains, it ends."""
        del self.running[running.number]
        with suppress(RuntimeError, MemoryError):  # of what it would leave
            self.pool.end(running.number, with_weights=False)

    def _deal(self, running: R, report: Report, take: Callable[[R, TrainingEvent], None]) -> None:
        if isinstance(report, EpochDone):
            running.history.append(report.metrics)
        try:
            if isinstance(report, Raised) and is_out_of_memory(report.error):
                raise report.error
            take(running, report)
        except WorkerLostError as lost:
            take(running, WorkerDied(running.number, str(lost)))
        except (RuntimeError, MemoryError) as error:  # also of what gives a state or an outcome
            if running.number not in self.running or not is_out_of_memory(error):
                raise
            take(running, OutOfMemory(running.number))

    def _store_if_due(self, running: R) -> None:
        every, begun = self.checkpoint_every, monotonic()
        least_s = max(self._checkpoint_s, 0.1) / CHECKPOINT_SHARE
        by_time = begun - running.stored_at > least_s
        due = by_time if every is None else len(running.history) % every == 0
        state = self.pool.state(running.number) if due else None
        if state is not None:
            self.store(running, state)
            running.stored_at = monotonic()
            self._checkpoint_s = running.stored_at - begun
