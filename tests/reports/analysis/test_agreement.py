import math
from random import Random

import optuna
import pytest
from optuna.trial import FrozenTrial, create_trial

from reports.analysis.agreement import agreement
from spaces.budget import Budget
from studies.records.settings import StudySettings

SETTINGS = StudySettings("autoencoder", Budget(epochs=4))


def whole(first: float, last: float, number: int) -> FrozenTrial:
    trial = create_trial(value=last, intermediate_values={1: first, 4: last})
    trial.number = number
    return trial


def found_in(pairs: list[tuple[float, float]]) -> tuple[float | None, float, float]:
    own = [whole(first, last, number) for number, (first, last) in enumerate(pairs)]
    own.append(create_trial(state=optuna.trial.TrialState.PRUNED, intermediate_values={1: 9.0}))
    found = agreement(own, SETTINGS, 1)
    assert found.n_trials == len(pairs), "those alone that came to the end"
    return found.value, found.low, found.high


def test_values_that_order_trials_alike_agree_but_a_few_trials_show_it_only_roughly() -> None:
    value, low, _ = found_in([(n, n**2) for n in range(6)])
    assert value == pytest.approx(1)
    assert 0 < low < 0.7
    assert found_in([(n, n**2) for n in range(30)])[1] > 0.9
    assert found_in([(n, -n) for n in range(6)])[2] < 0


@pytest.mark.parametrize("n_trials", [0, 1, 4])
def test_of_very_few_trials_nothing_is_said(n_trials: int) -> None:
    assert found_in([(n, n) for n in range(n_trials)])[0] is None


@pytest.mark.parametrize("strength", [0.0, 0.5, 0.9])
def test_its_interval_holds_the_truth_about_as_often_as_it_says(strength: float) -> None:
    rng = Random(0)
    truth = 6 / math.pi * math.asin(strength / 2)  # Spearman's of normal values
    n_inside = 0
    for _ in range(300):
        firsts = [rng.gauss(0, 1) for _ in range(12)]
        noise = math.sqrt(1 - strength**2)
        pairs = [(one, strength * one + rng.gauss(0, noise)) for one in firsts]
        _, low, high = found_in(pairs)
        n_inside += low <= truth <= high
    assert n_inside / 300 >= 0.9
