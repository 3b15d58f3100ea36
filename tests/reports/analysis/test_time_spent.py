from collections.abc import Callable

import optuna
import pytest
from helpers.made_up_studies import at, make
from optuna.trial import TrialState, create_trial

from reports.analysis.chosen_studies import Sources
from reports.analysis.time_spent import time_spent
from spaces.paper import AUTOENCODERS
from studies.records import attempts, trials


def test_attempts_that_failed_are_none_of_the_papers_trials(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    study = make(storage, n_trials=3, share_pruned=0)
    attrs = {trials.PAPER: AUTOENCODERS[0].name, trials.SECONDS: 5.0}
    study.add_trial(create_trial(state=TrialState.FAIL, user_attrs=attrs))
    (source,) = sources("ae").searches
    spent = time_spent(source)
    assert (spent.n_paper, spent.n_complete, spent.n_failed) == (len(AUTOENCODERS), 3, 1)
    assert spent.failed_s == 5.0


def test_a_paused_trial_is_no_failure(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    study = make(storage, n_trials=1, share_pruned=0)
    attrs = {trials.REASON: attempts.INTERRUPTED, trials.SECONDS: 5.0}
    study.add_trial(create_trial(state=TrialState.FAIL, user_attrs=attrs))
    (source,) = sources("ae").searches
    spent = time_spent(source)
    assert (spent.n_failed, spent.failed_s, spent.n_paused, spent.paused_s) == (0, 0.0, 1, 5.0)


def test_time_is_of_the_epochs_that_a_trial_was_trained_for_itself(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    study = make(storage, n_trials=1, share_pruned=1, with_paper=False)  # 2 of 6 epochs of 2 s
    (pruned,) = study.get_trials()
    promoted = make(storage, "other", n_trials=1, share_pruned=0, with_paper=False).get_trials()[0]
    promoted.user_attrs |= {trials.PROMOTED: pruned.number}
    promoted.user_attrs[trials.GOES_ON_FROM] = {"study": "ae", "trial": 0, "epochs": 2}
    study.add_trial(promoted)
    refused = create_trial(
        state=TrialState.PRUNED, user_attrs={trials.REASON: f"{trials.INFEASIBLE}: too large"}
    )
    study.add_trial(refused)
    lost = create_trial(state=TrialState.FAIL, user_attrs={trials.REASON: trials.LOST})
    study.add_trial(lost)
    (source,) = sources("ae").searches
    spent = time_spent(source)
    assert (spent.complete_s, spent.pruned_s, spent.failed_s) == (8.0, 4.0, 0.0)
    assert spent.n_searched == 1
    assert spent.epochs_share == 1.0
    assert spent.evaluation_share == pytest.approx(0.1 / 2.0)


def test_a_configuration_that_was_stopped_and_promoted_and_stopped_again_was_stopped_once(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    study = make(storage, n_trials=1, lengths=[1], with_paper=False)
    (first,) = study.get_trials()
    for number, epochs in enumerate((2, 6)):
        (further,) = make(
            storage, f"other {epochs}", n_trials=1, lengths=[epochs], with_paper=False
        ).get_trials()
        same = {trials.FINGERPRINT: first.user_attrs[trials.FINGERPRINT]}
        further.user_attrs |= {trials.PROMOTED: number, **same}
        study.add_trial(further)
        spent = time_spent(sources("ae").searches[0])
        assert (spent.n_searched, spent.n_pruned) == (1, int(epochs < 6))


def test_epochs_of_an_attempt_that_was_interrupted_count_once(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    study = make(storage, n_trials=0, with_paper=False)
    whole, stopped, lost = make(
        storage, "other", n_trials=3, with_paper=False, lengths=(6, 4, 5)
    ).get_trials()
    same = {trials.FINGERPRINT: whole.user_attrs[trials.FINGERPRINT]}
    stopped.state, stopped.value = TrialState.FAIL, None
    study.add_trial(at(stopped, 0, 8, **same, **{trials.REASON: attempts.INTERRUPTED}))
    state = {"study": "ae", "trial": 0, "epochs": 4}
    study.add_trial(at(whole, 8, 12, **{trials.RETRY_OF: 0, trials.GOES_ON_FROM: state}))
    assert time_spent(sources("ae").searches[0]).epochs_share == 1.0
    del (
        lost.user_attrs[trials.EPOCHS],
        lost.user_attrs[trials.SECONDS],
    )  # before its first checkpoint
    lost.state, lost.value = TrialState.FAIL, None
    study.add_trial(at(lost, 12, 20, **{trials.REASON: trials.LOST}))
    spent = time_spent(sources("ae").searches[0])
    assert spent.n_searched == 2
    assert spent.epochs_share == (6 + 5) / (6 + 6)


def test_a_trial_that_rested_and_then_failed_took_at_least_what_its_epochs_took(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    """Earlier versions noted only the time since it had returned; a process that died, none."""
    study = make(storage, n_trials=0, with_paper=False)
    rested = {trials.RESTS_AT: 2, trials.TRAINS_TO: 6}
    ends = {
        trials.LOST: {trials.SECONDS: 4.0},  # when it rested
        attempts.INTERRUPTED: {trials.SECONDS: 1.0},
    }
    drawn = make(storage, "other", n_trials=2, with_paper=False, lengths=(3,)).get_trials()
    for trial, (reason, noted) in zip(drawn, ends.items(), strict=True):
        trial.state, trial.value = TrialState.FAIL, None
        study.add_trial(at(trial, 0, 100, **rested, **noted, **{trials.REASON: reason}))
    spent = time_spent(sources("ae").searches[0])
    assert (spent.failed_s, spent.paused_s) == (6.0, 6.0)
