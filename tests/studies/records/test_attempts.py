"""Which attempts at a configuration count, over any history of deaths, stops and checkpoints."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from studies.records import attempts, trials

COMPLETE, FAIL, PRUNED = TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED
RUNNING, WAITING = TrialState.RUNNING, TrialState.WAITING
DIVERGED = {trials.REASON: f"{trials.DIVERGED}: the training loss became nan"}


def made(number: int, state: TrialState, value: float | None = None, **attrs: Any) -> FrozenTrial:
    value = 0.5 if value is None and state == COMPLETE else value
    if trials.FINGERPRINT in attrs:
        attrs.setdefault(trials.CONFIG, {"stage": "autoencoder"})
    trial = create_trial(state=state, value=value, user_attrs=attrs)
    trial.number = number
    return trial


def numbers(found: list[FrozenTrial]) -> list[int]:
    return [trial.number for trial in found]


class End(NamedTuple):
    """How one attempt ended."""

    stopped: bool
    n_epochs: int = 0
    """That it had stored."""
    asked_for: bool = False


def history(ends: Sequence[End]) -> list[FrozenTrial]:
    """Attempts at one configuration, each the retry of the one before unless it was asked for."""
    made_up = []
    for number, end in enumerate(ends):
        attrs: dict[str, Any] = {trials.FINGERPRINT: "a"}
        attrs[trials.REASON] = attempts.INTERRUPTED if end.stopped else trials.LOST
        attrs[trials.EPOCHS] = {"epoch": list(range(1, end.n_epochs + 1))}
        if end.asked_for:
            attrs[trials.ENQUEUED] = True
        elif number:
            attrs[trials.RETRY_OF] = number - 1
        made_up.append(made(number, FAIL, **attrs))
    return made_up


ENDS = st.lists(st.builds(End, st.booleans(), st.integers(0, 4), st.booleans()), max_size=12)
STOPS = st.lists(st.builds(End, st.just(True), st.integers(0, 8)), min_size=1, max_size=20)


def test_a_trial_that_died_before_its_configuration_was_noted_is_no_attempt() -> None:
    reason = {trials.FINGERPRINT: "a", trials.REASON: trials.LOST}
    trial = create_trial(state=FAIL, user_attrs=reason)
    trial.number = 0
    assert attempts.to_retry([trial]) == []
    assert attempts.given_up([trial]) == []


@given(STOPS)
def test_what_is_only_ever_stopped_is_never_given_up(stops: list[End]) -> None:
    assert attempts.given_up(history(stops)) == []
    assert numbers(attempts.to_retry(history(stops))) == [len(stops) - 1]
    assert attempts.n_tried(history(stops)) == 0


@given(ENDS, st.integers(0, 12))
def test_a_stop_without_progress_changes_no_verdict(ends: list[End], at: int) -> None:
    before = max((end.n_epochs for end in ends[:at]), default=0)
    stopped = [*ends[:at], End(stopped=True, n_epochs=before), *ends[at:]]
    assert attempts.n_deaths(history(stopped)) == attempts.n_deaths(history(ends))


@given(ENDS, st.booleans())
def test_progress_begins_the_count_anew(ends: list[End], stopped: bool) -> None:
    furthest = max((end.n_epochs for end in ends), default=0)
    further = [*ends, End(stopped, furthest + 1)]
    assert attempts.n_deaths(history(further)) == (0 if stopped else 1)
    assert attempts.given_up(history(further)) == []


@given(ENDS)
def test_asking_for_a_configuration_begins_the_count_anew(ends: list[End]) -> None:
    again = [*ends, End(stopped=False, asked_for=True)]
    assert attempts.n_deaths(history(again)) == 1
    assert numbers(attempts.to_retry(history(again))) == [len(ends)]


@given(ENDS)
@example([End(False, 1), End(False, 1), End(False, 1)])
def test_whatever_happened_a_configuration_is_tried_again_or_given_up(ends: list[End]) -> None:
    study = history(ends)
    last = numbers(study)[-1:]
    verdicts = [numbers(attempts.to_retry(study)), numbers(attempts.given_up(study))]
    assert sorted(verdicts) == sorted([last, []])
    assert attempts.n_tried(study) == len(attempts.given_up(study))


@given(st.lists(st.integers(0, 6), min_size=30, max_size=40))
def test_an_end_comes_however_deaths_fall(epochs: list[int]) -> None:
    """Six epochs can begin the count anew six times, so at most 21 deaths are tried again."""
    study: list[FrozenTrial] = []
    for n_epochs in epochs:
        if attempts.given_up(study):
            break
        study = history(
            [*(End(False, trials.n_epochs_stored(t)) for t in study), End(False, n_epochs)]
        )
    assert attempts.given_up(study)
    assert len(study) <= 7 * attempts.MAX_ATTEMPTS


def test_a_configuration_that_was_given_up_is_not_begun_when_it_is_drawn_again() -> None:
    study = history([End(stopped=False)] * 3)
    drawn = made(3, RUNNING, fingerprint="a")
    assert attempts.reason_to_refuse([*study, drawn], drawn) == "given up: as #2"
    asked = made(3, RUNNING, fingerprint="a", enqueued=True)
    assert attempts.reason_to_refuse([*study, asked], asked) is None
    other = made(3, RUNNING, fingerprint="b")
    assert attempts.reason_to_refuse([*study, other], other) is None
    refused = made(3, FAIL, fingerprint="a", reason="given up: as #2")
    assert attempts.n_tried([*study, refused]) == 2, "else the same would be drawn without end"
    assert numbers(attempts.given_up([*study, refused])) == [2]


def test_a_configuration_counts_with_its_result_once_a_retry_that_was_asked_for_has_one() -> None:
    study = history([End(stopped=False)] * 3)
    assert attempts.n_tried([*study, made(3, WAITING, fingerprint="a", enqueued=True)]) == 0
    done = [*study, made(3, COMPLETE, fingerprint="a", enqueued=True)]
    assert attempts.n_tried(done) == len(trials.searched_results(done)) == 1


def test_a_trial_stopped_from_outside_is_to_be_retried() -> None:
    stopped = [
        made(0, FAIL, fingerprint="a", reason=attempts.INTERRUPTED),
        made(1, FAIL, fingerprint="b", reason=trials.LOST),
        made(2, FAIL, fingerprint="c", reason="MemoryError: "),
        made(3, FAIL, fingerprint="d"),
    ]
    assert numbers(attempts.to_retry(stopped)) == [0, 1, 2, 3]


def test_what_has_ended_by_itself_or_belongs_to_the_paper_is_not_retried() -> None:
    study = [
        made(0, FAIL, fingerprint="a", **DIVERGED),
        made(1, FAIL, fingerprint="b", paper="baseline", reason=attempts.INTERRUPTED),
        made(2, FAIL, reason=attempts.INTERRUPTED),  # died before it had a configuration
        made(3, COMPLETE, fingerprint="c"),
        made(4, PRUNED, 0.3, fingerprint="d"),
    ]
    assert attempts.to_retry(study) == []


@pytest.mark.parametrize("state", [COMPLETE, PRUNED, RUNNING, WAITING])
def test_a_trial_that_was_made_up_for_is_not_retried(state: TrialState) -> None:
    failed = made(0, FAIL, fingerprint="a", reason=trials.LOST)
    value = 0.3 if state == PRUNED else None
    assert attempts.to_retry([failed, made(1, state, value, fingerprint="a")]) == []
    before = [made(0, state, value, fingerprint="a"), made(1, FAIL, fingerprint="a")]
    assert attempts.to_retry(before) == []


def test_a_retry_that_only_waits_is_enough_until_it_fails_too() -> None:
    failed = made(0, FAIL, fingerprint="a", reason=trials.LOST)
    assert attempts.to_retry([failed, made(1, WAITING, fingerprint="a", retry_of=0)]) == []
    died = made(1, FAIL, fingerprint="a", retry_of=0, reason=trials.LOST)
    assert numbers(attempts.to_retry([failed, died])) == [1]
    waiting = made(2, WAITING, fingerprint="a", retry_of=1)
    assert attempts.to_retry([failed, died, waiting]) == []


def test_a_retry_is_known_by_what_it_makes_up_for_whatever_its_configuration_is_called() -> None:
    failed = made(0, FAIL, fingerprint="of an older version", reason=trials.LOST)
    assert attempts.to_retry([failed, made(1, WAITING, fingerprint="a", retry_of=0)]) == []


def test_a_configuration_is_begun_three_times_and_no_more() -> None:
    failures = [made(n, FAIL, fingerprint="a", reason=trials.LOST) for n in range(3)]
    assert attempts.MAX_ATTEMPTS == 3
    assert numbers(attempts.to_retry(failures[:1])) == [0]
    assert numbers(attempts.to_retry(failures[:2])) == [1]
    assert attempts.to_retry(failures) == []
    assert attempts.given_up(failures[:2]) == []
    assert numbers(attempts.given_up(failures)) == [2]
    study = [*failures, made(3, COMPLETE), made(4, COMPLETE)]
    assert numbers(trials.searched_results(study)) == [3, 4]
    assert numbers(attempts.searched_without_result(study)) == [2]
    assert attempts.n_tried(study) == 3, "given up counts as tried"


def test_attempts_at_a_configuration_are_counted_apart_from_those_to_promote_it() -> None:
    failures = [made(n, FAIL, fingerprint="a", reason=trials.LOST) for n in range(2)]
    failures += [made(n, FAIL, fingerprint="a", promoted=9, reason=trials.LOST) for n in (2, 3)]
    assert numbers(attempts.to_retry(failures)) == [1, 3]
    assert attempts.given_up(failures) == []


def test_one_that_rested_and_was_lost_is_retried_though_a_copy_has_what_it_came_to() -> None:
    lost = made(0, FAIL, **{trials.FINGERPRINT: "a", trials.REASON: trials.LOST})
    copy = made(1, PRUNED, 0.5, **{trials.FINGERPRINT: "a", trials.SAME_AS: 0})
    assert numbers(attempts.to_retry([lost, copy])) == [0]
    assert attempts.to_retry([made(0, PRUNED, 0.5, **{trials.FINGERPRINT: "a"}), copy]) == []
