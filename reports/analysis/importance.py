"""Which dimensions decide whether a trial is among the best, and how sure that is."""

import random
import statistics
import warnings
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import optuna
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from spaces.stages import Direction
from studies.records import trials
from studies.records.comparable import Comparable, kinds_of_schedule

MIN_BEST = 5
MAX_TRIALS = 400
"""More than these add seconds and no digits; a sample of them is taken."""
N_RESAMPLES = 30
SCHEDULE = "schedule"
"""The dimension whose values cannot be compared before the end."""


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
    """Searched trials that they were computed from."""
    n_best: int
    """How many of these are the best, against which the others are set."""
    within_kinds: bool
    """Whether each trial was set against those alone whose schedule is of its kind."""


def importances(compared: Comparable, direction: Direction) -> Importances | None:
    """The shares of all dimensions by PED-ANOVA, with bootstrap intervals.

    Before the end of a training, schedules of several kinds are at different points of what they
    do. There a trial counts by its rank among those of its kind, and nothing is said of the
    schedule.

    Args:
        compared: trials by their values after one epoch.
        direction: which way the values are better.

    Returns:
        None where there are too few of them, or nothing varies.
    """
    if not compared.are_enough or len(set(compared.values)) < 2:
        return None
    rng = random.Random(0)
    within_kinds = not compared.are_whole and len(kinds_of_schedule(compared.trials)) > 1
    values = _ranks_within_kinds(compared) if within_kinds else compared.values
    left_out = {SCHEDULE} if within_kinds else set[str]()
    drawn = [_bare(*pair, left_out) for pair in zip(compared.trials, values, strict=True)]
    if len(drawn) > MAX_TRIALS:
        drawn = rng.sample(drawn, MAX_TRIALS)
    storage = InMemoryStorage()
    empty = optuna.create_study(storage=storage, direction=direction)
    study = _Fixed(drawn, empty.study_name, storage)
    shares = study.shares()
    resamples = [study.resampled(rng).shares() for _ in range(N_RESAMPLES)]
    rows = [
        Importance(name, share, *_percentiles([r.get(name, 0.0) for r in resamples]))
        for name, share in shares.items()
    ]
    return Importances(rows, len(drawn), study.n_best(), within_kinds)


def ranks(values: Sequence[float]) -> list[float]:
    """Each value's place among them, from 0, the smallest, to 1; equal ones share theirs."""
    ordered = sorted(values)
    return [(bisect_left(ordered, v) + bisect_right(ordered, v)) / 2 / len(values) for v in values]


def _ranks_within_kinds(compared: Comparable) -> list[float]:
    groups = defaultdict[str, list[int]](list)
    for index, trial in enumerate(compared.trials):
        groups[trials.schedule(trial)].append(index)
    found = [0.0] * len(compared.values)
    for group in groups.values():
        for index, rank in zip(group, ranks([compared.values[i] for i in group]), strict=True):
            found[index] = rank
    return found


class _Fixed(optuna.Study):
    """A study of trials that are given, so that drawing them anew costs nothing."""

    def __init__(self, fixed: list[FrozenTrial], name: str, storage: BaseStorage) -> None:
        super().__init__(name, storage)
        self._fixed, self._in = fixed, storage

    def get_trials(self, *_: object, **__: object) -> list[FrozenTrial]:
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


def _bare(trial: FrozenTrial, value: float, left_out: set[str]) -> FrozenTrial:
    """The trial's draws and one value alone, without costs that are minimised beside it."""
    own = {name: value for name, value in trial.params.items() if name not in left_out}
    return FrozenTrial(
        number=trial.number,
        trial_id=trial.number,
        state=TrialState.COMPLETE,
        value=value,
        params=own,
        distributions={name: trial.distributions[name] for name in own},
        datetime_start=None,
        datetime_complete=None,
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )


def _percentiles(values: list[float]) -> tuple[float, float]:
    twentieths = statistics.quantiles(values, n=20, method="inclusive")
    return twentieths[0], twentieths[-1]
