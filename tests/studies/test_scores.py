"""Final figures against those of scikit-learn and SciPy."""

import random

import numpy
import pytest
from scipy.stats import ttest_1samp
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from studies.scores import added, class_scores, mean_with_interval


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
