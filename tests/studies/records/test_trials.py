"""Every rule over hand-made trials, and that what a run makes up for, it makes up for once."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from helpers.opened import opened
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from spaces import paper
from spaces.autoencoder import AutoencoderConfig
from spaces.space import fingerprint
from spaces.stages import AUTOENCODER
from studies.engine.repair import prepare
from studies.engine.sharing import Sharing
from studies.records import attempts, trials
from studies.records.settings import StudySettings, with_space, write
from studies.records.tally import n_since_best
from studies.storage.artifacts import ArtifactFolder

COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL
RUNNING, WAITING = TrialState.RUNNING, TrialState.WAITING
DIVERGED = {trials.REASON: f"{trials.DIVERGED}: the training loss became nan"}


def made(number: int, state: TrialState, value: float | None = None, **attrs: Any) -> FrozenTrial:
    if state == COMPLETE and value is None:
        value = 0.5
    trial = create_trial(state=state, value=value, user_attrs=attrs)
    trial.number = number
    return trial


def numbers(found: list[FrozenTrial]) -> list[int]:
    return [trial.number for trial in found]


def test_who_is_alone_takes_all_running_trials_but_its_own_for_lost() -> None:
    study = [
        made(0, RUNNING, owner={"host": "here", "boot": "as before", "pid": 1, "started": 0.0}),
        made(1, RUNNING),
        made(2, COMPLETE),
        made(3, FAIL),
        made(4, WAITING),
    ]
    assert numbers(Sharing().lost(study)) == [0, 1], "who is alone runs nothing yet"
    assert Sharing().elsewhere(study) == []


def test_the_papers_trials_are_missing_until_one_waits_runs_or_has_ended_by_itself() -> None:
    study = [
        made(0, COMPLETE, paper="a"),
        made(1, WAITING, paper="b"),
        made(2, RUNNING, paper="c"),
        made(3, FAIL, paper="d", **DIVERGED),
        made(4, FAIL, paper="e", reason=attempts.INTERRUPTED),
        made(5, FAIL, paper="f", reason=trials.LOST),
        made(6, WAITING, paper="f"),
        made(7, COMPLETE),
    ]
    names = ["e", "a", "b", "x", "c", "d", "f"]
    assert trials.missing_paper_trials(study, names) == ["e", "x"]
    assert trials.unfinished_paper_trials(study, names) == ["e", "b", "x", "c", "f"]


def test_failures_are_told_apart_by_whose_doing_they_are() -> None:
    diverged = made(0, FAIL, **DIVERGED)
    stopped = made(1, FAIL, reason=attempts.INTERRUPTED)
    assert trials.has_diverged(diverged)
    assert trials.is_result(diverged)
    assert not trials.is_unfinished_failure(diverged)
    assert not trials.has_diverged(stopped)
    assert not trials.is_result(stopped)
    assert trials.is_unfinished_failure(stopped)
    assert not trials.has_diverged(made(2, COMPLETE, **DIVERGED))


def test_completed_pruned_and_diverged_searched_trials_count() -> None:
    study = [
        made(0, COMPLETE),
        made(1, PRUNED, 0.3),
        made(2, FAIL, **DIVERGED),
        made(3, FAIL, reason=trials.LOST),
        made(4, RUNNING),
        made(5, WAITING),
        made(6, COMPLETE, paper="baseline"),
        made(7, COMPLETE, same_as=0),
    ]
    assert numbers(trials.searched_results(study)) == [0, 1, 2, 7]


def test_a_stored_result_is_preferably_complete_then_the_first() -> None:
    study = [
        made(0, FAIL, fingerprint="a", reason=trials.LOST),
        made(1, FAIL, fingerprint="a", **DIVERGED),
        made(2, PRUNED, 0.3, fingerprint="a"),
        made(3, COMPLETE, fingerprint="b"),
        made(4, COMPLETE, fingerprint="a"),
        made(5, COMPLETE, fingerprint="a"),
        made(6, RUNNING, fingerprint="c"),
    ]
    found = trials.stored_result(study, "a")
    assert found is not None
    assert found.number == 4
    early = trials.stored_result(study[:3], "a")
    assert early is not None
    assert early.number == 1
    assert trials.stored_result(study, "c") is None
    assert trials.stored_result(study[:1], "a") is None


def test_ranking_puts_the_best_first_and_of_equals_the_earlier() -> None:
    values = [0.4, 0.2, 0.3, 0.2]
    study = [made(n, COMPLETE, value) for n, value in enumerate(values)]
    study += [made(4, PRUNED, 0.1), made(5, RUNNING), made(6, FAIL)]
    assert numbers(trials.ranked(study[::-1], "minimize")) == [1, 3, 2, 0]
    assert numbers(trials.ranked(study[::-1], "maximize")) == [0, 2, 1, 3]


def constrained(number: int, value: float, **excess: float) -> FrozenTrial:
    """A completed trial that is above its study's limits by ``excess``, below if negative."""
    constraints = {f"constraints:{name}": over for name, over in excess.items()}
    trial = create_trial(value=value, system_attrs=constraints)
    trial.number = number
    return trial


