from dataclasses import asdict, replace
from typing import Any

import optuna
import pytest

from spaces.autoencoder import PAPER_SPACE
from spaces.budget import Budget
from spaces.classifier import PAPER_ENCODER
from spaces.errors import ConfigurationError, StudyError
from studies.records.readable import table_of
from studies.records.request import SearchRequest
from studies.records.settings import (
    EncoderOrigin,
    StudySettings,
    load,
    with_space,
    write,
)

NARROW = with_space(StudySettings("autoencoder"), {"dropout": "0:0.2", "pool1": "max"})
ATTR = "fmnist_search"
ENCODER = EncoderOrigin("best", "ae; x", 12, 0.05, sha256="0" * 64, config=PAPER_ENCODER)


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(study_name="mine")


def test_settings_are_loaded_as_they_were_stored(study: optuna.Study) -> None:
    settings = replace(NARROW, budget=Budget(3, 6000, "paper"), seed=7, split_seed=2)
    write(study, settings)
    assert load(study) == settings
    assert study.metric_names == ["validation_loss"]
    assert {"torch", "optuna", "python"} <= set(table_of(study.user_attrs["made_with"]))


def test_settings_are_stored_as_text_that_a_person_reads(study: optuna.Study) -> None:
    write(study, replace(NARROW, budget=Budget(3, 6000)))
    shown = study.user_attrs[ATTR]
    assert "stage: autoencoder; budget.epochs: 3; budget.subset: 6000" in shown
    assert "space.dropout: 0:0.2" in shown
    assert "null" not in shown
    assert "objectives" not in shown


def test_settings_of_an_earlier_version_are_a_table(study: optuna.Study) -> None:
    settings = replace(NARROW, max_params=20_000, encoder=ENCODER)
    study.set_user_attr(ATTR, asdict(settings))
    assert load(study) == settings
    write(study, settings)
    assert load(study) == settings


def test_settings_survive_a_real_database(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    write(optuna.create_study(storage=url, study_name="s"), NARROW)
    assert load(optuna.load_study(storage=url, study_name="s")) == NARROW


def test_a_study_of_another_program_is_refused(study: optuna.Study) -> None:
    with pytest.raises(StudyError, match=r"'mine' was not made by fmnist-search.*--study"):
        load(study)


@pytest.mark.parametrize(
    "attr",
    [
        "text",
        {},
        {"stage": "autoencoder"},
        {"stage": "autoencoder", "budget": {"epochs": 3, "hours": 1}},
        {"stage": "autoencoder", "budget": {"epochs": 0}},
        {"stage": "autoencoder", "budget": {"epochs": "many"}},
        {"stage": "autoencoder", "budget": {}, "colour": "red"},
    ],
)
def test_settings_that_this_version_cannot_read_are_refused(study: optuna.Study, attr: Any) -> None:
    study.set_user_attr(ATTR, attr)
    with pytest.raises(StudyError, match="'mine' was made by another version"):
        load(study)


@pytest.mark.parametrize(
    "settings",
    [
        StudySettings("autoencoder", space_name="huge"),
        StudySettings("autoencoder", space={"depth": "3"}),
        StudySettings("autoencoder", space={"dropout": "7"}),
    ],
)
def test_a_space_that_this_version_cannot_build_is_refused(settings: StudySettings) -> None:
    with pytest.raises(StudyError, match="cannot build the study's space"):
        settings.search_space()


def test_the_space_is_stored_in_full_and_built_again() -> None:
    assert NARROW.space["dropout"] == "0:0.2"
    assert set(NARROW.space) == {dimension.name for dimension in PAPER_SPACE.dimensions}
    assert NARROW.search_space() == PAPER_SPACE.narrowed({"dropout": "0:0.2", "pool1": "max"})


def test_narrowing_again_keeps_what_was_narrowed_and_replaces_what_is_named() -> None:
    again = with_space(NARROW, {"dropout": "0:0.3"})
    assert again.search_space() == PAPER_SPACE.narrowed({"dropout": "0:0.3", "pool1": "max"})
    assert with_space(NARROW, {}) == NARROW
    with pytest.raises(ConfigurationError, match="pool1"):
        with_space(NARROW, {"pool1": "min"})


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (StudySettings("autoencoder"), "ae"),
        (NARROW, "ae"),
        (StudySettings("autoencoder", Budget(epochs=2, subset=6000)), "ae-epochs2-subset6000"),
        (StudySettings("autoencoder", Budget(protocol="paper"), seed=3), "ae-paper-seed3"),
    ],
)
def test_other_budgets_and_seeds_get_names_of_their_own(settings: StudySettings, name: str) -> None:
    assert settings.default_name() == name


def test_differences_name_each_setting_with_both_values() -> None:
    assert NARROW.differences(NARROW) == []
    other = replace(with_space(NARROW, {"dropout": "0:0.3"}), budget=Budget(epochs=2), seed=1)
    assert NARROW.differences(other) == [
        "seed: 0, not 1",
        "epochs: 30, not 2",
        "dropout: 0:0.2, not 0:0.3",
    ]


def test_the_order_of_values_on_the_command_line_is_no_difference() -> None:
    one = with_space(StudySettings("autoencoder"), {"conv1_channels": "96,64"})
    other = with_space(StudySettings("autoencoder"), {"conv1_channels": "64,96"})
    assert one.differences(other) == []


def test_a_dimension_that_a_later_version_added_is_none_of_an_older_studys() -> None:
    described = StudySettings("autoencoder").search_space().describe()
    older = StudySettings("autoencoder", space={n: v for n, v in described.items() if n != "pool2"})
    assert "pool2" not in older.search_space().describe()
    assert with_space(older, {}) == older
    assert with_space(older, {"dropout": "0"}).space["dropout"] == "0"
    assert "pool2" in with_space(older, {"pool2": "avg"}).space


@pytest.mark.parametrize(
    "settings",
    [
        StudySettings("autoencoder"),
        StudySettings("autoencoder", Budget(2, 600, "paper"), seed=3, space_name="wide"),
        StudySettings("autoencoder", objectives=("params", "macs"), max_params=7),
        StudySettings(
            "classifier",
            metric="validation_accuracy",
            direction="maximize",
            objectives=("latency",),
            max_latency_ms=1.5,
        ),
    ],
)
def test_what_a_study_says_it_was_asked_for_makes_the_same_settings(
    settings: StudySettings,
) -> None:
    made = with_space(settings, {})
    asked = SearchRequest(**made.as_asked(), space=made.space)
    usual = StudySettings(settings.stage, metric=settings.metric, direction=settings.direction)
    assert usual.with_asked(asked) == made
