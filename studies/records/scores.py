"""Figures that sum up results, over seeds, images and classes. Pure functions of numbers."""

import math
import statistics
from collections.abc import Sequence
from typing import Literal, NamedTuple

CONFIDENCE = 0.95
TWO_SIDED = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
"""Standard errors within which a normal figure falls with that confidence: 1.96."""


class Mean(NamedTuple):
    """A mean over seeds, and where the true one lies with 95 % confidence."""

    mean: float
    low: float | None
    """None of a single value, which tells nothing of its spread."""
    high: float | None


Agreement = Literal["agrees", "higher", "lower", "cannot say"]
"""How what is measured here stands to one figure from elsewhere."""

Why = Literal["", "not run", "one run each", "wide spread", "less training"]
"""Why nothing can be said; empty where something can."""


class AgainstOneRun(NamedTuple):
    """Several runs here beside one run elsewhere, of which nothing but its figure is known."""

    verdict: Agreement
    why: Why = ""
    low: float | None = None
    """Where one more run like those here falls with 95 % confidence; None of fewer than two."""
    high: float | None = None


class ClassScore(NamedTuple):
    """How well one class is recognised."""

    precision: float | None
    """Share right of what was taken for the class; None if nothing was."""
    recall: float | None
    """Share recognised of what is of the class; None if nothing is."""


def mean_with_interval(values: Sequence[float]) -> Mean:
    """The mean and its interval by Student's t distribution with one degree of freedom less."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Mean(mean, None, None)
    half = _students_t(len(values)) * statistics.stdev(values) / math.sqrt(len(values))
    return Mean(mean, mean - half, mean + half)


def against_one_run(
    figure: float, values: Sequence[float], matters: float, rounding: float = 0.0
) -> AgainstOneRun:
    """Whether a figure of one run elsewhere can be one more run of those here.

    It is taken to be drawn from where these were: that run's own spread is not known, so it is
    assumed to be as large as the spread here. One more run then lies within
    ``mean ± t(n-1) · s · √(1 + 1/n)``, the prediction interval of a normal sample.

    Args:
        figure: of the one run.
        values: of the runs here, one a seed.
        matters: the difference that somebody would care about; where half of the interval is wider
            than it, a figure within the interval proves no agreement.
        rounding: by how much the figure may differ from what was measured, as it is printed.
    """
    n = len(values)
    if n < 2:
        return AgainstOneRun("cannot say", "one run each" if n else "not run")
    mean = statistics.fmean(values)
    half = _students_t(n) * statistics.stdev(values) * math.sqrt(1 + 1 / n)
    low, high = mean - half, mean + half
    if figure + rounding < low:
        return AgainstOneRun("higher", "", low, high)
    if figure - rounding > high:
        return AgainstOneRun("lower", "", low, high)
    if half > matters:
        return AgainstOneRun("cannot say", "wide spread", low, high)
    return AgainstOneRun("agrees", "", low, high)


def standard_error(share: float, n: int) -> float:
    """Of a share right among ``n`` images that were drawn by chance (binomial)."""
    return math.sqrt(share * (1 - share) / n)


def can_be_told_apart(one: float, other: float, n: int) -> bool:
    """Whether two accuracies over ``n`` images differ by more than the images' luck, to 95 %.

    As if each had been judged by images of its own. Judged by the same ones they vary together, so
    their difference varies less than is taken here, and some that are tied are in truth apart.
    """
    error = math.hypot(standard_error(one, n), standard_error(other, n))
    return abs(one - other) > TWO_SIDED * error


def class_scores(confusion: Sequence[Sequence[int]]) -> list[ClassScore]:
    """Precision and recall of each class.

    Args:
        confusion: counts, a row for each true class, a column for each that was taken for it.
    """
    columns = list(zip(*confusion, strict=True))
    return [
        ClassScore(_share(row[label], sum(columns[label])), _share(row[label], sum(row)))
        for label, row in enumerate(confusion)
    ]


def added(confusions: Sequence[Sequence[Sequence[int]]]) -> list[list[int]]:
    """Several confusion matrices as one."""
    return [
        [sum(cells) for cells in zip(*rows, strict=True)] for rows in zip(*confusions, strict=True)
    ]


def _students_t(n: int) -> float:
    """The quantile for the confidence, of ``n`` values."""
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