def test_a_model_at_its_limits_is_feasible_and_one_above_any_of_them_is_not_ranked() -> None:
    study = [
        constrained(0, 0.1, n_parameters=1.0, latency_ms=-1.0),
        constrained(1, 0.3, n_parameters=0.0, latency_ms=0.0),
        constrained(2, 0.2),
    ]
    assert [trials.is_feasible(t) for t in study] == [False, True, True]
    assert numbers(trials.ranked(study, "minimize")) == [2, 1]
    best = trials.best(study, "maximize")
    assert best is not None
    assert best.number == 1
    assert trials.best(study[:1], "minimize") is None


@pytest.mark.parametrize(
    ("attrs", "refused"),
    [
        ({}, False),
        ({"reason": f"{trials.INFEASIBLE}: n_parameters 9 above 8"}, True),
        ({"reason": attempts.INTERRUPTED}, False),
        (DIVERGED, False),
    ],
)
def test_a_trial_is_too_costly_if_its_reason_says_so(attrs: dict[str, Any], refused: bool) -> None:
    assert trials.is_too_costly(made(0, PRUNED, 0.3, **attrs)) is refused


@pytest.mark.parametrize(
    ("attrs", "paper_trial", "never_pruned"),
    [
        ({}, False, False),
        ({"paper": "baseline"}, True, True),
        ({"promoted": 0}, False, True),
        ({"same_as": 0}, False, False),
    ],
)
def test_the_papers_trials_and_promoted_ones_are_never_pruned(
    attrs: dict[str, Any], paper_trial: bool, never_pruned: bool
) -> None:
    trial = made(1, RUNNING, **attrs)
    assert trials.is_paper(trial) is paper_trial
    assert trials.is_never_pruned(trial) is never_pruned


PRUNED_ONES = [
    made(0, PRUNED, 0.3, fingerprint="a"),
    made(1, PRUNED, 0.1, fingerprint="b"),
    made(2, PRUNED, 0.2, fingerprint="c"),
    made(3, PRUNED, 0.05, fingerprint="b", same_as=1),
    made(4, COMPLETE, 0.4, fingerprint="d"),
    made(5, PRUNED, 0.0, fingerprint="d"),  # trained to the end since, as the fourth
]


@pytest.mark.parametrize(
    ("top_k", "minimized", "maximized"),
    [
        (0, [], []),
        (1, [], [0]),
        (2, [1], [0, 2]),
        (3, [1, 2], [0, 2, 1]),
        (9, [1, 2, 0], [0, 2, 1]),
    ],
)
def test_the_best_pruned_trials_are_promoted_unless_they_are_trained_to_the_end(
    top_k: int, minimized: list[int], maximized: list[int]
) -> None:
    assert numbers(trials.pruned_to_promote(PRUNED_ONES, "minimize", top_k)) == minimized
    assert numbers(trials.pruned_to_promote(PRUNED_ONES, "maximize", top_k)) == maximized


@pytest.mark.parametrize(
    ("state", "attrs", "again"),
    [
        (WAITING, {}, False),
        (RUNNING, {}, False),
        (COMPLETE, {}, False),
        (FAIL, DIVERGED, False),
        (FAIL, {"reason": trials.LOST}, True),
    ],
)
def test_a_promotion_that_is_begun_is_made_again_only_if_it_was_stopped(
    state: TrialState, attrs: dict[str, Any], again: bool
) -> None:
    study = [*PRUNED_ONES, made(6, state, promoted=1, **attrs)]
    assert numbers(trials.pruned_to_promote(study, "minimize", 9)) == [*([1] * again), 2, 0]


def trained(number: int, n_epochs: int, fingerprint: str = "a", seed: int = 1) -> FrozenTrial:
    epochs = {"epoch": list(range(1, n_epochs + 1))}
    return made(number, PRUNED, 0.3, fingerprint=fingerprint, seed=seed, epochs=epochs)


def test_training_goes_on_from_the_longest_shorter_one_of_the_same_network_and_seed() -> None:
    study = [
        trained(0, 1),
        trained(2, 4),
        trained(1, 4),
        trained(3, 5),
        trained(4, 3, seed=2),
        trained(5, 3, fingerprint="b"),
        trained(6, 0),
        made(7, RUNNING, fingerprint="a", seed=1),
    ]
    assert [trials.n_epochs_stored(t) for t in study] == [1, 4, 4, 5, 3, 3, 0, 0]
    assert numbers(trials.source_of_state(study, "a", 1, 5)) == [1, 2, 0]
    assert numbers(trials.source_of_state(study, "a", 1, 6)) == [3, 1, 2, 0]
    assert trials.source_of_state(study, "a", 1, 1) == []


def test_a_trial_without_a_value_has_none_to_give() -> None:
    assert trials.value_of(made(0, COMPLETE, 0.25)) == 0.25
    with pytest.raises(ValueError, match="trial 3 has no value"):
        trials.value_of(made(3, RUNNING))


