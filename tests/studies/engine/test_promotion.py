"""Who is promoted: the rule over stored trials, without an engine."""

import random

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState

from studies.engine.promotion import (
    LEAST_TO_THE_END,
    SHARE,
    SPARE,
    Promotion,
    Step,
    expected_epochs,
    n_best,
    rungs,
)
from studies.records import trials

EPOCHS = 30
RULE = Promotion(EPOCHS, "minimize")


def trial(
    number: int,
    values: list[float],
    state: TrialState = TrialState.PRUNED,
    schedule: str = "constant",
    **attrs: object,
) -> FrozenTrial:
    """Trained for so many epochs as it has values."""
    there = {trials.TRAINS_TO: len(values), trials.CONFIG: {"schedule": schedule}, **attrs}
    made: FrozenTrial = optuna.trial.create_trial(
        state=state,
        value=values[-1] if state in (TrialState.PRUNED, TrialState.COMPLETE) else None,
        intermediate_values=dict(enumerate(values, 1)),
        user_attrs={name: value for name, value in there.items() if value is not None},
    )
    made.number = number
    return made


@pytest.mark.parametrize(
    ("n_epochs", "expected"),
    [(1, ()), (3, ()), (4, (1,)), (12, (1,)), (16, (1, 4)), (30, (1, 4)), (64, (1, 4, 16))],
)
def test_rungs_are_powers_of_four_up_to_a_quarter(n_epochs: int, expected: tuple[int]) -> None:
    assert rungs(n_epochs) == expected
    assert Promotion(n_epochs, "minimize").first() == (expected or (n_epochs,))[0]


@pytest.mark.parametrize(
    ("rung", "n_epochs", "n_there", "expected"),
    [
        (1, 30, 2, 0),
        (1, 30, 3, 1),
        (1, 30, 50, 20),
        (4, 30, 7, 0),
        (4, 30, 20, 2),
        (4, 64, 20, 8),
        (16, 64, 8, 1),
        (1, 12, 50, 6),
    ],
)
def test_two_of_five_go_on_and_from_the_last_rung_one_of_eight(
    rung: int, n_epochs: int, n_there: int, expected: int
) -> None:
    assert n_best(rung, n_there, n_epochs) == expected


def test_the_best_of_three_is_promoted_and_of_equals_the_earlier() -> None:
    there = [trial(n, [value]) for n, value in enumerate([0.3, 0.2])]
    assert RULE.next(there) is None, "two are too few to promote one"
    there.append(trial(2, [0.2]))
    assert RULE.next(there) == Step(there[1], 4)
    assert Promotion(EPOCHS, "maximize").next(there) == Step(there[0], 4)


def test_one_that_was_promoted_keeps_its_place_at_the_rung() -> None:
    gone_on = trial(0, [0.1, 0.1, 0.1, 0.1])
    rest = [trial(n, [0.2 + n / 100]) for n in range(1, 5)]
    assert RULE.next([gone_on, *rest[:3]]) is None
    assert RULE.next([gone_on, *rest]) == Step(rest[0], 4), "two of five, and one has gone on"


def test_the_highest_rung_comes_first() -> None:
    upper = [trial(n, [0.1, 0.1, 0.1, 0.2 - n / 100]) for n in range(8)]
    lower = [trial(n, [0.05]) for n in range(8, 40)]
    step = RULE.next([*upper, *lower])
    assert step == Step(upper[7], EPOCHS)


def test_only_schedules_of_one_kind_are_compared() -> None:
    constant = [trial(n, [0.1]) for n in range(2)]
    rising = [trial(n, [0.9 - n / 100], schedule="one-cycle") for n in range(2, 5)]
    assert RULE.next([*constant, *rising]) == Step(rising[2], 4)


def test_a_trial_that_diverged_counts_as_the_worst() -> None:
    there = [trial(n, [0.1 * n + 0.1]) for n in range(2)]
    lost = trial(2, [], TrialState.FAIL, **{trials.REASON: trials.DIVERGED, trials.TRAINS_TO: 1})
    assert RULE.next([*there, lost]) == Step(there[0], 4)


