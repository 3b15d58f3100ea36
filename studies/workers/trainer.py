"""The worker's side of a pool: one process's trainer, of one training at a time.

Asked through a pipe (:mod:`studies.workers.local_pool`), or as a Dask actor
(:mod:`studies.workers.dask_cluster`), which lives in its worker, and whose plain methods run in a
thread of their own, one at a time, while its ``async`` ones answer meanwhile. What goes in and
comes out is pickled here, because Dask's own serialisation takes tensors apart and returns them
with another layout in memory, and that of pipes would share the tensors' memory.
"""

import pickle
from collections.abc import Callable
from importlib import metadata
from typing import Any

import torch

from spaces.errors import StudyError
from studies.data.images import Batch
from studies.networks.evaluation import Score
from studies.training.loop import Training
from studies.workers.pool import EpochDone, Job, Report, Started


class Stopped(Exception):  # noqa: N818
    """The coordinator let go of the training in the middle of its epoch."""


class Trainer:
    """Trains what the coordinator says, and holds the training in between.

    Every plain method answers in pickled form: what it returns, or what it raises instead.

    Args:
        make_training: a pickled ``TrainingFactory``.
        n_threads: torch's threads.
        wanted: the coordinator's :func:`versions`; None for a process that it started itself.

    Raises:
        StudyError: the versions here are others.
    """

    def __init__(
        self, make_training: bytes, n_threads: int, wanted: dict[str, str] | None = None
    ) -> None:
        if wanted is not None and versions() != wanted:
            raise StudyError(f"it has {_differences(versions(), wanted)}")
        self._make_training = pickle.loads(make_training)
        self._n_threads = n_threads
        self._training: Training | None = None
        self._number = -1
        self._is_stopped = False

    def start(self, job: bytes) -> bytes:
        """Set up the training of a pickled :class:`Job`; answers with :class:`Started`."""
        return _answer(lambda: self._start(pickle.loads(job)))

    def go_on(self) -> bytes:
        """Train one more epoch; answers with :class:`EpochDone`."""
        return _answer(self._go_on)

    def state(self) -> bytes:
        """Answers with the training's ``state_dict``."""
        return _answer(lambda: self._current().state_dict())

    def end(self, with_weights: bool) -> bytes:
        """Let go of the training; answers with its :class:`Outcome`."""
        return _answer(lambda: self._end(with_weights))

    async def stop(self) -> bytes:
        """Have the training end at its next batch."""
        self._is_stopped = True
        return _answer(lambda: None)

    async def capability(self) -> bytes:
        """Answers with the instructions of the processor that PyTorch uses, such as ``AVX2``."""
        return _answer(torch.backends.cpu.get_cpu_capability)

    def _start(self, job: Job) -> Report:
        # OpenMP keeps its number of threads for each thread that asks; this one is the actor's.
        torch.set_num_threads(self._n_threads)
        self._is_stopped = False
        self._training = None
        training: Training = self._make_training(job.config, job.seed)
        if job.state is not None:
            training.load_state_dict(job.state)
        self._make_stoppable(training)
        self._training, self._number = training, job.number
        return Started(job.number, job.latency or training.latency())

    def _go_on(self) -> Report:
        return EpochDone(self._number, next(self._current()))

    def _end(self, with_weights: bool) -> Any:
        training, self._training = self._current(), None
        return training.outcome(with_weights)

    def _make_stoppable(self, training: Training) -> None:
        train_batch = training.train_batch

        def train_batch_unless_stopped(batch: Batch) -> Score:
            if self._is_stopped:
                raise Stopped
            return train_batch(batch)

        training.train_batch = train_batch_unless_stopped  # type: ignore[method-assign]

    def _current(self) -> Training:
        assert self._training is not None, "this worker has no training"
        return self._training


def unpack(answer: bytes) -> Any:
    """What a trainer's method returned.

    Raises:
        Exception: what it raised instead.
    """
    returned, value = pickle.loads(answer)
    if returned:
        return value
    raise value


def versions() -> dict[str, str]:
    """What must be alike on coordinator and workers, for results to be alike.

    PyTorch computes, numpy draws what is dropped out; Python itself decides no bit.
    """
    return {name: metadata.version(name) for name in ("fmnist-search", "torch", "numpy")}


def _differences(found: dict[str, str], wanted: dict[str, str]) -> str:
    return ", ".join(
        f"{name} {found.get(name)} instead of {version}"
        for name, version in wanted.items()
        if found.get(name) != version
    )


def _answer(action: Callable[[], Any]) -> bytes:
    try:
        return pickle.dumps((True, action()))
    except Exception as error:
        return _pickled_error(error)


def _pickled_error(error: Exception) -> bytes:
    try:
        answer = pickle.dumps((False, error))
        pickle.loads(answer)
    except Exception:  # an exception that cannot travel: its text can
        return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))
    return answer
