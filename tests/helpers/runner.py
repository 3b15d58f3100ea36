"""Runs of the real engine on one storage, with tiny images and in this process."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.trial import FrozenTrial

from helpers.opened import place_of
from spaces import paper
from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.stages import AUTOENCODER
from studies.data.images import Images, Split
from studies.engine.coordinator import Search
from studies.engine.opening import open_study, resolve
from studies.engine.progress import (
    Event,
    paper_names,
)
from studies.engine.repair import prepare
from studies.engine.sharing import Sharing
from studies.records import attributes, trials, weights
from studies.records.open_study import OpenStudy
from studies.records.request import SearchRequest
from studies.storage.artifacts import ArtifactFolder
from studies.storage.databases import open_storage, storage_url
from studies.training.loop import Training
from studies.workers.in_process import InProcess
from studies.workers.pool import EpochDone, MakeTraining, Pool
from studies.workers.stopping import StopSignal

N_PAPER = len(paper.AUTOENCODERS)
REQUEST = SearchRequest(trials=3, epochs=2, pruner="none", sampler="random", study="s")


@dataclass
class Runner:
    """Runs requests on one storage, as the command does, and keeps what was told."""

    folder: Path
    split: Split
    events: list[Event] = field(default_factory=list)
    make_training: Callable[..., Training] = Training
    make_pool: Callable[[MakeTraining], Pool] = InProcess

    def __post_init__(self) -> None:
        self.storage = open_storage(storage_url(str(self.folder / "studies.db")))
        self.store = ArtifactFolder(self.folder / "artifacts")

    def __call__(
        self,
        request: SearchRequest = REQUEST,
        on_event: Callable[[Event], None] | None = None,
        sharing: Sharing | None = None,
    ) -> str:
        place = place_of(self.storage, self.store)
        opened = open_study(place, resolve(place, request, AUTOENCODER))
        settings = opened.settings
        names = paper_names(request, settings)
        self.events.extend(prepare(opened, Sharing(), names, request.promote, request.enqueue))

        def listen(event: Event) -> None:
            self.events.append(event)
            if on_event is not None:
                on_event(event)

        stop = StopSignal()
        with stop.installed():
            pool = self.make_pool(
                lambda c, s: self.make_training(c, self.split, s, settings.budget)
            )
            images = self.split.validation
            search = Search(opened, request, images, pool, listen, stop, sharing or Sharing())
            return search.run()

    def study(self, name: str = "s") -> optuna.Study:
        return optuna.load_study(study_name=name, storage=self.storage)

    def opened(self, name: str = "s") -> OpenStudy:
        return OpenStudy.at(self.study(name), self.store)

    def trials(self, name: str = "s") -> list[FrozenTrial]:
        return self.study(name).get_trials()

    def searched(self, name: str = "s") -> list[FrozenTrial]:
        return [t for t in self.trials(name) if not trials.is_paper(t)]


def random_images(n: int, seed: int) -> Images:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (n, 28, 28), dtype=torch.uint8, generator=generator)
    return Images(pixels, torch.arange(n) % 10)


def stop_at(number: int, epoch: int, with_signal: int = signal.SIGINT) -> Callable[[Event], None]:
    """Presses Ctrl-C, or the like, when the given trial has finished the given epoch."""

    def listen(event: Event) -> None:
        if isinstance(event, EpochDone) and (event.number, event.metrics.epoch) == (number, epoch):
            signal.raise_signal(with_signal)

    return listen


def through(run: Runner, config: dict[str, Any], seed: int, epochs: int) -> Training:
    """The same training in one go."""
    budget = Budget(epochs=epochs)
    training = Training(AutoencoderConfig.from_dict(config), run.split, seed, budget)
    assert len(list(training)) == epochs
    return training


def assert_trained_through(run: Runner, study_name: str, trial: FrozenTrial, epochs: int) -> None:
    attrs = attributes.of(trial)
    assert list(trial.intermediate_values) == list(range(1, epochs + 1))
    whole = through(run, attrs[trials.CONFIG], attrs[trials.SEED], epochs)
    stored = weights.load(run.opened(study_name), trial)
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(stored[name], tensor)
    assert trial.value == whole.evaluate(run.split.validation).loss
