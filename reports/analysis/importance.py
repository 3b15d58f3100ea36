"""Which dimensions decide whether a trial is among the best, and how sure that is."""

import random
import statistics
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import optuna
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from spaces.stages import Direction
from studies.records import trials

MIN_TRIALS = trials.MIN_FOR_IMPORTANCE
MIN_BEST = 5
MAX_TRIALS = 400
"""More than these add seconds and no digits; a sample of them is taken."""
N_RESAMPLES = 30


class Importance(NamedTuple):
    """One dimension's share of all importance."""

    name: str
    share: float
    low: float
    """5th percentile over resampled trials."""
    high: float
    """95th percentile."""


class Importances(NamedTuple):
    """All dimensions, the most important first."""

    rows: list[Importance]
    n_trials: int
    """Searched trials, trained to the end, that they were computed from."""
    n_best: int
    """How many of these are the best, against which the others are set."""


def importances(completed: Sequence[FrozenTrial], direction: Direction) -> Importances | None:
    """The shares of all dimensions by PED-ANOVA, with bootstrap intervals.

    Trials are those trained to the end, each configuration once. Pruned ones do not take part:
    their last values are of fewer epochs. Neither do the paper's, which nobody drew.

    Returns:
        None where there are too few of them, or nothing varies.
    """
    rng = random.Random(0)
    drawn = trials.drawn_and_completed(completed)
    n_trials = len(drawn)
    if n_trials > MAX_TRIALS:
        drawn = rng.sample(drawn, MAX_TRIALS)
    if n_trials < MIN_TRIALS or len({trials.value_of(t) for t in drawn}) < 2:
        return None
    storage = InMemoryStorage()
    empty = optuna.create_study(storage=storage, direction=direction)
    study = _Fixed([_bare(t) for t in drawn], empty.study_name, storage)
    shares = study.shares()
    resamples = [study.resampled(rng).shares() for _ in range(N_RESAMPLES)]
    rows = [
        Importance(name, share, *_percentiles([r.get(name, 0.0) for r in resamples]))
        for name, share in shares.items()
    ]
    return Importances(rows, len(drawn), study.n_best())


class _Fixed(optuna.Study):
    """A study of trials that are given, so that drawing them anew costs nothing."""

    def __init__(self, fixed: list[FrozenTrial], name: str, storage: BaseStorage) -> None:
        super().__init__(name, storage)
        self._fixed, self._in = fixed, storage

    def get_trials(self, *_: Any, **__: Any) -> list[FrozenTrial]:
        """The given ones; all are complete."""
        return self._fixed

    def resampled(self, rng: random.Random) -> "_Fixed":
        """As many of its trials, drawn with replacement."""
        return _Fixed(rng.choices(self._fixed, k=len(self._fixed)), self.study_name, self._in)

    def n_best(self) -> int:
        """A tenth of the trials, and the five at least that PED-ANOVA needs."""
        return max(MIN_BEST, round(len(self._fixed) / 10))

    def shares(self) -> dict[str, float]:
        """Each dimension's, in sum 1; the largest first."""
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # dimensions that only a trial or two have
            evaluator = PedAnovaImportanceEvaluator(
                target_quantile=self.n_best() / len(self._fixed)
            )
            found = get_param_importances(self, evaluator=evaluator)
        return {name: float(share) for name, share in found.items()}


def _bare(trial: FrozenTrial) -> FrozenTrial:
    """The trial's draws and its metric alone, without costs that are minimised beside it."""
    return FrozenTrial(
        number=trial.number,
        trial_id=trial.number,
        state=TrialState.COMPLETE,
        value=trials.value_of(trial),
        params=trial.params,
        distributions=trial.distributions,
        datetime_start=None,
        datetime_complete=None,
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )


def _percentiles(values: list[float]) -> tuple[float, float]:
    twentieths = statistics.quantiles(values, n=20, method="inclusive")
    return twentieths[0], twentieths[-1]