@pytest.mark.parametrize(
    "attrs",
    [
        {trials.PAPER: "baseline"},
        {trials.SAME_AS: 0},
    ],
)
def test_neither_the_papers_trials_nor_copies_take_part(attrs: dict[str, object]) -> None:
    there = [trial(n, [0.5]) for n in range(2)]
    assert RULE.next([*there, trial(2, [0.1], **attrs)]) is None


def test_a_pruned_trial_is_represented_by_the_one_that_goes_on_with_it() -> None:
    there = [trial(n, [0.5 + n / 100]) for n in range(4)]
    follower = trial(4, [0.5], TrialState.RUNNING, **{trials.PROMOTED: 0, trials.TRAINS_TO: 4})
    assert RULE.next(there) == Step(there[0], 4)
    assert RULE.next([*there, follower]) is None


def test_where_a_pruner_of_an_earlier_version_decided_a_trial_may_still_go_on() -> None:
    there = [trial(n, [0.5, 0.4 - n / 100], **{trials.TRAINS_TO: None}) for n in range(4)]
    assert RULE.next(there) == Step(there[0], 4), "the value at the rung counts"


def test_at_least_two_are_trained_to_the_end() -> None:
    there = [trial(n, [0.5 - n / 100]) for n in range(5)]
    there[2] = trial(2, [0.9, 0.9, 0.9, 0.9])
    for expected in (2, 4):
        step = RULE.last(there)
        assert step == Step(there[expected], EPOCHS), "who rests highest, then the best"
        values = [*there[expected].intermediate_values.values()]
        there[expected] = trial(expected, values, TrialState.RUNNING, **{trials.TRAINS_TO: EPOCHS})
    assert RULE.last(there) is None


def test_in_the_end_a_kind_of_schedule_is_not_left_out_because_it_looks_worse_early() -> None:
    """Two one-cycles and six constants rest at epoch 4; every constant looks better there."""
    there = [trial(n, [0.9, 0.9, 0.9, 0.9 - n / 100], schedule="one-cycle") for n in range(2)]
    there += [trial(n, [0.5, 0.5, 0.5, 0.5 - n / 100]) for n in range(2, 8)]
    first = RULE.last(there)
    assert first == Step(there[7], EPOCHS), "the first of six"
    there[7] = trial(7, [0.4] * 4, TrialState.RUNNING, **{trials.TRAINS_TO: EPOCHS})
    there += [trial(n, [0.95] * 4, schedule="one-cycle") for n in range(8, 10)]
    assert RULE.last(there) == Step(there[1], EPOCHS), "the first of four before the second of six"


def test_one_that_diverged_by_a_pruner_takes_the_place_of_none_that_is_promoted() -> None:
    """A trial taken over from another study, say, has no note of the rung that it was bound for."""
    there = [trial(n, [0.1, 0.1, 0.1, 0.1 + n / 100]) for n in range(8)]
    attrs = {trials.REASON: trials.DIVERGED, trials.TRAINS_TO: None}
    lost = [trial(n, [], TrialState.FAIL, **attrs) for n in range(8, 11)]
    assert RULE.next([*there, *lost]) == Step(there[0], EPOCHS)
    fallen = [trial(n, [0.9] * 4, TrialState.FAIL, **attrs) for n in range(8, 16)]
    rest = [trial(n, [0.1, 0.1, 0.1, 0.1 + n / 100]) for n in range(8)]
    assert RULE.next([*rest, *fallen]) == Step(rest[0], EPOCHS)


