"""What figures and sentences count, apart from how they are drawn."""

from collections.abc import Callable

import optuna
from helpers.made_up_studies import make
from optuna.trial import TrialState

from reports.analysis.chosen_studies import Sources
from reports.analysis.time_spent import time_spent
from reports.figures.figure_data import ValueAxis, curves, fronts, history, parallel
from studies.records import trials


def test_a_study_of_several_objectives_has_its_curves_and_epochs_too(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=30, share_pruned=0)
    (source,) = sources("ae").searches
    expected = [c.percent for c in curves(source, TrialState.COMPLETE)]
    for trial in source.trials():
        trial.intermediate_values.clear()
    assert [c.percent for c in curves(source, TrialState.COMPLETE)] == expected
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
    axes = parallel(varied, ValueAxis("loss in %", "loss", is_log=True))
    assert {len(axis.values) for axis in axes} == {20}, "the paper's drew no values here"
    assert axes[-1].label == "loss"
    for axis in axes:
        assert axis.ticks is None or set(axis.values) == set(range(len(axis.ticks)))
    assert parallel(alone, ValueAxis("", "", is_log=True)) == [], "nothing varies"
