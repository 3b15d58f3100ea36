from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from helpers.opened import place_of
from optuna.storages import BaseStorage
from optuna.trial import TrialState, create_trial

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.errors import StudyError
from spaces.stages import AUTOENCODER
from studies.records import trials
from studies.records.references import (
    all_studies,
    configuration_of,
    find_if_there,
    find_study,
    find_trial,
    meant,
)
from studies.records.settings import StudySettings, write
from studies.storage.databases import open_existing, open_storage, storage_url

CLASSIFIERS = StudySettings("classifier", metric="validation_accuracy", direction="maximize")
COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


@pytest.fixture
def storage() -> BaseStorage:
    """Three studies, of which one has five trials."""
    storage = optuna.storages.InMemoryStorage()
    for name in ("ae", "ae-wide", "c#3"):
        study = optuna.create_study(storage=storage, study_name=name)
        write(study, StudySettings("autoencoder"))
    study = optuna.load_study(storage=storage, study_name="ae")
    for state, value in ((COMPLETE, 0.3), (COMPLETE, 0.2), (PRUNED, 0.1), (FAIL, None)):
        study.add_trial(create_trial(state=state, value=value))
    study.add_trial(create_trial(value=0.2, user_attrs={trials.SAME_AS: 1}))
    return storage


@pytest.mark.parametrize(
    ("reference", "number"), [("ae", 1), ("ae#0", 0), ("ae#2", 2), ("ae#4", 1)]
)
def test_a_reference_means_one_trial(storage: BaseStorage, reference: str, number: int) -> None:
    found = find_trial(place_of(storage), reference)
    assert (found.study.name, found.trial.number) == ("ae", number)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("a", "no study 'a'; did you mean 'ae'?"),
        ("xyz", "no study 'xyz'; there are: ae, ae-wide, c#3"),
        ("ae-wdie#3", "no study 'ae-wdie'; did you mean 'ae-wide'?"),
        ("ae#5", "study 'ae' has no trial 5; the last is 4"),
        ("c#3#0", "study 'c#3' has no trial 0; it has none"),
        ("ae#3", "trial 3 of 'ae' left no model, its state is FAIL"),
        ("ae#-1", "'ae#-1' does not name a trial"),
        ("ae#", "'ae#' does not name a trial"),
        ("#1", "no study '#1'"),
        ("c#3", "no trial of study 'c#3' has been trained to the end yet"),
    ],
)
def test_what_a_reference_misses_is_said(
    storage: BaseStorage, reference: str, message: str
) -> None:
    with pytest.raises(StudyError) as raised:
        find_trial(place_of(storage), reference)
    assert message in str(raised.value)


def test_a_study_whose_name_holds_a_number_sign_is_found(storage: BaseStorage) -> None:
    assert find_study(storage, "c#3").study_name == "c#3"


def test_a_stages_name_means_its_last_search_where_no_study_is_called_so(
    storage: BaseStorage,
) -> None:
    for name, settings in (
        ("small", CLASSIFIERS),
        ("last", CLASSIFIERS),
        ("papers", replace(CLASSIFIERS, budget=Budget(protocol="paper"))),
    ):
        write(optuna.create_study(storage=storage, study_name=name), settings)
    optuna.create_study(storage=storage, study_name="of another program")
    assert find_study(storage, "clf").study_name == "last"
    with pytest.raises(StudyError, match="did you mean 'clf'"):
        find_study(storage, "clff")
    assert find_study(storage, "ae").study_name == "ae"
    optuna.create_study(storage=storage, study_name="clf")
    assert find_study(storage, "clf").study_name == "clf"


def test_where_there_is_no_database_there_are_no_studies() -> None:
    storage = open_existing(None)
    assert all_studies(storage) == []
    with pytest.raises(StudyError, match="no study 'ae'; there are no studies yet"):
        find_trial(place_of(storage), "ae")


def test_only_a_storage_that_was_named_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert all_studies(open_existing(None)) == []
    with pytest.raises(StudyError, match="there is no database other"):
        open_existing("other.db")
    assert list(tmp_path.iterdir()) == []
    optuna.create_study(storage=open_storage(storage_url(None)), study_name="ae")
    assert [s.study_name for s in all_studies(open_existing(None))] == ["ae"]


def test_a_configuration_is_found_whatever_became_of_its_trial(storage: BaseStorage) -> None:
    config = AutoencoderConfig(dropout=0.3)
    attrs = {trials.CONFIG: config.to_dict()}
    study = optuna.load_study(storage=storage, study_name="c#3")
    study.add_trial(create_trial(state=FAIL, user_attrs=attrs))
    assert configuration_of(storage, "c#3#0") == (AUTOENCODER, config)
    with pytest.raises(StudyError, match="trial 3 of 'ae' ended before it had a configuration"):
        configuration_of(storage, "ae#3")
    with pytest.raises(StudyError, match="no trial 9"):
        configuration_of(storage, "ae#9")


def test_one_study_is_found_without_reading_all_others(
    storage: BaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(storage.__class__, "get_all_studies")
    found = find_if_there(storage, "ae-wide")
    assert found is not None
    assert found.study_name == "ae-wide"
    assert find_if_there(storage, "ae-narrow") is None
    assert find_if_there(storage, None) is None


def test_a_stage_means_its_newest_study_and_says_which(storage: BaseStorage) -> None:
    optuna.delete_study(study_name="ae", storage=storage)
    assert meant(storage, "ae#7") == (
        "c#3#7",
        "ae means c#3, the newest of 2 studies of the autoencoder",
    )
    optuna.delete_study(study_name="c#3", storage=storage)
    assert "the only study" in meant(storage, "ae").why


def test_a_study_of_exactly_that_name_is_meant_though_it_is_older(storage: BaseStorage) -> None:
    assert meant(storage, "ae#1") == ("ae#1", "")


def test_a_stage_without_searches_means_what_there_is_of_it(storage: BaseStorage) -> None:
    study = optuna.create_study(storage=storage, study_name="clf-paper", direction="maximize")
    write(study, replace(CLASSIFIERS, budget=Budget(protocol="paper")))
    assert meant(storage, "clf").reference == "clf-paper"
