from collections.abc import Callable

import optuna
from helpers.made_up_studies import make

from reports.analysis.chosen_studies import Sources
from reports.analysis.importance import MAX_TRIALS, MIN_TRIALS, importances


def test_the_dimension_that_decides_comes_first_and_shares_add_up(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=150)
    source = sources().searches[0]
    found = importances(source.completed(), source.settings.direction)
    assert found is not None
    assert {row.name for row in found.rows} == {
        "dropout", "batchnorm", "pool1", "pool2", "conv1_channels", "conv2_channels",
    }  # fmt: skip
    assert found.rows[0].name == "dropout"
    assert abs(sum(row.share for row in found.rows) - 1) < 1e-9
    assert all(row.low <= row.high for row in found.rows)
    assert found.n_trials == sum(not t.user_attrs.get("paper") for t in source.completed())


def test_pruned_trials_and_the_papers_take_no_part(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=100)
    source = sources().searches[0]
    searched = [t for t in source.completed() if "paper" not in t.user_attrs]
    direction = source.settings.direction
    assert importances(source.completed(), direction) == importances(searched, direction)


def test_a_few_trials_have_no_importance(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=MIN_TRIALS - 1, share_pruned=0.0)
    source = sources().searches[0]
    assert importances(source.completed(), source.settings.direction) is None


def test_of_many_trials_a_sample_is_taken(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=MAX_TRIALS + 50, share_pruned=0.0)
    source = sources().searches[0]
    found = importances(source.completed(), source.settings.direction)
    assert found is not None
    assert found.n_trials == MAX_TRIALS
    assert found.rows[0].name == "dropout"
