"""Whether trials that are good after a few epochs are good at the end of their training."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from optuna.trial import FrozenTrial

from reports.analysis.importance import ranks
from studies.records import trials
from studies.records.comparable import curve, once
from studies.records.scores import TWO_SIDED
from studies.records.settings import StudySettings

MIN_TRIALS = 5
"""Trials below which a rank correlation has no interval worth the name."""


class Agreement(NamedTuple):
    """Spearman's rank correlation of values after an epoch with those of the end."""

    n_trials: int
    """Trained to the end; of several kinds of schedules, those of the most frequent."""
    of_one_kind: bool
    """Whether there are several."""
    value: float | None = None
    """1 if both order the trials alike; None where there are too few of them."""
    low: float = -1.0
    """Of the 95 % interval."""
    high: float = 1.0

    @property
    def can_say(self) -> bool:
        """Whether the interval leaves out that both have nothing to do with each other."""
        return self.value is not None and not self.low <= 0 <= self.high


def agreement(own: Sequence[FrozenTrial], settings: StudySettings, epoch: int) -> Agreement:
    """How well an epoch's values order the trials as their last ones do, over whole trials.

    The paper's are among them. With the standard error of Bonett and Wright (2000).

    Args:
        own: a study's trials, without copies of another's result.
        settings: the study's.
        epoch: before the end.
    """
    whole = [(t, curve(t, settings)) for t in once(trials.completed(own))]
    pairs = [
        (trials.schedule(trial), values[epoch], values[settings.budget.epochs])
        for trial, values in whole
        if {epoch, settings.budget.epochs} <= values.keys()
    ]
    kinds = [kind for kind, _, _ in pairs]
    kind = statistics.mode(kinds) if kinds else ""
    first = [value for own_kind, value, _ in pairs if own_kind == kind]
    last = [value for own_kind, _, value in pairs if own_kind == kind]
    n, of_one_kind = len(first), len(set(kinds)) > 1
    if n < MIN_TRIALS or min(len(set(first)), len(set(last))) < 2:
        return Agreement(n, of_one_kind)
    value = statistics.correlation(ranks(first), ranks(last))
    most = 1 - 6 / (n * (n * n - 1))  # half a step below 1, which so few may reach by chance
    middle = math.atanh(max(-most, min(most, value)))
    margin = TWO_SIDED * math.sqrt((1 + value**2 / 2) / (n - 3))
    return Agreement(n, of_one_kind, value, math.tanh(middle - margin), math.tanh(middle + margin))
