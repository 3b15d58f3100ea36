from collections.abc import Callable

import optuna
from helpers.made_up_studies import make

from reports.analysis.chosen_studies import Source, Sources
from reports.analysis.importance import MAX_TRIALS, Importances, importances
from spaces.budget import Budget
from studies.records import trials
from studies.records.comparable import MIN_FOR_IMPORTANCE, furthest

LONG = Budget(epochs=16)
PROMOTED = [16, 1, 4, 1, 1, 4, 1, 4, 1, 1, 4, 1, 4, 1, 1, 1]
"""Epochs by turns, as promotion leaves trials."""
MOST = [16, 1, 4, 1, 4, 4, 1, 4]
"""Likewise, where most are trained to the second rung."""


def told(source: Source) -> Importances | None:
    return importances(furthest(source.own(), source.settings), source.settings.direction)


def test_the_dimension_that_decides_comes_first_and_shares_add_up(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=150)
    source = sources().searches[0]
    found = told(source)
    assert found is not None
    assert {row.name for row in found.rows} == {
        "dropout", "batchnorm", "pool1", "pool2", "conv1_channels", "conv2_channels",
    }  # fmt: skip
    assert found.rows[0].name == "dropout"
    assert abs(sum(row.share for row in found.rows) - 1) < 1e-9
    assert all(row.low <= row.high for row in found.rows)
    assert found.n_trials == sum(not t.user_attrs.get("paper") for t in source.completed())


def test_pruned_trials_and_the_papers_take_no_part_where_enough_came_to_the_end(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=100)
    source = sources().searches[0]
    searched = [t for t in source.completed() if "paper" not in t.user_attrs]
    assert told(source) == importances(furthest(searched, source.settings), "minimize")


def test_where_few_came_to_the_end_the_furthest_epoch_counts_that_half_have_reached(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=80, lengths=MOST, budget=LONG)
    source = sources().searches[0]
    compared = furthest(source.own(), source.settings)
    assert (compared.epoch, compared.n_epochs) == (4, 16)
    assert 40 < len(compared.trials) <= 50
    assert not any("paper" in trial.user_attrs for trial in compared.trials)
    assert compared.values == [t.intermediate_values[4] for t in compared.trials]
    make(storage, "few", n_trials=80, lengths=PROMOTED, budget=LONG)
    source = sources("few").searches[0]
    compared = furthest(source.own(), source.settings)
    assert compared.epoch == 1, "30 have reached epoch 4, the best of 80"
    assert 70 < len(compared.trials) <= 80, "a configuration that was drawn twice counts once"
    found = told(source)
    assert found is not None
    assert found.rows[0].name == "dropout"


def test_a_pruned_trial_and_the_one_that_goes_on_with_it_count_once(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    study = make(storage, n_trials=MIN_FOR_IMPORTANCE - 1, lengths=[1], budget=LONG)
    pruned = study.trials[-1]
    study.add_trial(pruned)
    source = sources().searches[0]
    assert len(furthest(source.own(), source.settings).trials) == MIN_FOR_IMPORTANCE - 1
    assert told(source) is None


def test_schedules_of_several_kinds_are_compared_among_themselves_until_the_end(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=90, lengths=PROMOTED, budget=LONG, space_name="wide")
    source = sources().searches[0]
    compared = furthest(source.own(), source.settings)
    # Whoever has this schedule looks hopeless on the way, and that says nothing of it.
    shifted = [
        value + (trials.schedule(trial) == "one-cycle")
        for trial, value in zip(compared.trials, compared.values, strict=True)
    ]
    found = told(source)
    assert found is not None
    assert found.within_kinds
    assert "schedule" not in {row.name for row in found.rows}
    assert importances(compared._replace(values=shifted), "minimize") == found
    whole = compared._replace(epoch=compared.n_epochs)
    at_end = importances(whole, "minimize")
    assert at_end is not None
    assert "schedule" in {row.name for row in at_end.rows}


def test_a_few_trials_have_no_importance(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=MIN_FOR_IMPORTANCE - 1, share_pruned=0.0)
    source = sources().searches[0]
    assert told(source) is None


def test_of_many_trials_a_sample_is_taken(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=MAX_TRIALS + 50, share_pruned=0.0)
    source = sources().searches[0]
    found = told(source)
    assert found is not None
    assert found.n_trials == MAX_TRIALS
    assert found.rows[0].name == "dropout"
