"""Searches beside each other: what each found in which time, and how many of its trials are good.

The paper's trials are the same in all of them, so they do not take part; nor do repeats, which take
no time.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from optuna.trial import FrozenTrial

from reports.analysis.chosen_studies import Source
from reports.analysis.time_spent import seconds_of
from spaces.errors import StudyError
from studies.records import trials

_TWO_SIDED = 1.96
"""Standard deviations of a 95 % interval."""


class Share(NamedTuple):
    """A share of trials with its 95 % interval, by Wilson's formula; NaN of no trials."""

    share: float
    low: float
    high: float


class Searched(NamedTuple):
    """One search."""

    study: str
    n_trials: int
    """Searched and trained here, to the end or not."""
    seconds: float
    """Training of these, one after another."""
    best: float | None
    steps: list[tuple[float, float]]
    """Seconds of training after which a better trial ended, and its value."""
    values: list[float]
    """Of the trials that were trained to the end, best first."""

    def share_at(self, value: float, less_is_better: bool) -> Share:
        """The share of all its trials that ended at least as good as a value."""
        good = sum(v <= value if less_is_better else v >= value for v in self.values)
        return wilson(good, self.n_trials)

    def seconds_to(self, value: float, less_is_better: bool) -> float | None:
        """Training until a trial was at least as good as a value; None if none was."""
        reached = (s for s, v in self.steps if (v <= value if less_is_better else v >= value))
        return next(reached, None)


class Comparison(NamedTuple):
    """Searches that judge their trials by one metric."""

    metric: str
    less_is_better: bool
    searches: list[Searched]
    value: float | None
    """The best value that all of them reached: the worst of their best ones."""
    differences: list[str]
    """What decides a trial's value and is not the same in all, in words."""


def compare(sources: Sequence[Source]) -> Comparison:
    """Set searches beside each other.

    Raises:
        StudyError: they judge by different metrics, or of different stages.
    """
    first = sources[0].settings
    for source in sources[1:]:
        settings = source.settings
        if (settings.stage, settings.metric) != (first.stage, first.metric):
            raise StudyError(
                f"'{sources[0].name}' is judged by the {first.stage}'s {first.metric}, "
                f"'{source.name}' by the {settings.stage}'s {settings.metric}; only searches that "
                "are judged alike can be compared"
            )
    less_is_better = first.direction == "minimize"
    searches = [_searched(source) for source in sources]
    bests = [search.best for search in searches if search.best is not None]
    worst = max(bests, default=None) if less_is_better else min(bests, default=None)
    return Comparison(
        first.metric,
        less_is_better,
        searches,
        worst if len(bests) == len(searches) else None,
        list(_differences(sources)),
    )


def wilson(n_good: int, n: int) -> Share:
    """The share of so many with its 95 % interval (E. B. Wilson, 1927)."""
    if n == 0:
        return Share(math.nan, math.nan, math.nan)
    share, square = n_good / n, _TWO_SIDED**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = share * (1 - share) / n + square / (4 * n * n)
    width = _TWO_SIDED / (1 + square / n) * math.sqrt(half)
    return Share(share, max(0.0, middle - width), min(1.0, middle + width))


def _searched(source: Source) -> Searched:
    direction = source.settings.direction
    searched = [t for t in source.own() if not trials.is_paper(t) and seconds_of(t) > 0]
    results = [t for t in searched if trials.is_result(t)]
    values = [trials.value_of(t) for t in trials.ranked(searched, direction)]
    steps = list(_steps(sorted(searched, key=_ended), direction == "minimize"))
    seconds = sum(map(seconds_of, searched))
    best = values[0] if values else None
    return Searched(source.name, len(results), seconds, best, steps, values)


def _steps(in_order: Sequence[FrozenTrial], less_is_better: bool) -> Iterator[tuple[float, float]]:
    """Seconds and value whenever a trial ended better than all before it."""
    spent, best = 0.0, math.inf
    for trial in in_order:
        spent += seconds_of(trial)
        for value in map(trials.value_of, trials.completed([trial])):
            cost = value if less_is_better else -value
            if cost < best and trials.is_feasible(trial):
                best = cost
                yield spent, value


def _ended(trial: FrozenTrial) -> tuple[datetime, int]:
    """When the trial ended; one that did not is the last."""
    return trial.datetime_complete or datetime.max, trial.number


def _differences(sources: Sequence[Source]) -> Iterator[str]:
    first = sources[0]
    for source in sources[1:]:
        settings = replace(source.settings, seed=first.settings.seed)  # which only draws
        if not settings.is_comparable(first.settings):
            said = "; ".join(settings.differences(first.settings))
            yield f"{source.name}: {said} as in {first.name}"
