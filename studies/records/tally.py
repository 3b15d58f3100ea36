"""How many trials of a study ended in which way, and since the best. Pure functions over trials."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from optuna.trial import FrozenTrial, TrialState

from spaces.stages import Direction
from spaces.wording import counted
from studies.records import attributes, pareto, trials
from studies.records.request import Cost
from studies.records.trials import SAME_AS, has_diverged, is_resting, is_too_costly


class Tally(NamedTuple):
    """How many trials with a result ended in which way; each is counted once."""

    n_to_the_end: int = 0
    """Trained for all epochs."""
    n_resting: int = 0
    """Stopped on their way, and may still go on."""
    n_pruned: int = 0
    """Stopped on their way for good."""
    n_too_costly: int = 0
    """Not trained: above the study's limits."""
    n_diverged: int = 0
    n_repeats: int = 0
    """Given another's result, as their configuration had been trained before."""

    def in_words(self) -> str:
        """The counts that are not zero: ``14 to the end, 8 pruned, 3 repeats``."""
        parts = (
            (self.n_to_the_end, f"{self.n_to_the_end} to the end"),
            (self.n_resting, f"{self.n_resting} resting"),
            (self.n_pruned, f"{self.n_pruned} pruned"),
            (self.n_too_costly, f"{self.n_too_costly} too costly"),
            (self.n_diverged, f"{self.n_diverged} diverged"),
            (self.n_repeats, counted(self.n_repeats, "repeat")),
        )
        return ", ".join(words for n, words in parts if n)


def tally(results: Iterable[FrozenTrial]) -> Tally:
    """How many of the trials, all of which have a result, ended in which way."""
    ways = [_way(trial) for trial in results]
    return Tally(*(ways.count(name) for name in Tally._fields))


def _way(trial: FrozenTrial) -> str:
    if SAME_AS in trial.user_attrs:
        return "n_repeats"
    if is_too_costly(trial):
        return "n_too_costly"
    if has_diverged(trial):
        return "n_diverged"
    if trial.state == TrialState.COMPLETE:
        return "n_to_the_end"
    return "n_resting" if is_resting(trial) else "n_pruned"


def n_since_best(
    all_trials: Sequence[FrozenTrial], direction: Direction, costs: Sequence[Cost] = ()
) -> int:
    """How many searched trials have begun since the best one ended, none of them better.

    With several objectives a trial improves that joins the Pareto front. Results taken over from
    another study cost nothing and do not count.
    """
    leaders = (
        pareto.front_of_trials(all_trials, direction, costs)
        if costs
        else trials.ranked(all_trials, direction)[:1]
    )
    ends = {t.datetime_complete: t.number for t in leaders if t.datetime_complete}
    if not ends:
        return 0
    end, leader = max(ends.items())
    since = [
        t
        for t in trials.searched_results(all_trials)
        if t.datetime_start and t.datetime_start >= end
    ]
    return sum(t.number != leader and trials.TAKEN_FROM not in attributes.of(t) for t in since)
