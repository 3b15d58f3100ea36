from pathlib import Path

import pandas
import pytest
from helpers.trained_studies import AE, CLF, TrainedStudies

import fmnist_search
from fmnist_search import Study, StudyError


@pytest.fixture(scope="module")
def study(trained: TrainedStudies) -> Study:
    return fmnist_search.load_study("ae", trained.database)


def test_the_last_study_of_a_stage_is_found_by_the_stages_name(study: Study) -> None:
    assert study.name == AE
    assert study.optuna.study_name == AE


def test_studies_are_a_row_each(trained: TrainedStudies) -> None:
    table = fmnist_search.studies(trained.database)
    assert list(table["name"]) == [AE, CLF]
    assert list(table["stage"]) == ["autoencoder", "classifier"]


def test_a_storage_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no database"):
        fmnist_search.studies(tmp_path / "absent.db")


def test_the_environment_says_where_studies_are(
    trained: TrainedStudies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_SEARCH_STORAGE", str(trained.database))
    assert len(fmnist_search.studies()) == 2


def test_trials_and_their_epochs_are_tables(study: Study) -> None:
    trials, epochs = study.trials_dataframe(), study.epochs_dataframe()
    assert list(trials["number"]) == [0, 1]
    assert set(trials["paper"]) == {"dropout", "max-avg"}
    last = epochs[epochs.epoch == 1].set_index("trial").validation_loss
    pandas.testing.assert_series_equal(trials.value, last, check_names=False)


def test_the_best_trial_is_the_one_of_least_loss(study: Study) -> None:
    assert study.best_value == study.trials_dataframe().value.min()
    assert study.best_trial.value == study.best_value
    best = study.best(1)
    assert (len(best), best.iloc[0].value) == (1, study.best_value)
    assert f"#{study.best_trial.number} " in f"{study!r}"


def test_a_trials_model_is_loaded_by_its_number(study: Study) -> None:
    assert study.load(1).source == f"{AE}#1"
    assert study.load().source == f"{AE}#{study.best_trial.number}"
