"""Promotion: a trial rests at each rung, and the best of those there are trained on.

Asynchronous successive halving in its second form (Li et al., A System for Massively Parallel
Hyperparameter Tuning, 2020, algorithm 2), which stops no trial for good: nothing is spared for want
of others to compare it with, and whoever was misjudged early has its turn when more have come.

The rule is a pure function of the stored trials. ``benchmarks/search.py`` found its numbers, for
autoencoders of the paper's space and for classifiers of the wide one.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from optuna.trial import FrozenTrial, TrialState

from spaces.stages import Direction
from studies.records import trials

SPACING = 4
"""Each rung is so many times the one before."""

SHARE = Fraction(2, 5)
"""Of those at a rung, how many are promoted to the next one. An early order says little."""

SHARE_TO_THE_END = Fraction(1, 8)
"""Of those at the last rung, how many are trained to the end, where most of the epochs are."""

SPARE = 1
"""Promotions from a rung beyond its share of those there. Without a limit, a sampler that draws
better and better trials has nearly each of them promoted, as each is among the best when it comes;
with none to spare, a good one that comes late would find its place taken."""

LEAST_TO_THE_END = 2
"""Searched trials that are trained to the end even where the rungs let fewer up, so that the best
is one of several."""


class Step(NamedTuple):
    """What a trial is to be trained to next."""

    trial: FrozenTrial
    n_epochs: int


def rungs(n_epochs: int) -> tuple[int, ...]:
    """Epochs after which trials of ``n_epochs`` rest: 1, 4, 16, … up to a quarter of them.

    A later rung costs more than it finds. It would also lie where a one-cycle schedule has its
    largest step size, which is the worst place to judge it.
    """
    found, rung = list[int](), 1
    while SPACING * rung <= n_epochs:
        found.append(rung)
        rung *= SPACING
    return tuple(found)


def n_best(rung: int, n_there: int, n_epochs: int) -> int:
    """How many of ``n_there`` trials at a rung are good enough for the next, or for the end."""
    share = SHARE_TO_THE_END if rung == rungs(n_epochs)[-1] else SHARE
    return int(share * n_there)


def expected_epochs(n_trials: int, n_epochs: int) -> int:
    """Epochs that ``n_trials`` searched trials take in all, were none drawn twice."""
    least, total, before, n = min(n_trials, LEAST_TO_THE_END), 0, 0, n_trials
    for rung in rungs(n_epochs):
        total += n * (rung - before)
        before, n = rung, max(least, n_best(rung, n, n_epochs))
    return total + n * (n_epochs - before)


@dataclass(frozen=True)
class Promotion:
    """Who is trained on, in a study whose full training is ``n_epochs`` epochs.

    The paper's trials take no part: they are trained to the end in any case, and would fill the
    upper rungs. Only trials whose schedules are of one kind are compared, as a rate that will still
    fall is judged badly beside one that has fallen. A trial that diverged counts as the worst.
    """

    n_epochs: int
    direction: Direction

    def first(self) -> int:
        """The epoch to which a new trial is trained."""
        return self._levels()[0]

    def next(self, all_trials: Sequence[FrozenTrial]) -> Step | None:
        """Whom the rungs let up, from the highest down; the best first, of equals the earlier."""
        there = contestants(all_trials)
        groups = _kinds(t for t in there if t.intermediate_values or trials.has_diverged(t))
        for rung, above in reversed(list(pairwise(self._levels()))):
            for group in groups:
                if (promoted := self._let_up(group, rung, above)) is not None:
                    return Step(promoted, above)
        return None

    def last(self, all_trials: Sequence[FrozenTrial]) -> Step | None:
        """Once all have begun, and the rungs let none up: the best of those that rest highest.

        Of several kinds of schedule, the one with the best place among those of its kind. None if
        enough have been trained to the end, or are on their way.
        """
        there = contestants(all_trials)
        whole = [t for t in there if self._level(t) == self.n_epochs and not trials.has_diverged(t)]
        rest = [trial for trial in there if _can_go_on(trial)]
        if len(whole) >= LEAST_TO_THE_END or not rest:
            return None
        highest = max(map(self._level, rest))
        places = self._places(there, highest)
        best = min(
            (trial for trial in rest if self._level(trial) == highest),
            key=lambda trial: (places[trial.number], trial.number),
        )
        return Step(best, self.n_epochs)

    def _let_up(self, group: Sequence[FrozenTrial], rung: int, above: int) -> FrozenTrial | None:
        """The best of the group that may leave the rung for the one above."""
        there = [trial for trial in group if self._reached(trial, rung)]
        n_due = n_best(rung, len(there), self.n_epochs)
        if sum(self._level(trial) >= above for trial in there) >= n_due + SPARE:
            return None
        there.sort(key=lambda trial: self._order(trial, rung))
        due = (t for t in there[:n_due] if _can_go_on(t) and rung <= self._level(t) < above)
        return next(due, None)

    def _levels(self) -> tuple[int, ...]:
        return (*rungs(self.n_epochs), self.n_epochs)

    def _places(self, there: Sequence[FrozenTrial], rung: int) -> dict[int, float]:
        """Each one's place among those of its kind that have reached the rung; 1 is the last."""
        places = dict[int, float]()
        for group in _kinds(trial for trial in there if self._reached(trial, rung)):
            group.sort(key=lambda trial: self._order(trial, rung))
            places |= {trial.number: n / len(group) for n, trial in enumerate(group, 1)}
        return places

    def _order(self, trial: FrozenTrial, rung: int) -> tuple[float, int]:
        return self._cost(trial, rung), trial.number

    def _level(self, trial: FrozenTrial) -> int:
        """The epoch to which the trial has been trained or is on its way."""
        if trial.state == TrialState.PRUNED:
            return trial.last_step or 0
        if trial.state != TrialState.COMPLETE and trials.TRAINS_TO in trial.user_attrs:
            return int(trial.user_attrs[trials.TRAINS_TO])
        # Of one that trains, a pruner decides; of one that diverged then, the next epoch was lost.
        return (trial.last_step or 0) + 1 if trials.has_diverged(trial) else self.n_epochs

    def _reached(self, trial: FrozenTrial, rung: int) -> bool:
        lost = trials.has_diverged(trial) and self._level(trial) >= rung
        return lost or rung in trial.intermediate_values

    def _cost(self, trial: FrozenTrial, n_epochs: int) -> float:
        value = trial.intermediate_values.get(n_epochs, math.nan)
        return math.inf if math.isnan(value) else trials.cost(value, self.direction)