def test_idle_trials_are_the_searched_results_after_the_best() -> None:
    study = [
        made(0, COMPLETE, 0.5, paper="baseline"),
        made(1, COMPLETE, 0.3),
        made(2, COMPLETE, 0.3),
        made(3, PRUNED, 0.1),
        made(4, FAIL, reason=trials.LOST),
        made(5, COMPLETE, 0.4, paper="channels"),
        made(6, FAIL, **DIVERGED),
        made(7, RUNNING),
    ]
    assert n_since_best(study, "minimize") == 3  # 2, 3 and 6
    assert n_since_best(study[::-1], "minimize") == 3
    assert n_since_best(study, "maximize") == 4  # 1, 2, 3 and 6
    assert n_since_best(study[3:5], "minimize") == 0
    assert n_since_best([], "minimize") == 0


def test_patience_with_a_best_that_rested_long_begins_when_it_ends() -> None:
    study = [made(number, PRUNED, 0.5) for number in range(6)]
    began = study[0].datetime_start
    assert began is not None
    for number, trial in enumerate(study):
        trial.datetime_start = began + timedelta(seconds=number)
    best = made(6, COMPLETE, 0.1)
    best.number, study[0].number = 0, 6
    best.datetime_start, best.datetime_complete = began, began + timedelta(seconds=3.5)
    assert n_since_best([*study, best], "minimize") == 2, "the two begun since"


def test_results_taken_over_cost_nothing_and_leave_a_search_as_patient_as_it_was() -> None:
    study = [
        made(0, COMPLETE, 0.3),
        made(1, COMPLETE, 0.4, taken_from={"study": "old", "number": 1}),
        made(2, COMPLETE, 0.5),
    ]
    assert n_since_best(study, "minimize") == 1


def test_labels_say_what_a_person_knows_a_trial_by() -> None:
    assert trials.label(made(12, RUNNING)) == "#12"
    assert trials.label(made(3, COMPLETE, paper="baseline")) == "#3 paper:baseline"


def test_configurations_are_said_in_words() -> None:
    assert paper.BEST_AUTOENCODER.config.in_words() == "64/96 ch, max/avg, batch norm"
    dropout = AutoencoderConfig(dropout=0.15)
    assert dropout.in_words() == "16/32 ch, max/max, dropout 0.15"
    assert paper.BEST_CLASSIFIER.config.in_words() == "FC 128, sgd"


CONFIGS = (
    AutoencoderConfig(dropout=0.1),
    AutoencoderConfig(batchnorm=True, conv1_channels=8),
    AUTOENCODER.paper_row("dropout").config,
)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[TrialState, dict[str, Any]]]:
    """Trials in any state that a run, killed at any moment, may leave."""
    history: list[tuple[TrialState, dict[str, Any]]] = []
    for _ in range(draw(st.integers(0, 8))):
        state = draw(st.sampled_from([COMPLETE, PRUNED, FAIL, FAIL, RUNNING, RUNNING]))
        attrs: dict[str, Any] = {}
        config = draw(st.sampled_from(CONFIGS))
        if draw(st.booleans()) and draw(st.booleans()):
            row = draw(st.sampled_from(paper.AUTOENCODERS))
            attrs[trials.PAPER], config = row.name, row.config
        if state in (COMPLETE, PRUNED) or draw(st.booleans()):
            attrs |= {trials.CONFIG: config.to_dict(), trials.FINGERPRINT: fingerprint(config)}
        if state == FAIL:
            attrs[trials.REASON] = draw(
                st.sampled_from([trials.LOST, attempts.INTERRUPTED, "diverged: nan"])
            )
        history.append((state, attrs))
    return history


def snapshot(study: optuna.Study) -> list[tuple[int, TrialState, dict[str, Any]]]:
    return [(trial.number, trial.state, trial.user_attrs) for trial in study.trials]


@settings(max_examples=60, deadline=None)
@given(histories(), st.sampled_from([{}, {"dropout": "0.05:0.2"}]))
def test_making_up_for_a_run_twice_is_making_up_for_it_once(
    history: list[tuple[TrialState, dict[str, Any]]],
    narrowing: dict[str, str],
) -> None:
    study_settings = with_space(StudySettings("autoencoder"), narrowing)
    names = list(paper.AUTOENCODER_RUN_ORDER)
    study = optuna.create_study()
    write(study, study_settings)
    for state, attrs in history:
        value = 0.5 if state in (COMPLETE, PRUNED) else None
        study.add_trial(create_trial(state=state, value=value, user_attrs=attrs))
    reopened = opened(study, ArtifactFolder(Path("none"), make=False))
    prepare(reopened, Sharing(), names)
    once = snapshot(study)
    prepare(reopened, Sharing(), names)
    assert snapshot(study) == once
    assert Sharing().lost(study.trials) == []
    assert trials.missing_paper_trials(study.trials, paper.AUTOENCODER_RUN_ORDER) == []
    assert attempts.to_retry(study.trials) == []
    kept = [(state, set(attrs)) for _, state, attrs in once[: len(history)] if state != FAIL]
    assert all(state in (COMPLETE, PRUNED, RUNNING) for state, _ in kept)
    queued = [attrs.get(trials.PAPER) for _, state, attrs in once if state == WAITING]
    assert len([name for name in queued if name]) == len({name for name in queued if name})
