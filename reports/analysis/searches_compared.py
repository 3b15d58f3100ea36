"""Searches beside each other: what each found in which time, and how many of its trials are good.

The paper's configurations are the same in all of them, so they do not take part. What ``--new``
took over does not either, as another search chose it, nor do repeats, which take no time.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from optuna.trial import FrozenTrial

from reports.analysis.chosen_studies import Source
from reports.analysis.time_spent import seconds_of
from spaces.errors import StudyError
from studies.records import trials
from studies.records.comparable import once
from studies.records.origins import Origin, origins

_CHOSEN_HERE: tuple[Origin, ...] = ("found", "given")
"""Origins of the configurations that a search is compared by."""
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
    """Configurations searched and trained here, to the end or not."""
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
    direction, origin = source.settings.direction, origins(source.trials())
    chosen = [t for t in source.own() if origin[t.number] in _CHOSEN_HERE]
    searched = [t for t in chosen if seconds_of(t) > 0]
    results = once(t for t in searched if trials.is_result(t))
    values = [trials.value_of(t) for t in trials.ranked(results, direction)]
    steps = list(_steps(searched, direction == "minimize"))
    seconds = sum(map(seconds_of, searched))
    best = values[0] if values else None
    return Searched(source.name, len(results), seconds, best, steps, values)


def _steps(searched: Iterable[FrozenTrial], less_is_better: bool) -> Iterator[tuple[float, float]]:
    """Seconds and value whenever a trial ended better than all before it."""
    spent, best = 0.0, math.inf
    stretches = (stretch for trial in searched for stretch in _stretches(trial))
    for stretch in sorted(stretches, key=lambda s: (s.until, s.number)):
        spent += stretch.seconds
        for value in stretch.values:
            cost = value if less_is_better else -value
            if cost < best:
                best = cost
                yield spent, value


class _Stretch(NamedTuple):
    """Training of a trial at one time."""

    until: float
    """When it was over, in seconds of an era."""
    number: int
    """The trial's."""
    seconds: float
    values: list[float]
    """What the trial came to by it, if that is the end of a feasible one."""


def _stretches(trial: FrozenTrial) -> Iterator[_Stretch]:
    """What the trial was trained until it rested last, if it did, and what after that.

    A study does not note when a trial returned. It may wait at its rung for most of the search, so
    what it was trained before counts as if done at once.
    """
    before = trials.seconds_until_rest(trial)
    values = [trials.value_of(t) for t in trials.completed([trial]) if trials.is_feasible(t)]
    begun, ended = map(_moment, (trial.datetime_start, trial.datetime_complete))
    yield _Stretch(min(begun + before, ended), trial.number, before, [])
    yield _Stretch(ended, trial.number, seconds_of(trial) - before, values)


def _moment(time: datetime | None) -> float:
    """As seconds of an era; what has not come yet is the last."""
    return math.inf if time is None else (time - datetime.min).total_seconds()


def _differences(sources: Sequence[Source]) -> Iterator[str]:
    first = sources[0]
    for source in sources[1:]:
        settings = replace(source.settings, seed=first.settings.seed)  # which only draws
        if not settings.is_comparable(first.settings):
            said = "; ".join(settings.differences(first.settings))
            yield f"{source.name}: {said} as in {first.name}"
