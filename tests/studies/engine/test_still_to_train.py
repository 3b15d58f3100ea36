"""What of the searched trials a run is going to train, from stored trials alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from spaces.budget import Budget
from studies.engine.samplers import expected_epochs
from studies.engine.still_to_train import StillToTrain, still_to_train
from studies.records import trials
from studies.records.request import PrunerName, SearchRequest
from studies.records.settings import StudySettings
from studies.storage.artifacts import ArtifactFolder

EPOCHS = 30


@pytest.fixture(autouse=True)
def states(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Numbers of the trials whose states are not kept."""
    gone: set[int] = set()
    monkeypatch.setattr(
        "studies.records.weights.is_kept", lambda _, trial, *__: trial.number not in gone
    )
    return gone


def trial(
    number: int, n_epochs: int, state: TrialState = TrialState.PRUNED, **attrs: Any
) -> FrozenTrial:
    """Trained for so many epochs, the better the lower its number."""
    known = {
        trials.CONFIG: {},
        trials.FINGERPRINT: str(number),
        trials.SEED: 1,
        trials.EPOCHS: {"epoch": list(range(1, n_epochs + 1))},
    }
    value = number / 100
    ended = state in (TrialState.PRUNED, TrialState.COMPLETE)
    made: FrozenTrial = optuna.trial.create_trial(
        state=state,
        value=value if ended else None,
        intermediate_values=dict.fromkeys(range(1, n_epochs + 1), value),
        user_attrs={**known, **attrs},
    )
    made.number = number
    return made


def resting(number: int, n_epochs: int, **attrs: Any) -> FrozenTrial:
    at_rest = {trials.RESTS_AT: n_epochs, trials.TRAINS_TO: n_epochs}
    made = trial(number, n_epochs, **at_rest, **attrs)
    made.datetime_complete = None
    return made


def left(
    there: Sequence[FrozenTrial],
    pruner: PrunerName = "promotion",
    n_new: int = 0,
    promote: int = 0,
    several: bool = False,
) -> StillToTrain:
    request = SearchRequest(pruner=pruner, promote=promote)
    objectives = ("params",) if several else ()
    settings = StudySettings("autoencoder", Budget(EPOCHS), objectives=objectives)
    return still_to_train(request, settings, there, ArtifactFolder(Path("/nowhere"), False), n_new)


def test_of_a_new_study_all_searched_trials_are_new() -> None:
    new = left([], n_new=50)
    assert new == ((), (30,) * 50, (), expected_epochs("promotion", 50, EPOCHS))
    assert new.each() == [30] * 50


def test_trials_that_rest_go_on_by_promotion_and_by_no_other_pruner() -> None:
    there = [resting(number, 1) for number in range(40)]
    by_rungs = left(there, n_new=10)
    assert by_rungs.resting == (29,) * 40
    assert by_rungs.n_epochs == expected_epochs("promotion", 50, EPOCHS) - 40
    others: list[PrunerName] = ["none", "median", "halving", "hyperband"]
    for pruner in others:
        stays = left(there, pruner, n_new=10)
        assert stays.resting == ()
        assert stays.n_epochs == expected_epochs(pruner, 10, EPOCHS)
    assert left(there, several=True).resting == ()


def test_the_best_that_a_person_has_promoted_are_trained_for_the_epochs_that_are_left() -> None:
    there = [trial(0, 4), resting(1, 4), resting(2, 1), trial(3, 30, TrialState.COMPLETE)]
    by_hand = left(there, "none", promote=2)
    assert by_hand == ((26, 26), (), (), 52)
    beside = left(there, "promotion", n_new=1, promote=2)
    assert (beside.promoted, beside.new, beside.resting) == ((26, 26), (30,), (29,))
    assert beside.n_epochs >= 52 + expected_epochs("promotion", 1, EPOCHS)


def test_one_whose_state_is_gone_is_trained_from_the_beginning(states: set[int]) -> None:
    states.add(0)
    assert left([trial(0, 4), trial(1, 4)], promote=2).promoted == (30, 26)


LOST = {trials.REASON: trials.LOST}


@pytest.mark.parametrize(
    ("state", "attrs", "promoted"),
    [
        (TrialState.WAITING, {}, (26,)),
        (TrialState.RUNNING, {}, (26,)),
        (TrialState.FAIL, LOST, (26,)),
        (TrialState.WAITING, {trials.TRAINS_TO: 16}, (12,)),
        (TrialState.FAIL, {trials.REASON: trials.DIVERGED}, ()),
        (TrialState.COMPLETE, {}, ()),
    ],
)
def test_a_promoted_trial_that_a_run_left_unfinished_is_to_do_once(
    state: TrialState, attrs: dict[str, Any], promoted: tuple[int, ...]
) -> None:
    same = {trials.FINGERPRINT: "0", trials.PROMOTED: 0}
    there = [trial(0, 4), trial(1, 0, state, **same, **attrs)]
    assert left(there).promoted == promoted
    assert left(there, promote=1).promoted == promoted


def test_it_goes_on_from_where_it_was_stopped_itself() -> None:
    same = {trials.FINGERPRINT: "0", trials.PROMOTED: 0}
    there = [trial(0, 4), trial(1, 9, TrialState.FAIL, **same, **LOST)]
    assert left(there).promoted == (21,)
    queued = trial(2, 0, TrialState.WAITING, **same, **{trials.RETRY_OF: 1})
    assert left([*there, queued]).promoted == (21,)
