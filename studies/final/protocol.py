"""The final protocol: one configuration trained with several seeds, judged once by the test images.

Killed at any moment, the same call goes on: a seed that finished is in the folder with its figures
and weights, one that was in training is there with its last checkpoint. What is trained there is
noted before the first epoch, and in each state, so that no other training goes on from it.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from spaces.errors import StudyError, TrainingDivergedError
from studies.data.images import Images, load_split, load_test
from studies.engine.progress import Notice
from studies.engine.reuse import as_columns
from studies.files import tensor_files
from studies.files.writing import write
from studies.final import results, states
from studies.final.final_request import FinalRequest
from studies.final.plan import FinalPlan
from studies.final.results import FinalResult, SeedResult
from studies.networks.evaluation import Judgement, judge
from studies.networks.plain import Autoencoder, Classifier, build
from studies.records import pictures
from studies.records.attempts import MAX_ATTEMPTS
from studies.records.trials import OUT_OF_MEMORY
from studies.records.versions import made_with
from studies.training.factory import TrainingFactory
from studies.training.metrics import Outcome
from studies.workers import who_trains
from studies.workers.pool import EpochDone, Job, Pool, Raised, Started, WorkerDied
from studies.workers.stopping import Interrupted, StopSignal
from studies.workers.trainings import OutOfMemory, RunningTraining, TrainingEvent, Trainings


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
            f"another process trains in {plan.folder}; wait for it, or name another folder "
            "with --out"
        ) from error
    except OSError as error:
        raise StudyError(
            f"cannot write results into {plan.folder}: {error.strerror or error}; "
            "make room, or name another folder with --out"
        ) from error


@dataclass
class _FinalRun:
    plan: FinalPlan
    request: FinalRequest
    data_folder: Path
    on_event: Callable[[FinalEvent], None]
    stop: StopSignal

    def run(self) -> FinalResult:
        self._result, self._todo = self.plan.result, self.plan.left
        self._attempts: Counter[int] = Counter()
        self._furthest: Counter[int] = Counter()
        if not self._todo:
            return self._result
        for seed in self._todo:  # another training's state is refused before anything is trained
            states.read(self.plan.folder, self._result, seed)
        results.write(self._result, self.plan.folder)
        with self.stop.interruptible():
            pool = self._make_pool()
        self._trainings = Trainings(pool, self.stop, self._store)
        try:
            while self._todo or self._trainings.running:
                if self.stop.received is not None:
                    raise Interrupted
                while self._todo and self._trainings.has_room:
                    self._start(self._todo.pop(0))
                self._trainings.wait(self._take)
        finally:
            pool.close()
        return self._result

    def _take(self, running: RunningTraining, event: TrainingEvent) -> None:
        """Every way a training can go on or end is mapped to what becomes of its seed."""
        match event:
            case Started():
                self._trainings.go_on(running)
            case EpochDone(_, metrics):
                self.on_event(event)
                if metrics.epoch < self.plan.budget.epochs:
                    self._trainings.go_on(running)
                else:
                    self._finish(running, self._trainings.end(running, with_weights=True))
            case WorkerDied(_, reason):
                self._lose(running, reason)
            case OutOfMemory():
                self._lose(running, OUT_OF_MEMORY)
            case Raised(_, error):
                raise error

    def _make_pool(self) -> Pool:
        encoder = self.plan.model.encoder
        start = None
        if encoder is not None and encoder.weights:
            start = tensor_files.to_bytes(encoder.weights)
            write(self.plan.folder / "encoder.safetensors", start)
        request = self.request
        factory = TrainingFactory(self.data_folder, self.plan.budget, request.threads, start)
        return who_trains.make_pool(
            *(self.plan.n_jobs or 1, request.threads, request.scheduler(), factory),
            lambda text: self.on_event(Notice(text)),
        )

    def _start(self, seed: int) -> None:
        state = states.read(self.plan.folder, self._result, seed)
        if state.left_aside:
            self.on_event(Notice(f"seed {seed} begins again: {state.left_aside}"))
        if len(state.history) > self._furthest[seed]:  # progress begins the count anew
            self._furthest[seed] = len(state.history)
            self._attempts[seed] = 0
        self.on_event(SeedStarted(seed, self.plan.budget.epochs))
        job = Job(seed, self.plan.model.config, seed, state.tensors)
        self._trainings.start(RunningTraining(seed, state.history), job)

    def _store(self, running: RunningTraining, state: dict[str, Tensor]) -> None:
        states.write(self.plan.folder, self._result, running.number, state, running.history)

    def _lose(self, running: RunningTraining, reason: str) -> None:
        """A seed's training is gone; it is begun again, a few times at most."""
        seed = running.number
        self._trainings.let_go(running)
        self._attempts[seed] += 1
        if self._attempts[seed] >= MAX_ATTEMPTS:
            raise StudyError(
                f"seed {seed} was lost {MAX_ATTEMPTS} times ({reason}) and is given up"
            )
        self._todo.append(seed)

    def _finish(self, running: RunningTraining, outcome: Outcome) -> None:
        """Judge a seed's network, and keep it with its figures."""
        seed, history, weights = running.number, running.history, outcome.weights
        assert weights is not None
        name, content = f"seed{seed}.safetensors", tensor_files.to_bytes(weights)
        network = build(self.plan.model.config)
        network.load_state_dict(weights)
        made = SeedResult(
            seed,
            *self._judged(seed, network, weights),
            train_loss=history[-1].train_loss,
            train_accuracy=history[-1].train_accuracy,
            seconds=sum(metrics.seconds for metrics in history),
            epochs=_without_nan(as_columns(history)),
            weights=name,
            sha256=tensor_files.digest(content),
            made_with=made_with(),
        )
        write(self.plan.folder / name, content)
        self._result = self._result.with_seed(made)
        self._draw(seed, network)
        results.write(self._result, self.plan.folder)
        states.path(self.plan.folder, seed).unlink(missing_ok=True)
        self._trainings.let_go(running)
        self.on_event(SeedDone(made))

    def _draw(self, seed: int, network: Autoencoder | Classifier) -> None:
        """Confusion over all seeds so far, or what the first seed's autoencoder reconstructs."""
        if isinstance(network, Classifier) or seed == self.plan.seeds[0]:
            name, png = pictures.of_network(network, self._judging_images, self._result.confusion())
            write(self.plan.folder / name, png)

    def _judged(
        self, seed: int, network: Autoencoder | Classifier, weights: Mapping[str, Tensor]
    ) -> Judgement:
        """How good a seed's network is.

        Raises:
            TrainingDivergedError: its weights or its loss are not finite.
        """
        judgement = judge(network, self._judging_images)
        broken = tensor_files.first_not_finite(weights)
        if broken is not None or not math.isfinite(judgement.loss):
            raise TrainingDivergedError(
                f"seed {seed} ended with {broken or 'a loss'} that is not finite; "
                "a smaller learning rate may help"
            )
        return judgement

    @cached_property
    def _judging_images(self) -> Images:
        """Opened when the first seed is through, and not before."""
        if self.plan.budget.protocol == "final":
            return load_test(self.data_folder)
        return load_split(self.data_folder, self.plan.budget).validation


def _without_nan(columns: dict[str, list[float]]) -> dict[str, list[float]]:
    """The columns that hold numbers: without validation images its metrics are none."""
    return {name: column for name, column in columns.items() if all(v == v for v in column)}
