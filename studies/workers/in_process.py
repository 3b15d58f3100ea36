"""One training at a time in this process, an epoch at a time; and the pool that is just that."""

from collections.abc import Callable

from torch import Tensor

from studies.training.loop import Training
from studies.training.metrics import Outcome
from studies.workers.pool import EpochDone, Job, MakeTraining, Raised, Report, Started


class OneTraining:
    """Holds a training between its epochs, one at a time."""

    def __init__(self, make_training: MakeTraining) -> None:
        self._make_training = make_training
        self._number = -1
        self._training: Training | None = None
        self._is_stopped = False

    def start(self, job: Job) -> Started:
        """Set a training up, in place of the one before."""
        self._training, self._is_stopped = None, False
        training = self._make_training(job.config, job.seed)
        if job.state is not None:
            training.load_state_dict(job.state)
        self._training, self._number = training, job.number
        return Started(job.number, job.latency or training.latency())

    def go_on(self) -> EpochDone:
        """Train one more epoch.

        Raises:
            Stopped: :meth:`stop` was called meanwhile, by another thread.
        """
        metrics = self._current().train_epoch(should_stop=lambda: self._is_stopped)
        return EpochDone(self._number, metrics)

    def state(self) -> dict[str, Tensor]:
        """The training's ``state_dict``."""
        return self._current().state_dict()

    def end(self, with_weights: bool) -> Outcome:
        """Let go of the training and take what it leaves."""
        training, self._training = self._current(), None
        return training.outcome(with_weights)

    def let_go(self) -> None:
        """Let go of the training, if there is one, and of its memory."""
        self._training = None

    def stop(self) -> None:
        """Have the training end at its next batch."""
        self._is_stopped = True

    def _current(self) -> Training:
        assert self._training is not None, "there is no training"
        return self._training


class InProcess:
    """A pool of one, in this process: an epoch is trained while somebody waits for it."""

    capacity = 1

    def __init__(self, make_training: MakeTraining) -> None:
        self._held = OneTraining(make_training)
        self._number: int | None = None
        self._todo: Callable[[], Report] | None = None

    def start(self, job: Job) -> None:
        """Set a training up, at the next :meth:`wait`."""
        self._number, self._todo = job.number, lambda: self._held.start(job)

    def go_on(self, number: int) -> None:  # noqa: ARG002
        """Train one more epoch, at the next :meth:`wait`."""
        self._todo = self._held.go_on

    def state(self, number: int) -> dict[str, Tensor] | None:  # noqa: ARG002
        """The training's ``state_dict``."""
        return self._held.state()

    def end(self, number: int, with_weights: bool) -> Outcome | None:
        """Let go of the training and take what it leaves; nothing if it was about to train."""
        waits = number == self._number and self._todo is None
        self._number = self._todo = None
        if waits:
            return self._held.end(with_weights)
        self._held.let_go()
        return None

    def wait(self, timeout_s: float | None = None) -> list[Report]:  # noqa: ARG002
        """Do what was asked for; an interrupt leaves the training where its last batch left it."""
        todo, self._todo = self._todo, None
        if todo is None or self._number is None:
            return []
        try:
            return [todo()]
        except Exception as error:
            number = self._number
            self.close()
            return [Raised(number, error)]

    def close(self) -> None:
        """Let go of the training."""
        self._number = self._todo = None
        self._held.let_go()
