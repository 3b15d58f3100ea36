from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from studies.records import attributes
from studies.storage.databases import open_storage, storage_url

EPOCHS = {"epoch": [1, 2], "validation_loss": [0.2, 0.1]}


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    return optuna.create_study(storage=open_storage(storage_url(str(tmp_path / "studies.db"))))


def test_tables_and_lists_are_records_and_people_see_the_rest(study: optuna.Study) -> None:
    trial = study.ask()
    attributes.note(trial, "epochs", EPOCHS)
    attributes.note(trial, "left_aside", ["a file"])
    attributes.note(trial, "seed", 7)
    all_of_it = {"seed": 7, "epochs": EPOCHS, "left_aside": ["a file"]}
    assert attributes.of(trial) == attributes.of(study.trials[0]) == all_of_it
    assert study.trials[0].user_attrs == {"seed": 7}


def test_what_an_earlier_version_left_is_read_and_replaced(study: optuna.Study) -> None:
    trial = study.ask()
    trial.set_user_attr("epochs", {"epoch": [1]})
    assert attributes.of(study.trials[0])["epochs"] == {"epoch": [1]}
    attributes.note(trial, "epochs", EPOCHS)
    assert attributes.of(study.trials[0])["epochs"] == EPOCHS


def test_a_queued_trial_is_asked_for_as_optunas_are_and_has_its_records(
    study: optuna.Study,
) -> None:
    study.add_trial(attributes.waiting({"x": 0.25}, {"config": {"x": 0.25}, "words": "x"}))
    (queued,) = study.trials
    study.enqueue_trial({"x": 0.25}, user_attrs={"words": "x"})
    by_optuna = study.trials[1]
    assert (queued.state, queued.user_attrs) == (TrialState.WAITING, by_optuna.user_attrs)
    assert by_optuna.system_attrs.items() <= queued.system_attrs.items()
    trial = study.ask()
    assert trial.suggest_float("x", 0, 1) == 0.25
    assert attributes.of(trial)["config"] == {"x": 0.25}
