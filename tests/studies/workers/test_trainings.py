"""What a run's trainings tell and store, on a pool that trains nothing."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from torch import Tensor

from benchmarks.no_training import NoTraining
from spaces.autoencoder import AutoencoderConfig
from spaces.space import Configuration
from studies.training.metrics import EpochMetrics
from studies.workers import trainings
from studies.workers.in_process import InProcess
from studies.workers.pool import EpochDone, Job, Raised, Started, WorkerDied
from studies.workers.stopping import Interrupted, StopSignal
from studies.workers.trainings import OutOfMemory, RunningTraining, TrainingEvent, Trainings

CONFIG = AutoencoderConfig()
NOTHING = partial(NoTraining, 0.0)
EARLIER = tuple(EpochMetrics(epoch, 1.0, 1.0, 1.0, 0.5) for epoch in (1, 2))


class Client:
    """Trains one job to its end, and keeps what it was told."""

    def __init__(
        self,
        make_training: Callable[[Configuration, int], Any] = NOTHING,
        earlier: tuple[EpochMetrics, ...] = (),
        n_epochs: int = 4,
        every: int | None = None,
    ) -> None:
        self.told: list[TrainingEvent] = []
        self.stored: list[tuple[int, int]] = []
        """Epochs told and epoch of the state at each checkpoint."""
        self.outcomes: list[Any] = []
        self.n_epochs = n_epochs
        self.stop = StopSignal()
        self.trainings: Trainings[RunningTraining] = Trainings(
            InProcess(make_training), self.stop, self.store, every
        )
        state = make_training(CONFIG, 1).state_dict() | {"epoch": Tensor([len(earlier)])}
        self.trainings.start(RunningTraining(7, earlier), Job(7, CONFIG, 1, state))

    def store(self, running: RunningTraining, state: dict[str, Tensor]) -> None:
        self.stored.append((len(running.history), int(state["epoch"])))

    def run(self) -> list[TrainingEvent]:
        while self.trainings.running:
            self.trainings.wait(self.take)
        return self.told

    def take(self, running: RunningTraining, event: TrainingEvent) -> None:
        self.told.append(event)
        match event:
            case Started():
                self.trainings.go_on(running)
            case EpochDone() if len(running.history) < self.n_epochs:
                self.trainings.go_on(running)
            case EpochDone():
                self.outcomes.append(self.trainings.end(running, with_weights=True))
                self.trainings.let_go(running)
            case _:
                self.trainings.let_go(running)


def epochs(events: list[TrainingEvent]) -> list[int]:
    return [event.metrics.epoch for event in events if isinstance(event, EpochDone)]


def test_a_training_that_goes_on_tells_its_earlier_epochs_once_more() -> None:
    client = Client(earlier=EARLIER)
    told = client.run()
    assert isinstance(told[0], Started)
    assert epochs(told) == [1, 2, 3, 4]
    assert told[1:3] == [EpochDone(7, metrics) for metrics in EARLIER]
    assert client.outcomes[0].weights is not None


@pytest.mark.parametrize(
    ("every", "stored"), [(1, [(1, 1), (2, 2), (3, 3)]), (2, [(2, 2)]), (None, [])]
)
def test_checkpoints_come_as_often_as_asked(
    every: int | None, stored: list[tuple[int, int]]
) -> None:
    client = Client(every=every)
    client.run()
    assert client.stored == stored


@pytest.mark.parametrize("every", [1, None])
def test_nothing_is_stored_that_was_not_trained_here(
    every: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainings, "CHECKPOINT_SHARE", float("inf"))  # after every epoch
    client = Client(earlier=EARLIER, every=every)
    client.run()
    assert client.stored == [(3, 3)], "neither before the first epoch nor what was told again"


class Fails(NoTraining):
    """Raises where it is asked for something."""

    def __init__(self, method: str, error: Exception, *arguments: Any) -> None:
        super().__init__(0.0, *arguments, 1)

        def fail(*_: Any, **__: Any) -> Any:
            raise error

        setattr(self, method, fail)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("could not create a primitive")])
@pytest.mark.parametrize("method", ["train_epoch", "outcome"])
def test_memory_that_runs_out_is_one_event_wherever_it_does(method: str, error: Exception) -> None:
    client = Client(lambda config, _: Fails(method, error, config))
    assert client.run()[-1] == OutOfMemory(7)
    assert not client.outcomes


def test_what_else_a_training_raises_is_told_as_it_is() -> None:
    error = ValueError("nothing of the machine's")
    client = Client(lambda config, _: Fails("train_epoch", error, config))
    assert client.run()[-1] == Raised(7, error)


def test_a_worker_that_dies_when_asked_for_its_outcome_is_told_as_one_that_died(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(InProcess, "end", lambda *_, **__: None)
    client = Client(n_epochs=1)
    assert isinstance(client.run()[-1], WorkerDied)


def test_nothing_is_told_of_a_training_that_was_let_go_of() -> None:
    client = Client()
    client.trainings.let_go(client.trainings.running[7])
    client.trainings.wait(client.take)
    assert client.told == []


def test_what_the_client_itself_raises_goes_through() -> None:
    client = Client()

    def take(*_: Any) -> None:
        raise RuntimeError("of the client")

    with pytest.raises(RuntimeError, match="of the client"):
        client.trainings.wait(take)


def test_a_signal_leaves_the_wait() -> None:
    client = Client()
    client.stop.received = 2
    with pytest.raises(Interrupted):
        client.trainings.wait(client.take)
    assert client.told == []
