"""Simulated searches spend what their trials were trained for, and nothing twice."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from helpers.made_up_curves import flat, in_order, pool_of
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.drawers import RandomDrawer, TpeDrawer
from benchmarks.rules import RULES
from benchmarks.simulation import Trial, simulate
from benchmarks.stopping_rules import Full
from benchmarks.views import VIEWS, View, as_pruned

N_EPOCHS = 20
KINDS = ("constant", "cosine", "one-cycle")


@given(
    rule=st.sampled_from(sorted(RULES)),
    seed=st.integers(0, 2**32),
    n_workers=st.integers(1, 4),
    n_wanted=st.integers(1, 24),
)
@settings(deadline=None)
def test_every_rule_begins_all_trials_and_trains_no_epoch_twice(
    rule: str, seed: int, n_workers: int, n_wanted: int
) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.uniform(0.1, 1, (n_wanted, N_EPOCHS))
    costs[rng.random(n_wanted) < 0.1, 3:] = math.inf  # some diverge
    pool = pool_of(costs, kinds=rng.choice(KINDS, n_wanted).tolist(), seed=seed)
    outcome = simulate(pool, RULES[rule].make(), RandomDrawer(pool, seed), n_wanted, n_workers)
    assert len(outcome.trials) == len({trial.index for trial in outcome.trials}) == n_wanted
    # No two of the epochs' seconds are alike, so that the sum tells which were trained.
    assert outcome.seconds == pytest.approx(sum(map(seconds_of, outcome.trials)))
    assert outcome.n_epochs == sum(t.n_epochs + sum(t.rehearsed) for t in outcome.trials)
    assert all(t.n_epochs + sum(t.rehearsed) > 0 for t in outcome.trials)
    assert len(outcome.ends) == sum(trial.is_complete for trial in outcome.trials)


def seconds_of(trial: Trial) -> float:
    own = trial.candidate.seconds[: trial.n_epochs].sum()
    return float(own) + sum(trial.candidate.short[n][1] for n in trial.rehearsed)


def test_a_configuration_that_comes_up_again_takes_no_time_and_keeps_its_result() -> None:
    pool = pool_of(flat(0.3, 0.2))
    outcome = simulate(pool, Full(), lambda trials: len(trials) % 2, n_wanted=4)
    assert [trial.n_epochs for trial in outcome.trials] == [8, 8, 0, 0]
    assert [cost for _, cost in outcome.ends] == [0.3, 0.2, 0.3, 0.2]
    assert outcome.n_epochs == 16


def test_the_papers_trials_come_first_and_cost_nothing() -> None:
    pool = pool_of(flat(0.1, 0.3, 0.2), paper=[0])
    outcome = simulate(pool, Full(), in_order, n_wanted=2)
    assert [trial.number for trial in outcome.trials] == [1, 2]
    assert outcome.best == 0.2
    assert outcome.n_epochs == 16


def test_to_draw_the_papers_configuration_again_finds_nothing() -> None:
    pool = pool_of(flat(0.1, 0.3), paper=[0])
    outcome = simulate(pool, Full(), lambda trials: len(trials) % 2, n_wanted=3)
    assert [trial.index for trial in outcome.trials] == [1, 0, 1]
    assert [cost for _, cost in outcome.ends] == [0.3, 0.3]


def test_a_trial_that_diverges_is_over_and_never_the_best() -> None:
    costs = flat(0.1, 0.2)
    costs[0, 5:] = math.inf
    outcome = simulate(pool_of(costs), Full(), in_order, n_wanted=2)
    assert [trial.n_epochs for trial in outcome.trials] == [6, 8]
    assert outcome.best == 0.2


def test_time_to_a_target_is_what_all_had_spent_by_then() -> None:
    pool = pool_of(flat(0.3, 0.1, 0.2))
    outcome = simulate(pool, Full(), in_order, n_wanted=3)
    first_two = sum(candidate.seconds.sum() for candidate in pool.candidates[:2])
    assert outcome.seconds_until(0.1) == (pytest.approx(first_two), True)
    assert outcome.seconds_until(0.05) == (outcome.seconds, False)


def test_tpe_draws_each_candidate_of_a_part_of_a_space_once() -> None:
    rng = np.random.default_rng(0)
    pool = pool_of(rng.uniform(0.1, 1, (16, 4)))
    outcome = simulate(pool, Full(), TpeDrawer(pool, 0, as_pruned, n_startup=4), n_wanted=16)
    assert {trial.index for trial in outcome.trials} == set(range(16))


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_tpe_is_shown_each_trial_at_its_number(view: View) -> None:
    rng = np.random.default_rng(0)
    costs = rng.uniform(0.1, 1, (24, N_EPOCHS))
    costs[::4, 2:] = math.inf
    pool, shown = pool_of(costs), list[int]()

    def draw(trials: Sequence[Trial]) -> int:
        numbers = [trial.number for trial in view(trials, N_EPOCHS)]
        shown.append(len(numbers))
        assert numbers == list(range(len(trials)))
        return in_order(trials)

    simulate(pool, RULES["promotion 1, 4 by 4"].make(), draw, n_wanted=24, n_workers=2)
    assert shown == list(range(24))
