"""Optuna's samplers and pruners by the names the command line knows them by."""

import hashlib
import math
import warnings
from collections.abc import Sequence
from copy import copy
from functools import cached_property
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.pruners import SuccessiveHalvingPruner as HalvingPruner
from optuna.samplers import BaseSampler
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from spaces.budget import Budget
from spaces.space import SearchSpace
from studies.engine import promotion
from studies.records import trials
from studies.records.request import PrunerName, SamplerName

MAX_GRID = 100_000
"""Points of a grid. Optuna lists and shuffles them all before each draw: of so many in half a
second and 10 MB, of ten times as many in two seconds and 100 MB."""

_EPOCH_SHARE: dict[PrunerName, float] = {
    "hyperband": 0.34,
    "median": 0.29,
    "halving": 0.32,
    "none": 1.0,
}
"""Share of a full trial's epochs that an average searched trial takes; for estimates of time.

Measured by ``benchmarks/engine_search.py`` with TPE: mean of 40 studies of 50 searched trials,
those left out whose configuration had come up before and that took none.
"""


def expected_epochs(pruner: PrunerName, n_trials: int, n_epochs: int) -> float:
    """Epochs that ``n_trials`` searched trials of ``n_epochs`` at most will take in all."""
    if pruner == "promotion":
        return promotion.expected_epochs(n_trials, n_epochs)
    return _EPOCH_SHARE[pruner] * n_trials * n_epochs


def make_sampler(
    name: SamplerName, space: SearchSpace[Any], study_seed: int, n_begun: int
) -> BaseSampler:
    """A sampler whose next draw depends on the seed and on how many trials have begun.

    A search that was stopped and goes on therefore draws what it would have drawn, and never its
    first draws again, as a sampler made anew with the study's seed would.

    Begun are searched trials that have ended or are running.
    """
    seed = derived_seed("sampler", study_seed, n_begun)
    with warnings.catch_warnings():
        # Which samplers are experimental is Optuna's business; the user chose by name.
        warnings.simplefilter("ignore", ExperimentalWarning)
        match name:
            case "tpe":
                # Without pruning it came 4.5 times (4.1 to 4.9) as fast as random search to what
                # that finds in half of its studies (simulated as by benchmarks/search.py, 48
                # seeds). 10 first trials, the paper's five among them, is Optuna's number; with 5
                # it was 5.0 times (4.3 to 5.7), with 20 3.4 (3.1 to 3.6). Choosing each dimension
                # by itself, it spent half of its trials on what it had already had.
                return Tpe(space, seed=seed, n_startup_trials=10)
            case "random":
                return optuna.samplers.RandomSampler(seed=seed)
            case "gp":
                return optuna.samplers.GPSampler(seed=seed, deterministic_objective=True)
            case "grid":  # remembers visited points in the study, so its order must not change
                grid = {d.name: list(d.grid()) for d in space.dimensions}
                return _Grid(grid, seed=derived_seed("grid", study_seed))
            case "qmc":  # counts its draws in the study, so its sequence must not change
                return optuna.samplers.QMCSampler(
                    seed=derived_seed("qmc", study_seed),
                    scramble=True,
                    # for dimensions that the study's first trial did not have
                    independent_sampler=optuna.samplers.RandomSampler(seed=seed),
                    warn_independent_sampling=False,
                    warn_asynchronous_seeding=False,
                )


def n_grid_points(space: SearchSpace[Any]) -> int:
    """Points of the grid: to it every dimension means something beside all values of others."""
    return math.prod(len(dimension.grid()) for dimension in space.dimensions)


