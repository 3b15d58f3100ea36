"""What figures and sentences count, apart from how they are drawn."""

from collections.abc import Callable

import optuna
from helpers.made_up_studies import make

from reports.analysis.chosen_studies import Sources
from reports.analysis.time_spent import time_spent
from reports.figures.axes import ValueAxis
from reports.figures.figure_data import (
    MAX_CURVES,
    MAX_RUNGS,
    epoch_curves,
    fronts,
    history,
    parallel,
)
from studies.records import trials


def test_a_study_of_several_objectives_has_its_curves_and_epochs_too(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=30, share_pruned=0)
    (source,) = sources("ae").searches
    expected = [c.values for c in epoch_curves(source).complete]
    for trial in source.trials():
        trial.intermediate_values.clear()
    assert [c.values for c in epoch_curves(source).complete] == expected
    assert time_spent(source).epochs_share == 1.0


def test_a_model_above_the_limit_is_neither_best_so_far_nor_on_a_front(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=20, share_pruned=0)
    (source,) = sources("ae").searches
    best = source.best()
    assert best is not None
    best.system_attrs["constraints:n_parameters"] = 1.0
    values = [point.value for point in history(source).best_so_far]
    assert min(values) > trials.value_of(best)
    shown = [p.value for front in fronts(source) for p in (*front.front, *front.others)]
    assert trials.value_of(best) not in shown


def test_a_parallel_plot_has_every_trial_on_every_axis_and_its_value_last(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=20, share_pruned=0)
    make(storage, "alone", n_trials=1, share_pruned=0, with_paper=False)
    varied, alone = sources("ae", "alone").searches
    axes = parallel(varied, ValueAxis("loss (squared)", is_loss=True))
    assert {len(axis.values) for axis in axes} == {20}, "the paper's drew no values here"
    assert axes[-1].label == "loss"
    for axis in axes:
        assert axis.ticks is None or set(axis.values) == set(range(len(axis.ticks)))
    assert parallel(alone, ValueAxis("", is_loss=True)) == [], "nothing varies"


def test_all_trials_are_counted_where_they_ended_though_not_all_of_them_are_drawn(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=MAX_CURVES + 50, share_pruned=0.9)
    (source,) = sources("ae").searches
    found = epoch_curves(source)
    assert len(found.early) < MAX_CURVES < sum(found.n_ended.values())
    assert set(found.n_ended) == {2, 6}
    assert sum(found.n_ended.values()) == len(source.trials())
    assert found.few_ends() == found.n_ended
    anywhere = found._replace(n_ended=dict.fromkeys(range(MAX_RUNGS + 1), 1))
    assert anywhere.few_ends() == {}
    assert found._replace(n_ended={8: 2, 9: 11}).few_ends() == {}, "it would be read as 211"
