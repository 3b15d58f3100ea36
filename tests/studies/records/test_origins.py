"""Whose a study's best is, over any history of drawn, given, taken-over and the paper's trials."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from studies.records import trials
from studies.records.origins import Origin, best_found, origins

ATTRS: dict[Origin, dict[str, Any]] = {
    "found": {},
    "paper": {trials.PAPER: "channels"},
    "given": {trials.ENQUEUED: True},
    "taken": {trials.TAKEN_FROM: {"study": "ae", "trial": 1}},
}


def made(number: int, key: str, origin: Origin, value: float | None) -> FrozenTrial:
    state = TrialState.FAIL if value is None else TrialState.COMPLETE
    attrs = {trials.FINGERPRINT: key, **ATTRS[origin]}
    trial = create_trial(state=state, value=value, user_attrs=attrs)
    trial.number = number
    return trial


ENTRIES = st.tuples(
    st.sampled_from("abcdef"), st.sampled_from(list(ATTRS)), st.none() | st.integers(0, 9)
)
HISTORIES = st.lists(ENTRIES, min_size=1, max_size=20).map(
    lambda entries: [made(number, *entry) for number, entry in enumerate(entries)]
)


@given(HISTORIES)
def test_one_configuration_has_one_origin_the_papers_or_that_of_its_first_trial(
    every: list[FrozenTrial],
) -> None:
    found = origins(every)
    for trial in every:
        same = [t for t in every if t.user_attrs[trials.FINGERPRINT] == trial.user_attrs[
            trials.FINGERPRINT]]  # fmt: skip
        if any(map(trials.is_paper, same)):
            assert found[trial.number] == "paper"
        else:
            first = same[0].user_attrs
            assert all(first.get(k) == v for k, v in ATTRS[found[trial.number]].items())


@given(HISTORIES, st.sampled_from(["minimize", "maximize"]))
def test_the_search_found_the_best_only_where_nobody_else_has_one_as_good_and_earlier(
    every: list[FrozenTrial], direction: Any
) -> None:
    best, found = trials.best(every, direction), best_found(every, direction)
    if best is None:
        assert found is None
        return
    is_found = origins(every)[best.number] == "found"
    assert (found is best) == is_found
    given_or_papers = {
        t.user_attrs[trials.FINGERPRINT] for t in every if t.user_attrs.keys() - {"fingerprint"}
    }
    if found is not None and not is_found:
        drawn = [t for t in every if t.user_attrs[trials.FINGERPRINT] not in given_or_papers]
        values = [trials.cost(trials.value_of(t), direction) for t in drawn if t.values]
        assert trials.cost(trials.value_of(found), direction) <= min(values, default=99)


def test_a_retry_and_a_promotion_of_what_was_given_are_given() -> None:
    first = made(0, "a", "given", None)
    retry, promoted = made(1, "a", "found", 0.1), made(2, "a", "found", 0.05)
    retry.user_attrs[trials.RETRY_OF], promoted.user_attrs[trials.PROMOTED] = 0, 1
    assert set(origins([first, retry, promoted]).values()) == {"given"}


def test_trials_of_earlier_versions_without_a_fingerprint_are_told_apart() -> None:
    trial, paper = create_trial(value=1.0), create_trial(value=2.0, user_attrs={"paper": "dropout"})
    trial.number, paper.number = 0, 1
    assert origins([trial, paper]) == {0: "found", 1: "paper"}
