"""Figures that sum up final results: over seeds, and over classes. Pure functions of numbers."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

CONFIDENCE = 0.95


class Mean(NamedTuple):
    """A mean over seeds, and where the true one lies with 95 % confidence."""

    mean: float
    low: float | None
    """None of a single value, which tells nothing of its spread."""
    high: float | None


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
    from scipy.stats import t

    error = statistics.stdev(values) / math.sqrt(len(values))
    half = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * error
    return Mean(mean, mean - half, mean + half)


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


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