class Tpe(optuna.samplers.TPESampler):
    """Optuna's TPE, told the space instead of gathering it from all trials before every draw.

    Gathering takes longer with every trial. And what it gathers lacks each dimension that some
    trial does not have, as a paper's trial outside of a narrowed space: TPE would choose those
    dimensions without regard to the others, for the rest of the study.
    """

    def __init__(self, space: SearchSpace[Any], **options: Any) -> None:
        super().__init__(**options)
        any_trial = FixedTrial(space.params(next(iter(space))))
        space.suggest(any_trial)
        conditional = {d.name for d in space.dimensions if d.when}
        # In the order in which Optuna would gather them.
        self._dimensions = {
            name: distribution
            for name, distribution in sorted(any_trial.distributions.items())
            if name not in conditional
        }

    def infer_relative_search_space(
        self,
        study: optuna.Study,
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """The dimensions to choose together: all that leave a choice."""
        if not self._is_multivariate(study):
            return {}
        return {name: d for name, d in self._dimensions.items() if not d.single()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw the dimensions that are chosen together."""
        return super().sample_relative(_as_seen(study), trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw one of the others."""
        seen = _as_seen(study)
        return super().sample_independent(seen, trial, param_name, param_distribution)


def _as_seen(study: optuna.Study) -> optuna.Study:
    return cast(optuna.Study, _Seen(study))


class _Seen:
    """A study as TPE sees it: each training once, as far as it has got.

    A trial that rests, or rested and trains on, is shown as pruned where it is: TPE ranks such ones
    by how far they got, then by their value. One whose training another goes on with is that other,
    once it has told a value. A copy of another's
    result has what the other has come to since. TPE draws by the order of the trials, too: one that
    makes up for a lost one stands in its place.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._study = study

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def _get_trials(
        self,
        deepcopy: bool = True,  # noqa: ARG002 (nobody changes them)
        states: Sequence[TrialState] | None = None,
        use_cache: bool = False,  # noqa: ARG002
    ) -> list[FrozenTrial]:
        return [trial for trial in self._seen if states is None or trial.state in states]

    @cached_property
    def _seen(self) -> list[FrozenTrial]:
        """As they are when a draw asks for them first; TPE asks several times for each."""
        every = [_as_far_as_it_is(trial) for trial in trials.of(self._study)]
        followed = trials.followed(t for t in every if t.state != TrialState.RUNNING)
        return [_up_to_date(trial, every) for trial in every if trial.number not in followed]


def _as_far_as_it_is(trial: FrozenTrial) -> FrozenTrial:
    """As pruned, if it trains on from a rung."""
    goes_on = trials.RESTS_AT in trial.user_attrs or trials.PROMOTED in trial.user_attrs
    if trial.state != TrialState.RUNNING or not (goes_on and trial.intermediate_values):
        return trial
    return trials.as_pruned(trial, max(trial.intermediate_values))


def _up_to_date(trial: FrozenTrial, every: list[FrozenTrial]) -> FrozenTrial:
    source: FrozenTrial = every[trial.user_attrs.get(trials.SAME_AS, trial.number)]
    number = _first_attempt(trial, every).number
    if source.number == number:
        return source
    shown = copy(source)
    shown.number = number
    return shown


def _first_attempt(trial: FrozenTrial, every: list[FrozenTrial]) -> FrozenTrial:
    if trials.is_paper(trial):
        name = trial.user_attrs[trials.PAPER]
        return next(t for t in every if t.user_attrs.get(trials.PAPER) == name)
    while trials.RETRY_OF in trial.user_attrs:
        trial = every[trial.user_attrs[trials.RETRY_OF]]
    return trial


class _Grid(optuna.samplers.GridSampler):
    """Optuna's grid, which outside ``study.optimize`` raises when its last point is told."""

    def after_trial(self, *_: Any, **__: Any) -> None:
        """Not stop the study: whoever asks and tells decides that, by ``is_exhausted``."""


class _Halving(HalvingPruner):
    """Optuna's successive halving among trials that have a result or may yet have one.

    An attempt that was stopped from outside left its values at the rungs, and its retry leaves the
    same ones again: counted twice, they would make a search in pieces prune otherwise than one run.
    """

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial is to end now."""
        return super().prune(cast(optuna.Study, _WithoutLost(study)), trial)


class _Hyperband(HyperbandPruner):
    """Optuna's Hyperband, each of whose brackets compares as :class:`_Halving` does."""

    def _create_bracket_study(self, study: optuna.Study, bracket_id: int) -> optuna.Study:
        bracket = super()._create_bracket_study(study, bracket_id)
        return cast(optuna.Study, _WithoutLost(bracket))


class _WithoutLost:
    """A study as a pruner sees it, without attempts that were stopped from outside."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def get_trials(self, *args: Any, **options: Any) -> list[FrozenTrial]:
        """All others."""
        found = self._study.get_trials(*args, **options)
        return [trial for trial in found if not trials.is_unfinished_failure(trial)]


def make_pruner(name: PrunerName, budget: Budget) -> BasePruner:
    """A pruner for trials of ``budget.epochs`` epochs, which report each epoch from 1 on."""
    # What they spend and lose: docs/speed.md.
    match name:
        case "halving":
            # Cutting first after epoch 2 or 3 spends more, cutting to a third loses more.
            return _Halving(min_resource=1, reduction_factor=2)
        case "hyperband":
            # What it adds to halving is that a hash of the trial's number spares some trials the
            # early cuts. Above 1 as first epoch it cannot be made for a budget of 1 or 2 epochs.
            return _Hyperband(min_resource=1, max_resource=budget.epochs, reduction_factor=3)
        case "median":
            # 3 of 30 epochs of warm-up.
            return MedianPruner(n_startup_trials=5, n_warmup_steps=max(1, budget.epochs // 10))
        case "promotion" | "none":  # the first decides elsewhere (studies.engine.promotion)
            return NopPruner()


def derived_seed(*parts: object) -> int:
    """A seed of 31 bits that depends on all parts, the same on every machine and run."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
