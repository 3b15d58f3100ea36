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
    is_out_of_memory,
)
from studies.workers.stopping import StopSignal

CHECKPOINT_SHARE = 0.01
"""Of a training's time at most that its checkpoints take, where nobody says how often they come."""


class OutOfMemory(NamedTuple):
    """A training got no more memory; it is over."""

    number: int


Event = Started | EpochDone | Raised | WorkerDied | OutOfMemory


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


class _WorkerGone(Exception):  # noqa: N818
    """A training ended with its worker just when it was asked for what it leaves."""


class Trainings(Generic[R]):
    """All trainings of a run.

    Args:
        pool: that trains; closed with this.
        stop: leaves :meth:`wait` at once.
        store: keeps where a training stands, its ``state_dict``, in place of where it stood before.
        checkpoint_every: so many epochs; None: as often as ``CHECKPOINT_SHARE`` allows.

    Attributes:
        running: those that were started and not let go of, by number.
    """

    def __init__(
        self,
        pool: Pool,
        stop: StopSignal,
        store: Callable[[R, dict[str, Tensor]], None],
        checkpoint_every: int | None = None,
    ) -> None:
        self.running: dict[int, R] = {}
        self._pool = pool
        self._stop = stop
        self._store = store
        self._checkpoint_every = checkpoint_every
        self._checkpoint_s = 0.0
        self._reports: deque[Report] = deque()

    @property
    def capacity(self) -> int:
        """Trainings at a time; one can always be started, as a cluster may have workers again."""
        return max(1, self._pool.capacity)

    @property
    def has_room(self) -> bool:
        """Whether one more can be started."""
        return len(self.running) < self.capacity

    def start(self, running: R, job: Job) -> None:
        """Have a training set up; :class:`Started` says that it waits."""
        self.running[running.number] = running
        self._pool.start(job)

    def wait(self, take: Callable[[R, Event], None]) -> None:
        """Wait until something happens to a training, and have it dealt with.

        Args:
            take: called with each training and what happened to it. Until it lets go of the
                training (:meth:`let_go`), that is among the running.

        Raises:
            Interrupted: a signal came, at once or before.
        """
        with self._stop.interruptible():
            self._reports.extend(self._pool.wait())
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
        if n_told > n_earlier and self._is_due(running):
            self._checkpoint(running)
        self._pool.go_on(running.number)

    def end(self, running: R, with_weights: bool) -> Outcome:
        """What a training leaves that waits; if its worker died, that is dealt with instead."""
        outcome = self._pool.end(running.number, with_weights)
        if outcome is None:
            raise _WorkerGone
        return outcome

    def let_go(self, running: R) -> None:
        """Have nothing more to do with a training; if it still waits or trains, it ends."""
        del self.running[running.number]
        with suppress(RuntimeError, MemoryError):  # of what it would leave
            self._pool.end(running.number, with_weights=False)

    def close(self) -> None:
        """Stop all that still trains."""
        self._pool.close()

    def _deal(self, running: R, report: Report, take: Callable[[R, Event], None]) -> None:
        if isinstance(report, EpochDone):
            running.history.append(report.metrics)
        lost = OutOfMemory(running.number)
        if isinstance(report, Raised) and is_out_of_memory(report.error):
            take(running, lost)
            return
        try:
            take(running, report)
        except _WorkerGone:
            take(running, WorkerDied(running.number, "its worker process is gone"))
        except (RuntimeError, MemoryError) as error:
            if running.number not in self.running or not is_out_of_memory(error):
                raise
            take(running, lost)  # it ran out while the training gave its state or its outcome

    def _is_due(self, running: R) -> bool:
        if self._checkpoint_every is not None:
            return len(running.history) % self._checkpoint_every == 0
        least = max(self._checkpoint_s, 0.1) / CHECKPOINT_SHARE
        return monotonic() - running.stored_at > least

    def _checkpoint(self, running: R) -> None:
        begun = monotonic()
        state = self._pool.state(running.number)
        if state is not None:
            self._store(running, state)
            running.stored_at = monotonic()
            self._checkpoint_s = running.stored_at - begun
