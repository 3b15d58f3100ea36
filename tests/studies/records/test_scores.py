"""Final figures against those of scikit-learn and SciPy."""

import random

import numpy
import pytest
from scipy.stats import ttest_1samp
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from studies.records.scores import (
    added,
    against_one_run,
    can_be_told_apart,
    class_scores,
    mean_with_interval,
    standard_error,
)


@pytest.mark.parametrize("n_seeds", [2, 3, 5, 30])
def test_the_interval_is_that_of_students_t(n_seeds: int) -> None:
    values = [random.Random(n).gauss(0.92, 0.003) for n in range(n_seeds)]
    found = mean_with_interval(values)
    interval = ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert found.mean == pytest.approx(numpy.mean(values))
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_a_single_seed_has_a_mean_and_no_interval() -> None:
    assert mean_with_interval([0.9]) == (0.9, None, None)


def test_equal_values_have_an_interval_of_nothing() -> None:
    assert mean_with_interval([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("n_seeds", [2, 3, 10])
def test_one_more_run_falls_into_its_interval_as_often_as_that_says(n_seeds: int) -> None:
    rng = random.Random(n_seeds)
    n_outside = 0
    for _ in range(4_000):
        one, *values = (rng.gauss(0.03, 0.001) for _ in range(1 + n_seeds))
        n_outside += against_one_run(one, values, matters=1.0).verdict != "agrees"
    assert n_outside / 4_000 == pytest.approx(0.05, abs=0.012)


@pytest.mark.parametrize("values", [[], [0.0144]])
def test_of_one_run_each_nothing_is_said_however_far_they_lie_apart(values: list[float]) -> None:
    found = against_one_run(0.9, values, matters=0.001)
    assert found == ("cannot say", "one run each" if values else "not run", None, None)


@pytest.mark.parametrize(
    ("figure", "matters", "verdict", "why"),
    [
        # The values' mean is 0.031, s = 0.001: ± t(0.975, 2) · s · √(4/3) = 4.3027 · 0.0011547.
        (0.0310, 0.0050, "agrees", ""),
        (0.0359, 0.0050, "agrees", ""),
        (0.0310, 0.0049, "cannot say", "wide spread"),
        (0.0361, 0.0049, "lower", ""),
        (0.0259, 0.0049, "higher", ""),
    ],
)
def test_a_figure_from_elsewhere_is_held_against_one_more_run(
    figure: float, matters: float, verdict: str, why: str
) -> None:
    found = against_one_run(figure, [0.030, 0.032, 0.031], matters)
    assert (found.verdict, found.why) == (verdict, why)
    assert (found.low, found.high) == pytest.approx((0.026032, 0.035968), abs=1e-6)


def test_a_printed_figure_is_as_near_as_its_rounding_lets_it_be() -> None:
    runs = [0.03134, 0.03134]
    assert against_one_run(0.0313, runs, 0.003, rounding=0.00005).verdict == "agrees"
    assert against_one_run(0.0313, runs, 0.003).verdict == "higher"


def test_accuracies_of_equal_networks_are_told_apart_one_time_in_twenty() -> None:
    rng = numpy.random.default_rng(0)
    n, share = 1_000, 0.9
    pairs = rng.binomial(n, share, size=(4_000, 2)) / n
    apart = [can_be_told_apart(float(one), float(other), n) for one, other in pairs]
    assert numpy.mean(apart) == pytest.approx(0.05, abs=0.012)
    assert numpy.std(pairs) == pytest.approx(standard_error(share, n), rel=0.03)


def test_one_image_of_a_thousand_is_a_tie() -> None:
    assert not can_be_told_apart(0.911, 0.910, 1_000)
    assert can_be_told_apart(0.911, 0.910, 1_000_000)


def test_precision_and_recall_are_scikit_learns() -> None:
    rng = numpy.random.default_rng(0)
    true = rng.integers(10, size=2_000)
    taken_for = numpy.where(rng.random(2_000) < 0.7, true, rng.integers(10, size=2_000))
    scores = class_scores(confusion_matrix(true, taken_for).tolist())
    precision, recall, _, _ = precision_recall_fscore_support(true, taken_for)
    assert [score.precision for score in scores] == pytest.approx(precision)
    assert [score.recall for score in scores] == pytest.approx(recall)


def test_what_was_never_taken_for_a_class_has_no_precision() -> None:
    scores = class_scores([[0, 3], [0, 2]])
    assert scores == [(None, 0.0), (pytest.approx(0.4), 1.0)]
    assert class_scores([[1, 1], [0, 0]])[1] == (0.0, None)


def test_matrices_are_added_cell_by_cell() -> None:
    assert added([[[1, 2], [3, 4]], [[10, 20], [30, 40]]]) == [[11, 22], [33, 44]]


@pytest.mark.parametrize("other", [[[1, 2]], [[1], [2]], [[1, 2], [3, 4], [5, 6]]])
def test_matrices_of_different_classes_are_not_added(other: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="zip"):
        added([[[1, 2], [3, 4]], other])
