"""Whole searches by the project's own engine, on learning curves recorded in advance."""

import math
import tempfile
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import optuna
import torch
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from benchmarks import recorded_curves
from benchmarks.recorded_curves import SPACE, Curves, Reduction, Replay
from spaces.budget import Budget
from spaces.space import SearchSpace
from studies.data.images import Images
from studies.engine import samplers
from studies.engine.coordinator import Search
from studies.engine.progress import Event, TrialEnded, paper_names
from studies.engine.repair import prepare
from studies.engine.samplers import Tpe
from studies.engine.sharing import Sharing
from studies.records import settings, trials
from studies.records.open_study import OpenStudy
from studies.records.request import PrunerName, SamplerName, SearchRequest
from studies.records.settings import StudySettings
from studies.storage.artifacts import ArtifactFolder
from studies.workers.in_process import InProcess
from studies.workers.pool import EpochDone
from studies.workers.stopping import StopSignal

EPOCHS = Reduction().epochs


class Way(NamedTuple):
    """A sampler and a pruner, by their names here."""

    sampler: str
    pruner: str


DEFAULT = Way("default", "default")
"""What the command line takes if nothing is asked for."""
HALVING = Way("default", "halving 1, ÷2")
"""The default before."""
BASELINE = Way("random", "none")


def tpe(n_startup_trials: int, multivariate: bool, seed: int) -> BaseSampler:
    """TPE as the engine makes it, with other options."""
    return Tpe(SPACE, seed=seed, n_startup_trials=n_startup_trials, multivariate=multivariate)


SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    f"tpe {n_startup}{kind}": partial(tpe, n_startup, kind == "")
    for kind in ("", ", univariate")
    for n_startup in (5, 10, 20)
}
"""By name, from a seed; the number is that of the first trials, drawn at random."""


PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    **{
        f"hyperband {least}, ÷{factor}": partial(HyperbandPruner, least, EPOCHS, factor)
        for least, factor in ((1, 2), (1, 3), (1, 4), (2, 2), (2, 3), (2, 4), (3, 2), (3, 3))
    },
    **{
        f"halving {least}, ÷{factor}": partial(SuccessiveHalvingPruner, least, factor)
        for least, factor in ((1, 2), (1, 3), (1, 4), (2, 2), (2, 3), (2, 4), (3, 2), (3, 3))
    },
    "halving 1, ÷3, late 1": partial(SuccessiveHalvingPruner, 1, 3, 1),
    "halving 1, ÷2, late 2": partial(SuccessiveHalvingPruner, 1, 2, 2),
    "halving 1, ÷3, bootstrap 3": partial(SuccessiveHalvingPruner, 1, 3, 0, 3),
    "median 5, warm-up 3": partial(MedianPruner, 5, 3),
    "median 5, warm-up 1": partial(MedianPruner, 5, 1),
    "best 25 %, 5, warm-up 1": partial(PercentilePruner, 25.0, 5, 1),
    "best 25 %, 5, warm-up 3": partial(PercentilePruner, 25.0, 5, 3),
    "best 10 %, 5, warm-up 3": partial(PercentilePruner, 10.0, 5, 3),
}
"""By name: first epoch and factor; complete trials before the first cut and epochs of warm-up."""


class Trained(NamedTuple):
    """One searched trial."""

    n_epochs: int
    """Trained for it; 0 if its configuration had come up before."""
    seconds: float
    value: float
    """Infinite if it was not trained to the end, or has the paper's configuration."""


class Result(NamedTuple):
    """What one search spent and found."""

    way: Way
    seed: int
    trained: tuple[Trained, ...]
    ends: tuple[tuple[float, float], ...]
    """As searched trials ended, in this order: seconds spent on all by then, and the value."""

    @property
    def best(self) -> float:
        """The lowest loss among the searched trials; infinite if none was trained to the end."""
        return min(trial.value for trial in self.trained)

    def seconds_until(self, target: float) -> tuple[float, bool]:
        """Processor time until a trial reached the target, or in all, and whether one did."""
        for total, value in self.ends:
            if value <= target:
                return total, True
        return sum(trial.seconds for trial in self.trained), False


class ReducedSettings(StudySettings):
    """Settings of a study over the space that was trained in advance."""

    def search_space(self) -> SearchSpace[Any]:
        """That space."""
        return SPACE


def replay(path: Path, task: tuple[Way, int]) -> Result:
    """One whole search on the recorded curves."""
    way, seed = task
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    recorded = read_once(path)
    study_settings = ReducedSettings("autoencoder", Budget(EPOCHS), seed=seed)
    # Hyperband deals its brackets out by the study's name: another seed, another deal.
    study = optuna.create_study(study_name=f"ae-seed{seed}", direction=study_settings.direction)
    settings.write(study, study_settings)
    nothing, log = Images(torch.empty(0), torch.empty(0)), list[Event]()
    with tempfile.TemporaryDirectory() as folder:
        opened = OpenStudy(study, study_settings, ArtifactFolder(Path(folder)))
        request = SearchRequest(keep_weights="none")
        if way.pruner != "default":  # by which no trial would rest, but be pruned
            request = replace(request, pruner="none")
        prepare(opened, Sharing(), paper_names(request, study_settings))
        Search(
            opened,
            request,
            nothing,
            InProcess(partial(Replay, recorded)),
            on_event=log.append,
            stop=StopSignal(),
            make_sampler=partial(sampler, way.sampler),
            make_pruner=partial(pruner, way.pruner),
        ).run()
    every = study.get_trials(deepcopy=False)
    papers = {trial.number for trial in every if trials.is_paper(trial)}
    searched = {trial.number: trained(trial, papers) for trial in trials.searched_results(every)}
    return Result(way, seed, tuple(searched.values()), tuple(ends(log, searched)))


def ends(log: Sequence[Event], searched: Mapping[int, Trained]) -> Iterator[tuple[float, float]]:
    """Seconds spent on searched trials until each of them ended, and its value."""
    total = 0.0
    for event in log:
        if isinstance(event, EpochDone) and event.number in searched:
            total += event.metrics.seconds
        elif (
            isinstance(event, TrialEnded) and event.number in searched and event.outcome != "rests"
        ):
            yield total, searched[event.number].value


@cache
def read_once(path: Path) -> Curves:
    """A process reads the curves for all of its replays."""
    return recorded_curves.read(path)


def sampler(
    name: str, engines: SamplerName, space: SearchSpace[Any], seed: int, n_begun: int
) -> BaseSampler:
    """The engine's own sampler of that name, or one seeded for its next draw alike."""
    if name in SAMPLERS:
        return SAMPLERS[name](samplers.derived_seed("sampler", seed, n_begun))
    chosen = engines if name == "default" else cast(SamplerName, name)
    return samplers.make_sampler(chosen, space, seed, n_begun)


def pruner(name: str, engines: PrunerName, budget: Budget) -> BasePruner:
    """The engine's own pruner, or the one called ``name``."""
    return samplers.make_pruner(engines, budget) if name == "default" else PRUNERS[name]()


def trained(trial: FrozenTrial, papers: Container[int]) -> Trained:
    """What a finished trial spent and found: nothing, if the paper's trials had it already."""
    reused = trials.SAME_AS in trial.user_attrs
    is_found = trials.completed([trial]) and trial.user_attrs.get(trials.SAME_AS) not in papers
    return Trained(
        n_epochs=0 if reused else len(trial.intermediate_values),
        seconds=0.0 if reused else trial.user_attrs[trials.SECONDS],
        value=trials.value_of(trial) if is_found else math.inf,
    )
