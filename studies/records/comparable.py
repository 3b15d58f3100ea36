"""Searched trials that can be compared: trained equally far, and each configuration once."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from optuna.trial import FrozenTrial, TrialState

from studies.records import trials
from studies.records.settings import StudySettings

MIN_FOR_IMPORTANCE = 20
"""Trials below which the importance of a dimension is mostly chance."""

LEAST_SHARE = 0.5
"""Of all searched trials, how many must have been trained as far as the compared ones. Fewer would
be a choice of the best, among which what makes a trial good hardly varies any more."""


class Comparable(NamedTuple):
    """Trials by their values after one and the same epoch."""

    epoch: int
    """After which the values are."""
    n_epochs: int
    """Of a full training."""
    trials: list[FrozenTrial]
    """By number."""
    values: list[float]
    """The study's metric after that epoch, for each trial."""

    @property
    def are_whole(self) -> bool:
        """Whether the values are those of the end, and not of an epoch on the way there."""
        return self.epoch == self.n_epochs

    @property
    def are_enough(self) -> bool:
        """Whether the importance of a dimension can be told from them."""
        return len(self.trials) >= MIN_FOR_IMPORTANCE


def furthest(own: Iterable[FrozenTrial], settings: StudySettings) -> Comparable:
    """The trials at the furthest epoch that enough of them have reached, and half of them at least.

    Where no epoch has enough, those at the one that most have reached. The paper's trials, which
    nobody drew, take no part.

    Args:
        own: a study's trials, without copies of another's result.
        settings: the study's.
    """
    drawn = once(trial for trial in own if trial.params and not trials.is_paper(trial))
    curves = [(trial, curve(trial, settings)) for trial in drawn]
    n_at = Counter(epoch for _, values in curves for epoch in values)
    least = max(MIN_FOR_IMPORTANCE, LEAST_SHARE * max(n_at.values(), default=0))
    enough = [epoch for epoch, n in n_at.items() if n >= least]
    most = max(n_at, key=lambda epoch: (n_at[epoch], epoch), default=settings.budget.epochs)
    epoch = max(enough, default=most)
    there = [(trial, values[epoch]) for trial, values in curves if epoch in values]
    return Comparable(
        epoch, settings.budget.epochs, [trial for trial, _ in there], [value for _, value in there]
    )


def once(own: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Of each configuration the trial that was trained furthest; by number.

    One that goes on with a pruned trial stands for both.
    """
    found = dict[str, FrozenTrial]()
    for trial in own:
        key = str(trial.user_attrs.get(trials.FINGERPRINT, trial.number))
        if key not in found or _n_epochs(trial) > _n_epochs(found[key]):
            found[key] = trial
    return sorted(found.values(), key=lambda trial: trial.number)


def curve(trial: FrozenTrial, settings: StudySettings) -> dict[int, float]:
    """The study's metric after each epoch, wherever it is finite."""
    values = dict(trials.by_epoch(trial, settings.metric))
    if trial.state == TrialState.COMPLETE and trial.values:
        values[settings.budget.epochs] = trials.value_of(trial)
    return {epoch: value for epoch, value in values.items() if math.isfinite(value)}


def kinds_of_schedule(compared: Sequence[FrozenTrial]) -> set[str]:
    """The kinds of schedules that the trials' step sizes follow.

    Before the end they are at different points of them: a rate that will still fall looks worse
    than it is beside one that has fallen.
    """
    return {trials.schedule(trial) for trial in compared}


def _n_epochs(trial: FrozenTrial) -> tuple[bool, int]:
    reported = max(trial.intermediate_values, default=0)
    return trial.state == TrialState.COMPLETE, max(reported, trials.n_epochs_stored(trial))
