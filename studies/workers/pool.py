"""Who trains: trials' trainings side by side, each an epoch at a time, as the coordinator says.

The coordinator asks, reports, prunes and tells; a pool only trains. Between two epochs a training
waits for the coordinator's word, so a trial's values never depend on how many run beside it.
:mod:`studies.workers.in_process` is the pool of one, without other processes;
:mod:`studies.workers.local_pool` and :mod:`studies.workers.dask_cluster` have others. Nothing
heavy is imported here.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from spaces.space import Configuration
from studies.networks.latency import Latency
from studies.training.metrics import EpochMetrics, Outcome

if TYPE_CHECKING:
    from torch import Tensor

    from studies.training.loop import Training


class Job(NamedTuple):
    """One trial's training."""

    number: int
    """The trial's."""
    config: Configuration
    seed: int
    state: "Mapping[str, Tensor] | None" = None
    """Where an earlier training of the same was left (``Training.state_dict``)."""
    latency: Latency | None = None
    """Of the network, if it is known; else it is measured."""


MakeTraining = Callable[[Configuration, int], "Training"]
"""From configuration and seed to a training; pickled and called in the process that trains, so it
holds paths and settings and no images."""


class Started(NamedTuple):
    """A training is set up, and waits."""

    number: int
    latency: Latency


class EpochDone(NamedTuple):
    """A training finished an epoch, and waits."""

    number: int
    metrics: EpochMetrics


class Raised(NamedTuple):
    """A training raised; it is over."""

    number: int
    error: Exception


class WorkerDied(NamedTuple):
    """The process that trained is gone, and the training with it."""

    number: int
    reason: str


class WorkerLostError(Exception):
    """A worker process is gone, or no longer what it was: no answer will come."""


_NO_MEMORY = ("can't allocate memory", "could not create a primitive", "create a memory object")
"""What PyTorch and oneDNN say when they get none; oneDNN calls other faults of its own so, too."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether a training raised because the system gave it no more memory."""
    refused = isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY)
    return refused or isinstance(error, MemoryError)


Report = Started | EpochDone | Raised | WorkerDied


class Scheduler(NamedTuple):
    """A Dask scheduler whose workers shall train, and what it is to be shown and to show."""

    address: str
    ca: Path | None = None
    """None, as with the next two: what Dask's own configuration says."""
    cert: Path | None = None
    key: Path | None = None


class Pool(Protocol):
    """Trains several jobs side by side. Used by one thread."""

    capacity: int
    """Trainings at a time; a cluster's can change while it runs."""

    def start(self, job: Job) -> None:
        """Set a training up; answered by :class:`Started`."""

    def go_on(self, number: int) -> None:
        """Train one more epoch; answered by :class:`EpochDone`. Never after the last one."""

    def state(self, number: int) -> "dict[str, Tensor] | None":
        """The waiting training's ``state_dict``; None if its worker died, which is reported."""

    def end(self, number: int, with_weights: bool) -> Outcome | None:
        """Let go of the waiting training and take what it leaves; None if its worker died.

        A training that is not waiting is stopped and leaves nothing.
        """

    def wait(self, timeout_s: float | None = None) -> list[Report]:
        """What happened since, at least one report unless the time runs out first."""

    def close(self) -> None:
        """Stop all that still trains and let go of everything. May be called again."""
