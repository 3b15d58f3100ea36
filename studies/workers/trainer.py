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
from studies.workers.in_process import OneTraining
from studies.workers.pool import Job, Started


class Trainer:
    """Trains what the coordinator says, and holds the training in between.

    Every plain method answers in pickled form: what it returns, or what it raises instead.

    Args:
        make_training: a pickled ``MakeTraining``.
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
        self._held = OneTraining(pickle.loads(make_training))
        self._n_threads = n_threads

    def start(self, job: bytes) -> bytes:
        """Set up the training of a pickled :class:`Job`; answers with :class:`Started`."""
        return _answer(lambda: self._start(pickle.loads(job)))

    def go_on(self) -> bytes:
        """Train one more epoch; answers with :class:`EpochDone`."""
        return _answer(self._held.go_on)

    def state(self) -> bytes:
        """Answers with the training's ``state_dict``."""
        return _answer(self._held.state)

    def end(self, with_weights: bool) -> bytes:
        """Let go of the training; answers with its :class:`Outcome`."""
        return _answer(lambda: self._held.end(with_weights))

    async def stop(self) -> bytes:
        """Have the training end at its next batch."""
        return _answer(self._held.stop)

    async def capability(self) -> bytes:
        """Answers with the instructions of the processor that PyTorch uses, such as ``AVX2``."""
        return _answer(torch.backends.cpu.get_cpu_capability)

    def _start(self, job: Job) -> Started:
        # OpenMP keeps its number of threads for each thread that asks; this one is the actor's.
        torch.set_num_threads(self._n_threads)
        return self._held.start(job)


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
