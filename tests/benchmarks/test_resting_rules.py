"""By promotion the best quarter of those at a rung trains on, at every moment."""

from collections.abc import Sequence

import numpy as np
import pytest
from helpers.made_up_curves import flat, in_order, pool_of
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.resting_rules import Foresight, FreezeThaw, Pasha, Promotion
from benchmarks.simulation import Outcome, Rule, Trial, simulate
from benchmarks.views import Ladder, as_pruned


class Watched(Promotion):
    """Promotion that is looked at whenever it promotes: rung, costs there, and whose it was."""

    def __init__(self, factor: int, rungs: Sequence[int]) -> None:
        super().__init__(factor, rungs)
        self.promoted: list[tuple[int, list[float], float]] = []

    def next(self, trials: Sequence[Trial]) -> Trial | None:
        before = {trial.number: trial.level for trial in trials}
        found = super().next(trials)
        if found is not None:
            rung = before[found.number]
            there = [trial.cost_at(rung) for trial in trials if trial.n_epochs >= rung]
            self.promoted.append((rung, there, found.cost_at(rung)))
        return found


@given(seed=st.integers(0, 2**32), n_workers=st.integers(1, 4), factor=st.integers(2, 5))
@settings(deadline=None)
def test_who_is_promoted_is_among_the_best_share_of_those_at_its_rung(
    seed: int, n_workers: int, factor: int
) -> None:
    costs = np.random.default_rng(seed).uniform(0.1, 1, (40, 16))
    rule = Watched(factor, (1, 4))
    simulate(pool_of(costs), rule, in_order, 40, n_workers)
    assert rule.promoted
    for _, there, cost in rule.promoted:
        assert sum(other <= cost for other in there) <= len(there) // factor


@given(seed=st.integers(0, 2**32), n_workers=st.integers(1, 4))
@settings(deadline=None)
def test_in_the_end_no_better_trial_rests_than_one_that_its_rung_should_promote(
    seed: int, n_workers: int
) -> None:
    costs = np.random.default_rng(seed).uniform(0.1, 1, (40, 16))
    outcome = simulate(pool_of(costs), Promotion(4, (1, 4)), in_order, 40, n_workers)
    for rung in (1, 4):
        there = [trial for trial in outcome.trials if trial.n_epochs >= rung]
        there.sort(key=lambda trial: trial.cost_at(rung))
        assert all(trial.n_epochs > rung for trial in there[: len(there) // 4])


def levels(rule: Rule, *costs: float, kinds: Sequence[str] = (), paper: Sequence[int] = ()) -> str:
    """The epochs that trials of unchanging cost end with, of 8."""
    pool = pool_of(flat(*costs), kinds, paper)
    return epochs(simulate(pool, rule, in_order, len(costs) - len(paper)))


def epochs(outcome: Outcome) -> str:
    """That each trial was trained for."""
    return " ".join(str(trial.n_epochs) for trial in outcome.trials)


def test_of_four_the_best_is_promoted_and_stays_so_when_better_ones_come() -> None:
    assert levels(Promotion(4, (1, 4)), 5, 3, 4, 6) == "1 4 1 1"
    # Of eight two are: 1 and 2. What was promoted before, 3, is not taken back.
    assert levels(Promotion(4, (1, 4)), 5, 3, 4, 6, 1, 2, 7, 8) == "1 4 1 1 4 4 1 1"


def test_of_equals_the_first_is_promoted() -> None:
    assert levels(Promotion(4, (1, 4)), 5, 5, 5, 5) == "4 1 1 1"


def test_the_best_of_those_at_the_highest_rung_fill_up_those_at_the_end() -> None:
    assert levels(Promotion(4, (1, 4), n_last=1), 5, 3, 4, 6) == "1 8 1 1"
    assert levels(Promotion(4, (1, 4), n_last=3), 5, 3, 4, 6) == "8 8 8 1"
    assert levels(Promotion(4, (1, 4), n_last=3), 5, 3) == "8 8"
    kinds = ["constant"] * 2 + ["one-cycle"] * 3
    by_kind = Promotion(4, (1, 4), n_last=1, by_kind=True)
    assert levels(by_kind, 1, 2, 5, 4, 6, kinds=kinds) == "1 1 1 8 1", "the first of three"


def test_trials_with_another_kind_of_schedule_are_not_compared() -> None:
    kinds = ["constant"] * 4 + ["one-cycle"] * 4
    costs = 1, 2, 3, 4, 5, 6, 7, 8
    assert levels(Promotion(4, (1, 4)), *costs, kinds=kinds) == "4 4 1 1 1 1 1 1"
    by_kind = Promotion(4, (1, 4), by_kind=True)
    assert levels(by_kind, *costs, kinds=kinds) == "4 1 1 1 4 1 1 1"


@pytest.mark.parametrize(("paper", "expected"), [("all", "1 1 1 1"), ("none", "1 1 1 4")])
def test_the_papers_trials_take_part_in_rungs_only_if_asked_to(paper: str, expected: str) -> None:
    assert levels(Promotion(4, (1, 4), paper=paper), 1, 5, 4, 3, 2, paper=[0]) == expected


def test_pasha_goes_no_higher_while_the_order_stays_the_same() -> None:
    pool = pool_of(flat(*range(1, 19), n_epochs=9))
    outcome = simulate(pool, Pasha(3, n_last=0), in_order, 18)
    assert epochs(outcome) == " ".join(["3"] * 6 + ["1"] * 12)


def test_freeze_thaw_gives_the_first_by_rank_the_most_epochs() -> None:
    assert levels(FreezeThaw(k=1, power=1.0, n_last=0), 1, 2, 4, 8) == "8 4 2 2"


def test_foresight_trains_on_what_ends_best_so_far_however_it_begins() -> None:
    costs = np.array([[1.0, 6, 6, 6], [9, 5, 5, 5], [2, 5.5, 5.5, 5.5], [8, 4, 4, 4]])
    assert epochs(simulate(pool_of(costs), Foresight(), in_order, 4)) == "4 4 1 4"


def test_a_ladder_expects_the_end_that_others_came_to() -> None:
    halved = np.outer([1.0, 2.0, 4.0], 0.5 ** np.arange(8))
    outcome = simulate(pool_of(halved), Promotion(3, (2,)), in_order, 3)
    ladder = Ladder(outcome.trials, 8)
    assert [trial.n_epochs for trial in outcome.trials] == [8, 2, 2]
    assert [ladder(t) for t in outcome.trials] == pytest.approx(
        [t.final_cost for t in outcome.trials]
    )


def test_tpe_is_shown_a_resting_trial_as_pruned_at_its_last_value() -> None:
    outcome = simulate(pool_of(flat(3, 2, 1, 4)), Promotion(4, (1, 4)), in_order, 4)
    seen = as_pruned(outcome.trials, 8)
    assert [(t.state.name, t.value, t.last_step) for t in seen] == [
        ("PRUNED", 3, 1),
        ("PRUNED", 2, 1),
        ("PRUNED", 1, 4),
        ("PRUNED", 4, 1),
    ]