def test_a_retry_keeps_the_place_of_the_lost_attempt_before_it_has_told_an_epoch() -> None:
    values = [0.1 + n / 100 for n in range(11)]
    others = [trial(n, [values[n]] * (4 if n in (1, 2, 3, 6) else 1)) for n in range(1, 11)]
    lost = trial(0, [0.1], TrialState.FAIL, **{trials.REASON: "interrupted", trials.TRAINS_TO: 4})
    retry = {trials.RETRY_OF: 0, trials.TRAINS_TO: 4}
    there = [lost, *others]
    assert RULE.next(there) == Step(there[4], 4), "if nothing makes up for the lost one"
    assert RULE.next([*there, trial(11, [], TrialState.RUNNING, **retry)]) is None
    again = trial(11, [], TrialState.FAIL, **{**retry, trials.REASON: "interrupted"})
    second = {trials.RETRY_OF: 11, trials.TRAINS_TO: 4}
    assert RULE.next([*there, again, trial(12, [], TrialState.RUNNING, **second)]) is None


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=60),
    st.sampled_from([1, 3, 4, 12, 30, 64]),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_whatever_the_values_only_the_best_are_let_up(
    drawn: list[float], n_epochs: int, n_workers: int, rng: random.Random
) -> None:
    """A search whose trainings end in any order: who is let up, how many to the end, no loop."""
    rule, there, running = Promotion(n_epochs, "minimize"), list[FrozenTrial](), dict[int, int]()
    curves = [[value + rng.random() / n for n in range(1, n_epochs + 1)] for value in drawn]

    def take_next() -> tuple[int, int] | None:
        if step := rule.next(there):
            at = len(step.trial.intermediate_values)
            values = [t.intermediate_values[at] for t in there if at in t.intermediate_values]
            n_better = sum(value < step.trial.intermediate_values[at] for value in values)
            assert n_better < n_best(at, len(values), n_epochs)
            return step.trial.number, step.n_epochs
        if len(there) < len(drawn):
            there.append(trial(len(there), [], TrialState.RUNNING))
            return len(there) - 1, rule.first()
        step = rule.last(there)
        return (step.trial.number, step.n_epochs) if step else None

    while True:
        while len(running) < n_workers and (taken := take_next()):
            number, level = taken
            values = list(there[number].intermediate_values.values())
            assert number not in running
            assert len(values) < level
            goes_to = {trials.TRAINS_TO: level}
            there[number] = trial(number, values, TrialState.RUNNING, **goes_to)
            running[number] = level
        if not running:
            break
        number = rng.choice(sorted(running))
        level = running.pop(number)
        state = TrialState.COMPLETE if level == n_epochs else TrialState.PRUNED
        there[number] = trial(number, curves[number][:level], state)
    n_whole = sum(t.state == TrialState.COMPLETE for t in there)
    assert len(there) == len(drawn)
    assert n_whole >= min(len(drawn), LEAST_TO_THE_END)


def test_fifty_trials_are_expected_to_take_a_ninth_of_their_epochs() -> None:
    assert expected_epochs(50, 30) == 50 + 20 * 3 + 2 * 26
    assert expected_epochs(50, 12) == 50 + 6 * 11
    assert expected_epochs(2, 30) == 2 * 30
    assert expected_epochs(5, 3) == 5 * 3


def test_what_a_pruner_or_nothing_stopped_short_of_a_rung_is_where_it_got_to() -> None:
    """A run by another pruner went on with trials that had rested."""
    there = [trial(n, [0.5, 0.4 - n / 100], **{trials.TRAINS_TO: 4}) for n in range(4)]
    assert RULE.next(there) == Step(there[0], 4)
    whole = [trial(n, [0.1] * EPOCHS, TrialState.COMPLETE, trains_to=4) for n in range(4, 6)]
    assert RULE.last([*there, *whole]) is None, "two were trained to the end"


def test_trials_that_get_better_and_better_are_not_all_promoted() -> None:
    there: list[FrozenTrial] = []
    for n in range(40):
        there.append(trial(n, [0.5 - n / 100]))
        if step := RULE.next(there):
            number, values = step.trial.number, list(step.trial.intermediate_values.values())
            there[number] = trial(number, values, TrialState.RUNNING, **{trials.TRAINS_TO: 4})
    promoted = [t for t in there if t.state == TrialState.RUNNING]
    assert len(promoted) == int(40 * SHARE) + SPARE
