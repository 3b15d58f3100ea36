from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from reports.analysis.tables import pareto_fronts
from studies.records import pareto, trials
from studies.records.settings import StudySettings, write


def add(
    study: optuna.Study,
    value: float,
    params: int,
    macs: int,
    latency: float | None,
    state: TrialState = TrialState.COMPLETE,
    n_values: int = 1,
    **attrs: Any,
) -> None:
    costs = {trials.N_PARAMETERS: params, trials.N_MULTIPLY_ADDS: macs, trials.WORDS: "words"}
    if latency is not None:
        costs[trials.LATENCY_MS] = latency
    system = attrs.pop("system_attrs", {})
    values = [value, params][:n_values]
    study.add_trial(
        create_trial(state=state, values=values, user_attrs=costs | attrs, system_attrs=system)
    )


@pytest.fixture
def study() -> optuna.Study:
    """A pruned study of classifiers; #0 is best, #1 smallest, #2 fastest, #3 beaten by #1."""
    study = optuna.create_study(direction="maximize")
    settings = StudySettings("classifier", metric="validation_accuracy", direction="maximize")
    write(study, settings)
    add(study, 0.92, 50_000, 900, 9.0, paper="fc-sgd")
    add(study, 0.90, 10_000, 300, 5.0)
    add(study, 0.91, 60_000, 1200, 3.0)
    add(study, 0.89, 10_001, 400, 5.5)
    add(study, 0.99, 10, 10, 0.1, TrialState.PRUNED)
    add(study, 0.90, 10_000, 300, 5.0, same_as=1)
    add(study, 0.99, 10, 10, 0.1, system_attrs={"constraints:n_parameters": 5.0})
    add(study, 0.80, 10_000, 200, None)
    return study


def test_every_studys_front_against_each_cost_is_that_of_its_completed_feasible_trials(
    study: optuna.Study,
) -> None:
    rows = pareto_fronts(study)
    assert [(row.label, row.fronts) for row in rows] == [
        ("#0 paper:fc-sgd", ("params", "macs", "latency")),
        ("#2", ("latency",)),
        ("#1", ("params", "macs")),
        ("#7", ("macs",)),
    ]
    assert rows[0]._asdict() == {
        "number": 0,
        "label": "#0 paper:fc-sgd",
        "value": 0.92,
        "n_parameters": 50_000,
        "n_multiply_adds": 900,
        "latency_ms": 9.0,
        "latency_spread_ms": None,
        "fronts": ("params", "macs", "latency"),
        "configuration": "words",
    }
    assert rows[-1].latency_ms is None


def test_a_study_of_several_objectives_has_their_joint_front_too() -> None:
    study = optuna.create_study(directions=["minimize", "minimize"])
    write(study, StudySettings("autoencoder", objectives=("params",)))
    add(study, 0.02, 100, 7, 1.0, n_values=2)
    add(study, 0.03, 50, 9, 2.0, n_values=2)
    assert {row.number: row.fronts for row in pareto_fronts(study)} == {
        0: ("params", "macs", "latency", "objectives"),
        1: ("params", "objectives"),
    }


def test_a_study_without_results_has_no_front() -> None:
    study = optuna.create_study()
    write(study, StudySettings("autoencoder"))
    assert pareto_fronts(study) == []


def test_a_latency_that_the_spread_cannot_tell_from_a_better_trials_is_not_on_the_front() -> None:
    study = optuna.create_study()
    write(study, StudySettings("autoencoder"))
    for value, latency, spread in ((0.01, 110.0, 8.0), (0.02, 103.0, 1.0), (0.02, 101.0, 1.0)):
        add(study, value, 100, 7, latency, latency_spread_ms=spread)
    fronts = {row.number: row.fronts for row in pareto_fronts(study)}
    assert "latency" in fronts[0]
    assert 1 not in fronts, "7 ms faster, where one moment differs from the next by 8"
    assert fronts[2] == ("latency",)


def test_several_objectives_know_the_spread_of_latency() -> None:
    study = optuna.create_study(directions=["minimize", "minimize"])
    write(study, StudySettings("autoencoder", objectives=("latency",)))
    for value, latency in ((0.01, 110.0), (0.02, 103.0), (0.03, 90.0)):
        costs = {"latency_ms": latency, "latency_spread_ms": 8.0}
        study.add_trial(create_trial(values=[value, latency], user_attrs=costs))
    exactly = pareto.front_of_trials(study.trials, "minimize", ["params"])
    assert [t.number for t in exactly] == [0, 1, 2]
    rows = pareto_fronts(study)
    assert [row.number for row in rows if "objectives" in row.fronts] == [0, 2]
