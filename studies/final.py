"""The final protocol: one configuration trained with several seeds, judged once by the test images.

Killed at any moment, the same call goes on: a seed that finished is in the folder with its figures
and weights, one that was in training is there with its last checkpoint.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save, save_file
from torch import Tensor

from spaces.errors import StudyError
from studies import final_results
from studies.data import Images, load_split, load_test
from studies.evaluation import judge
from studies.factory import TrainingFactory
from studies.final_plan import FinalPlan, FinalRequest
from studies.final_results import FinalResult, SeedResult
from studies.launch import make_pool
from studies.metrics import EpochMetrics
from studies.networks import build
from studies.pool import EpochDone, Job, Pool, Raised, Started, WorkerDied, is_out_of_memory
from studies.request import SearchRequest
from studies.results import as_columns, from_columns
from studies.run import CHECKPOINT_SHARE
from studies.stopping import Interrupted, StopSignal
from studies.trials import MAX_ATTEMPTS, OUT_OF_MEMORY


class SeedStarted(NamedTuple):
    """A seed begins to train, or goes on."""

    seed: int
    n_epochs: int


class SeedDone(NamedTuple):
    """A seed was trained and judged."""

    result: SeedResult


FinalEvent = SeedStarted | EpochDone | SeedDone


def train_final(
    plan: FinalPlan,
    request: FinalRequest,
    data_folder: Path,
    on_event: Callable[[FinalEvent], None],
    stop: StopSignal,
) -> FinalResult:
    """Train and judge the seeds that are left.

    Args:
        plan: what to do.
        request: what the user asked for.
        data_folder: holds verified data.
        on_event: told of everything that happens.
        stop: asked between steps whether to stop.

    Raises:
        StudyError: the folder cannot be written, or a worker died again and again.
        TrainingDivergedError: a loss became NaN or infinite.
        Interrupted: the user or the system stopped it; it can go on later.
    """
    torch.set_num_threads(request.threads)
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(plan.folder / ".lock", timeout=0), stop.installed():
            return _FinalRun(plan, request, data_folder, on_event, stop).run()
    except Timeout as error:
        raise StudyError(
            f"another process trains into {plan.folder}; wait for it, or name another with --out"
        ) from error
    except OSError as error:
        raise StudyError(
            f"cannot write results into {plan.folder}: {error.strerror or error}; "
            "make room, or name another folder with --out"
        ) from error


@dataclass
class _Running:
    history: list[EpochMetrics] = field(default_factory=list)
    stored_at: float = field(default_factory=time.monotonic)


@dataclass
class _FinalRun:
    plan: FinalPlan
    request: FinalRequest
    data_folder: Path
    on_event: Callable[[FinalEvent], None]
    stop: StopSignal

    def run(self) -> FinalResult:
        result = self.plan.result
        self._running: dict[int, _Running] = {}
        self._attempts: dict[int, int] = {}
        self._checkpoint_s = 0.0
        if not self.plan.left:
            return result
        todo = self.plan.left
        with self.stop.interruptible():
            pool = self._make_pool()
        try:
            while todo or self._running:
                if self.stop.received is not None:
                    raise Interrupted
                while todo and len(self._running) < max(1, pool.capacity):
                    self._start(pool, todo.pop(0))
                with self.stop.interruptible():
                    reports = pool.wait()
                for report in reports:
                    match report:
                        case Started(seed):
                            pool.go_on(seed)
                        case EpochDone(seed, metrics):
                            self._take_epoch(seed, metrics)
                            if metrics.epoch < self.plan.budget.epochs:
                                self._checkpoint_if_due(pool, seed)
                                pool.go_on(seed)
                            elif (finished := self._finish(pool, seed, result)) is not None:
                                result = finished
                            else:
                                todo.append(
                                    self._lost(seed, "its worker is gone, or out of memory")
                                )
                        case WorkerDied(seed, reason):
                            todo.append(self._lost(seed, reason))
                        case Raised(seed, error) if is_out_of_memory(error):
                            todo.append(self._lost(seed, OUT_OF_MEMORY))
                        case Raised(_, error):
                            raise error
        finally:
            pool.close()
        return result

    def _make_pool(self) -> Pool:
        encoder = self.plan.model.encoder
        start = None
        if encoder is not None and encoder.weights:
            start = save(encoder.weights)
            (self.plan.folder / "encoder.safetensors").write_bytes(start)
        jobs = SearchRequest(
            jobs=self.plan.n_jobs, threads=self.request.threads, dask=self.request.dask
        )
        return make_pool(
            jobs, TrainingFactory(self.data_folder, self.plan.budget, self.request.threads, start)
        )

    def _start(self, pool: Pool, seed: int) -> None:
        state, history = self._stored(seed)
        self._running[seed] = _Running(history)
        self.on_event(SeedStarted(seed, self.plan.budget.epochs))
        for metrics in history:
            self.on_event(EpochDone(seed, metrics))
        pool.start(Job(seed, self.plan.model.config, seed, state))

    def _take_epoch(self, seed: int, metrics: EpochMetrics) -> None:
        self._running[seed].history.append(metrics)
        self.on_event(EpochDone(seed, metrics))

    def _lost(self, seed: int, reason: str) -> int:
        del self._running[seed]
        self._attempts[seed] = self._attempts.get(seed, 1) + 1
        if self._attempts[seed] > MAX_ATTEMPTS:
            raise StudyError(
                f"seed {seed} was lost {MAX_ATTEMPTS} times ({reason}); it is given up"
            )
        return seed

    def _finish(self, pool: Pool, seed: int, result: FinalResult) -> FinalResult | None:
        """The result with the seed's figures; None if its worker died or had no memory for them."""
        try:
            outcome = pool.end(seed, with_weights=True)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            outcome = None
        history = self._running[seed].history
        if outcome is None or outcome.weights is None:
            return None
        network = build(self.plan.model.config)
        network.load_state_dict(outcome.weights)
        judgement = judge(network, self._judging_images)
        file, last = self._weights(seed), history[-1]
        _save(outcome.weights, file, {})
        made = SeedResult(
            seed,
            *judgement,
            train_loss=last.train_loss,
            train_accuracy=last.train_accuracy,
            seconds=sum(metrics.seconds for metrics in history),
            epochs=_without_nan(as_columns(history)),
            weights=file.name,
        )
        result = result.with_seed(made)
        final_results.write(result, self.plan.folder)
        self._state_file(seed).unlink(missing_ok=True)
        del self._running[seed]
        self.on_event(SeedDone(made))
        return result

    @cached_property
    def _judging_images(self) -> Images:
        """Opened when the first seed is through, and not before."""
        if self.plan.budget.protocol == "final":
            return load_test(self.data_folder)
        return load_split(self.data_folder, self.plan.budget).validation

    def _checkpoint_if_due(self, pool: Pool, seed: int) -> None:
        running, now = self._running[seed], time.monotonic()
        if now - running.stored_at <= max(self._checkpoint_s, 0.1) / CHECKPOINT_SHARE:
            return
        state = pool.state(seed)
        if state is not None:
            columns = json.dumps(as_columns(running.history))
            _save(state, self._state_file(seed), {"epochs": columns})
            running.stored_at = time.monotonic()
            self._checkpoint_s = running.stored_at - now

    def _stored(self, seed: int) -> tuple[Mapping[str, Tensor] | None, list[EpochMetrics]]:
        file = self._state_file(seed)
        if not file.exists():
            return None, []
        try:
            with safe_open(file, "pt") as opened:
                history = from_columns(json.loads(opened.metadata()["epochs"]))
            return load_file(file), history
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):  # damaged
            return None, []

    def _weights(self, seed: int) -> Path:
        return self.plan.folder / f"seed{seed}.safetensors"

    def _state_file(self, seed: int) -> Path:
        return self.plan.folder / f"seed{seed}.state.safetensors"


def _save(tensors: Mapping[str, Tensor], file: Path, metadata: dict[str, str]) -> None:
    """Write the tensors, whole or not at all."""
    partial = file.with_suffix(".partial")
    save_file({name: t.contiguous() for name, t in tensors.items()}, partial, metadata)
    partial.replace(file)


def _without_nan(columns: dict[str, list[float]]) -> dict[str, list[float]]:
    """The columns that hold numbers: without validation images its metrics are none."""
    return {name: column for name, column in columns.items() if all(v == v for v in column)}
