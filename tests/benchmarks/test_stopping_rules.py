"""The rules that stop trials decide as Optuna's pruners, which they stand for, do."""

import numpy as np
import optuna
import pytest
from helpers.made_up_curves import in_order, pool_of
from optuna.pruners import BasePruner, MedianPruner, SuccessiveHalvingPruner

from benchmarks.simulation import Rule, simulate
from benchmarks.stopping_rules import Full, Halving, Median

N_TRIALS, N_EPOCHS = 30, 32


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("rule", "pruner"),
    [
        (Full(), optuna.pruners.NopPruner()),
        (Halving(2), SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)),
        (Halving(4), SuccessiveHalvingPruner(min_resource=1, reduction_factor=4)),
        (Median(), MedianPruner(n_startup_trials=5, n_warmup_steps=N_EPOCHS // 10)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_trials_are_stopped_where_optunas_pruner_stops_them(
    rule: Rule, pruner: BasePruner, seed: int
) -> None:
    costs = np.random.default_rng(seed).uniform(0.1, 1, (N_TRIALS, N_EPOCHS))
    outcome = simulate(pool_of(costs), rule, in_order, N_TRIALS)
    study = optuna.create_study(pruner=pruner)
    study.optimize(lambda trial: reported(trial, costs[trial.number]), n_trials=N_TRIALS)
    assert [t.n_epochs for t in outcome.trials] == [
        len(t.intermediate_values) for t in study.trials
    ]


def reported(trial: optuna.Trial, costs: np.ndarray) -> float:
    for epoch, cost in enumerate(costs, 1):
        trial.report(cost, epoch)
        if epoch < len(costs) and trial.should_prune():
            raise optuna.TrialPruned
    return float(costs[-1])
