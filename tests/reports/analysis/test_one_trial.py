from pathlib import Path
from typing import Any

import optuna
import pytest
from helpers.made_up_studies import make
from optuna.trial import TrialState, create_trial

from reports.analysis.one_trial import OneTrial, one_trial
from reports.analysis.tables import list_studies
from studies.records import trials
from studies.records.open_study import OpenStudy
from studies.storage.artifacts import ArtifactFolder

RESTING = {trials.RESTS_AT: 1, trials.TRAINS_TO: 1}
REPEAT = {trials.SAME_AS: 3, trials.EPOCHS: {}}


@pytest.fixture
def study() -> optuna.Study:
    return make(optuna.storages.InMemoryStorage(), n_trials=0)


def looked_up(study: optuna.Study, tmp_path: Path, **said: Any) -> OneTrial:
    """The study's trial 3 with other attributes or another state, as a trial of its own."""
    like = study.get_trials()[3]
    attrs = {**like.user_attrs, **said.pop("attrs", {})}
    known = {"state": TrialState.COMPLETE, "value": 0.05, "intermediate_values": {1: 0.2}}
    study.add_trial(create_trial(**{**known, **said}, user_attrs=attrs))
    opened = OpenStudy.at(study, ArtifactFolder(tmp_path))
    return one_trial(opened, opened.trials()[-1], {})


@pytest.mark.parametrize(
    ("said", "state", "ending"),
    [
        ({}, "complete", "trained to the end: 6 of 6 epochs"),
        ({"attrs": REPEAT}, "repeat", "trained to the end: 0 of 6 epochs"),
        ({"state": TrialState.PRUNED}, "pruned", "pruned after 6 of 6"),
        (
            {"state": TrialState.FAIL, "value": None, "attrs": {trials.REASON: "out of memory"}},
            *("failed", "failed after 6 of 6 epochs: out of memory"),
        ),
        (
            {"state": TrialState.RUNNING, "value": None, "attrs": RESTING},
            *("resting", "rests after 6 of 6 epochs: it goes on"),
        ),
        ({"state": TrialState.RUNNING, "value": None}, "running", "running, 6 of 6 epochs stored"),
    ],
)
def test_it_is_said_where_a_trial_rests_or_why_it_ended(
    study: optuna.Study, tmp_path: Path, said: dict[str, Any], state: str, ending: str
) -> None:
    found = looked_up(study, tmp_path, **said)
    assert found.state == state
    assert found.ending.startswith(ending)


def test_a_repeat_says_whose_result_it_has(study: optuna.Study, tmp_path: Path) -> None:
    assert looked_up(study, tmp_path, attrs=REPEAT).links == {"result taken from": "#3"}


def test_a_resting_trial_is_none_that_runs(study: optuna.Study, tmp_path: Path) -> None:
    attrs = {**RESTING, trials.PAPER: None}
    like = {k: v for k, v in study.get_trials()[3].user_attrs.items() if k != trials.PAPER}
    del attrs[trials.PAPER]
    running = create_trial(
        state=TrialState.RUNNING, intermediate_values={1: 0.2}, user_attrs={**like, **attrs}
    )
    study.add_trial(running)
    (row,) = list_studies([study])
    assert (row.n_running, row.n_searched, row.ended["n_resting"]) == (0, 1, 1)