def contestants(all_trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The searched trials that are compared: each configuration once, where it has got to.

    A pruned trial that another goes on with is represented by that one, if it lives; one that was
    stopped from outside by the one that makes up for it, which has its values until it has got as
    far.
    """
    followed = {trial.user_attrs.get(trials.PROMOTED) for trial in all_trials}
    by_number = {trial.number: trial for trial in all_trials}
    return [
        _with_values_of_lost(trial, by_number)
        for trial in all_trials
        if not (trials.is_paper(trial) or trials.is_unfinished_failure(trial))
        and trials.SAME_AS not in trial.user_attrs
        and trial.number not in followed
    ]


def _kinds(there: Iterable[FrozenTrial]) -> list[list[FrozenTrial]]:
    """Those whose schedules are of one kind, together."""
    groups = defaultdict[str, list[FrozenTrial]](list)
    for trial in there:
        groups[trials.schedule(trial)].append(trial)
    return list(groups.values())


def _with_values_of_lost(trial: FrozenTrial, by_number: Mapping[int, FrozenTrial]) -> FrozenTrial:
    attempts = [trial]
    while (former := by_number.get(attempts[-1].user_attrs.get(trials.RETRY_OF, -1))) is not None:
        attempts.append(former)
    furthest = max(attempts, key=lambda attempt: len(attempt.intermediate_values))
    if trial.state.is_finished() or furthest is trial:
        return trial
    shown = copy(trial)
    shown.intermediate_values = furthest.intermediate_values
    return shown


def _can_go_on(trial: FrozenTrial) -> bool:
    """Whether it rests, or others were better by then; its training can be gone on with."""
    stopped = trial.state == TrialState.PRUNED and trials.REASON not in trial.user_attrs
    return stopped and bool(trial.intermediate_values)
