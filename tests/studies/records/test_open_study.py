"""A study at hand: how its trials are queued, read and ended."""

from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest
from helpers.made_up_studies import make
from helpers.opened import opened
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from spaces.autoencoder import AutoencoderConfig
from spaces.errors import StudyError
from spaces.space import fingerprint
from studies.engine.reuse import copy_result
from studies.records import attributes, trials
from studies.records.open_study import OpenStudy
from studies.records.settings import StudySettings
from studies.records.taking_over import TAKES_OVER, take_over
from studies.storage.artifacts import ArtifactFolder

CONFIG = AutoencoderConfig(dropout=0.15)


@pytest.fixture
def study(tmp_path: Path) -> OpenStudy:
    storage = InMemoryStorage()
    return opened(make(storage, n_trials=3), ArtifactFolder(tmp_path / "artifacts"))


def test_what_is_queued_is_known_by_its_configuration(study: OpenStudy) -> None:
    study.enqueue(CONFIG, {trials.ENQUEUED: True})
    (waiting,) = study.study.get_trials(states=[TrialState.WAITING])
    assert study.config_of(waiting) == CONFIG
    assert attributes.of(waiting) == {
        trials.CONFIG: CONFIG.to_dict(),
        trials.WORDS: CONFIG.in_words(),
        trials.FINGERPRINT: fingerprint(CONFIG),
        trials.ENQUEUED: True,
    }


def test_what_is_taken_over_says_in_words_what_it_is_before_it_is_begun(study: OpenStudy) -> None:
    fresh = optuna.create_study(storage=study.storage, study_name="ae-2")
    fresh.set_user_attr(TAKES_OVER, "ae")
    taking = opened(fresh, study.store, study.settings)
    take_over(taking)
    words = [t.user_attrs[trials.WORDS] for t in taking.trials()]
    assert sorted(words) == sorted(t.user_attrs[trials.WORDS] for t in study.trials())
    take_over(taking)
    assert len(taking.trials()) == len(words), "once is enough"


def test_what_was_queued_before_a_kill_is_not_queued_again(
    study: OpenStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = optuna.create_study(storage=study.storage, study_name="ae-2")
    fresh.set_user_attr(TAKES_OVER, "ae")
    taking, left, enqueue = opened(fresh, study.store, study.settings), [5], OpenStudy.enqueue

    def dying(self: OpenStudy, *args: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        enqueue(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(OpenStudy, "enqueue", dying)
        with pytest.raises(KeyboardInterrupt):
            take_over(taking)
    assert len(taking.trials()) == 5
    take_over(taking)
    origins = [attributes.of(t)[trials.TAKEN_FROM]["trial"] for t in taking.trials()]
    assert sorted(origins) == [t.number for t in study.trials()]


@pytest.mark.parametrize("copies", [False, True])
def test_a_trial_that_another_process_ended_is_not_ended_again(
    study: OpenStudy, copies: bool
) -> None:
    known, trial = study.best(), study.study.ask()
    assert known is not None
    study.end(trial.number, TrialState.FAIL)
    end = partial(copy_result, study, trial, known)
    if not copies:
        end = partial(study.end, trial, TrialState.COMPLETE, [0.1])
    with pytest.raises(UpdateFinishedTrialError):
        end()
    assert study.trials()[trial.number].state == TrialState.FAIL


def test_a_study_of_another_program_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="was not made by fmnist-search"):
        OpenStudy.at(optuna.create_study(), ArtifactFolder(tmp_path))


def test_the_space_is_made_once(study: OpenStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    space = study.space
    monkeypatch.setattr(StudySettings, "search_space", lambda _: pytest.fail("made again"))
    assert study.space is space
