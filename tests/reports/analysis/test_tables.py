from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from reports.analysis.tables import best_trials, list_studies, ranking, summary
from reports.analysis.values import every_trial
from spaces import paper
from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.space import fingerprint
from spaces.stages import AUTOENCODER
from studies.records import trials
from studies.records.settings import StudySettings, write
from studies.records.tally import Tally

COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


def add(
    study: optuna.Study,
    state: TrialState,
    value: float | None = None,
    config: AutoencoderConfig | None = None,
    **attrs: Any,
) -> None:
    config = config or AutoencoderConfig(dropout=0.05)
    attrs |= {
        trials.CONFIG: config.to_dict(),
        trials.WORDS: config.in_words(),
        trials.FINGERPRINT: fingerprint(config),
        trials.N_PARAMETERS: config.n_parameters(),
        trials.SECONDS: 12.5,
    }
    if value is not None:
        attrs[trials.METRICS] = {"train_loss": value / 2, "validation_loss": value}
    study.add_trial(create_trial(state=state, value=value, user_attrs=attrs))


@pytest.fixture
def study() -> optuna.Study:
    """Eight trials, one of every kind."""
    study = optuna.create_study(study_name="mine")
    write(study, StudySettings("autoencoder", Budget(epochs=3)))
    add(study, COMPLETE, 0.08, AUTOENCODER.paper_row("baseline").config, paper="baseline")
    add(study, COMPLETE, 0.02)
    add(study, PRUNED, 0.01)
    add(study, FAIL, reason=f"{trials.DIVERGED}: nan")
    add(study, FAIL, reason=trials.LOST)
    add(study, COMPLETE, 0.02, same_as=1)
    add(study, TrialState.RUNNING)
    add(study, FAIL, None, AUTOENCODER.paper_row("channels").config, paper="channels")
    return study


def test_the_best_trials_come_first_each_configuration_once(study: optuna.Study) -> None:
    rows = best_trials(study)
    assert [row.label for row in rows] == ["#1", "#0 paper:baseline"]
    assert rows[0]._asdict() == {
        "label": "#1",
        "value": 0.02,
        "train_value": 0.01,
        "configuration": "16/32 ch, max/max, dropout 0.05",
        "n_parameters": 18_193,
        "seconds": 12.5,
        "tied": False,
        "origin": "found",
    }
    assert [row.label for row in best_trials(study, n_rows=1)] == ["#1"]


@pytest.mark.parametrize(
    ("metric", "direction", "tied"),
    [
        # Over 1,000 images 0.911 has a standard error of 0.009: apart from 0.885 on.
        ("validation_accuracy", "maximize", [False, True, True, False]),
        ("validation_loss", "minimize", [False, False, False, False]),
    ],
)
def test_what_the_images_cannot_tell_apart_from_the_first_is_tied(
    metric: str, direction: Any, tied: list[bool]
) -> None:
    settings = StudySettings("classifier", Budget(subset=6_000), metric=metric, direction=direction)
    found = [
        create_trial(value=value, user_attrs={trials.WORDS: str(value)})
        for value in sorted((0.911, 0.910, 0.890, 0.870), reverse=direction == "maximize")
    ]
    assert [row.tied for row in ranking(found, settings, n_rows=4)] == tied


def test_a_study_without_results_has_no_best_trials() -> None:
    study = optuna.create_study()
    write(study, StudySettings("autoencoder"))
    assert best_trials(study) == []
    assert {row["validation_loss"] for row in summary(study)["paper"]} == {None}
    (row,) = list_studies([study])
    assert (row.n_searched, row.best_value, row.best_label) == (0, None, "")


def test_the_papers_numbers_stand_beside_the_studys_own(study: optuna.Study) -> None:
    rows = summary(study)["paper"]
    assert [row["name"] for row in rows] == [row.name for row in paper.AUTOENCODERS]
    assert [row["n_parameters"] for row in rows] == [18_193, 18_193, 18_289, 18_289, 212_321]
    assert [row["published_validation_loss"] for row in rows] == [
        row.validation_loss for row in paper.AUTOENCODERS
    ]
    assert (rows[0]["train_loss"], rows[0]["validation_loss"]) == (0.04, 0.08)
    assert all(row["train_loss"] is None and row["validation_loss"] is None for row in rows[1:])


def test_a_studys_row_counts_its_trials_by_what_became_of_them(study: optuna.Study) -> None:
    foreign = optuna.create_study()
    (row,) = list_studies([foreign, study])
    wanted = {
        "name": "mine",
        "stage": "autoencoder",
        "protocol": "search",
        "epochs": 3,
        "n_searched": 4,
        "n_pruned": 1,
        "n_failed": 3,
        "n_running": 1,
        "n_paper": 1,
        "best_value": 0.02,
        "best_label": "#1",
        "given_up": (),
        "space": "paper",
        "metric": "validation_loss",
        "ended": Tally(n_to_the_end=1, n_pruned=1, n_diverged=1, n_repeats=1)._asdict(),
    }
    assert {name: getattr(row, name) for name in wanted} == wanted


def test_every_trial_is_given_with_all_that_is_stored(study: optuna.Study) -> None:
    rows = every_trial(study)
    assert [row["number"] for row in rows] == list(range(8))
    assert rows[0]["state"] == "COMPLETE"
    assert rows[0]["paper"] == "baseline"
    assert rows[5]["same_as"] == 1
    assert rows[6]["value"] is None
    for row, trial in zip(rows, study.trials, strict=True):
        assert trial.user_attrs.items() <= row.items()
