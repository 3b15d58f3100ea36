"""The final protocol: one configuration trained with several seeds, judged once by the test images.

Killed at any moment, the same call goes on: a seed that finished is in the folder with its figures
and weights, one that was in training is there with its last checkpoint. What is trained there is
noted before the first epoch, and in each state, so that no other training goes on from it.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock, Timeout

from spaces.errors import StudyError, TrainingDivergedError
from studies.data.images import Images, load_split, load_test
from studies.engine.coordinator import CHECKPOINT_SHARE
from studies.engine.progress import Notice
from studies.engine.reuse import as_columns
from studies.files import tensor_files
from studies.files.writing import write
from studies.final import results, states
from studies.final.plan import FinalPlan
from studies.final.results import FinalResult, SeedResult
from studies.networks.evaluation import judge
from studies.networks.plain import build
from studies.records.attempts import MAX_ATTEMPTS
from studies.records.request import FinalRequest, scheduler
from studies.records.settings import environment
from studies.records.trials import OUT_OF_MEMORY
from studies.training.factory import TrainingFactory
from studies.training.metrics import EpochMetrics
from studies.workers import who_trains
from studies.workers.pool import EpochDone, Job, Pool, Raised, Started, WorkerDied, is_out_of_memory
from studies.workers.stopping import Interrupted, StopSignal


class SeedStarted(NamedTuple):
    """A seed begins to train, or goes on."""

    seed: int
    n_epochs: int


class SeedDone(NamedTuple):
    """A seed was trained and judged."""

    result: SeedResult


FinalEvent = SeedStarted | EpochDone | SeedDone | Notice


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
        StudyError: the folder cannot be written or is another training's, or a worker died again
            and again.
        TrainingDivergedError: a loss became NaN or infinite.
        Interrupted: the user or the system stopped it; it can go on later.
    """
    torch.set_num_threads(request.threads)
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(plan.folder / ".lock", timeout=0), stop.installed():
            there = results.there(plan.result, plan.folder)  # others may have been quicker
            now = plan._replace(result=there)
            return _FinalRun(now, request, data_folder, on_event, stop).run()
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
        result, folder = self.plan.result, self.plan.folder
        self._running: dict[int, _Running] = {}
        self._attempts: dict[int, int] = {}
        self._furthest: dict[int, int] = {}
        self._checkpoint_s = 0.0
        todo = self.plan.left
        if not todo:
            return result
        for seed in todo:  # another training's state is refused before anything is trained
            states.read(folder, result, seed)
        results.write(result, folder)
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
            start = tensor_files.to_bytes(encoder.weights)
            write(self.plan.folder / "encoder.safetensors", start)
        request = self.request
        factory = TrainingFactory(self.data_folder, self.plan.budget, request.threads, start)
        return who_trains.make_pool(
            *(self.plan.n_jobs, request.threads, scheduler(request), factory),
            lambda text: self.on_event(Notice(text)),
        )

    def _start(self, pool: Pool, seed: int) -> None:
        state = states.read(self.plan.folder, self.plan.result, seed)
        if state.left_aside:
            self.on_event(Notice(f"seed {seed} begins anew: {state.left_aside}"))
        if len(state.history) > self._furthest.get(seed, 0):  # progress begins the count anew
            self._furthest[seed] = len(state.history)
            self._attempts.pop(seed, None)
        self._running[seed] = _Running([*state.history])
        self.on_event(SeedStarted(seed, self.plan.budget.epochs))
        for metrics in state.history:
            self.on_event(EpochDone(seed, metrics))
        pool.start(Job(seed, self.plan.model.config, seed, state.tensors))

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
        judgement, last = judge(network, self._judging_images), history[-1]
        broken = tensor_files.first_not_finite(outcome.weights)
        if broken is not None or not math.isfinite(judgement.loss):
            raise TrainingDivergedError(
                f"seed {seed} ended with {broken or 'a loss'} that is not finite; "
                "a smaller learning rate may help"
            )
        name, content = f"seed{seed}.safetensors", tensor_files.to_bytes(outcome.weights)
        write(self.plan.folder / name, content)
        made = SeedResult(
            seed,
            *judgement,
            train_loss=last.train_loss,
            train_accuracy=last.train_accuracy,
            seconds=sum(metrics.seconds for metrics in history),
            epochs=_without_nan(as_columns(history)),
            weights=name,
            sha256=tensor_files.digest(content),
            made_with=environment(),
        )
        result = result.with_seed(made)
        results.write(result, self.plan.folder)
        states.path(self.plan.folder, seed).unlink(missing_ok=True)
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
            history = running.history
            states.write(self.plan.folder, self.plan.result, seed, state, history)
            running.stored_at = time.monotonic()
            self._checkpoint_s = running.stored_at - now


def _without_nan(columns: dict[str, list[float]]) -> dict[str, list[float]]:
    """The columns that hold numbers: without validation images its metrics are none."""
    return {name: column for name, column in columns.items() if all(v == v for v in column)}
