from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from studies.storage.in_memory import copied


@pytest.fixture(params=["memory", "sqlite"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> optuna.Study:
    """Two trials, one of them running, with attributes of every kind."""
    url = None if request.param == "memory" else f"sqlite:///{tmp_path / 'studies.db'}"
    study = optuna.create_study(storage=url, study_name="ae", direction="maximize")
    study.set_user_attr("settings", {"seed": 3})
    study._storage.set_study_system_attr(study._study_id, "dashboard:note", "mine")
    trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    trial.set_user_attr("epochs", {"epoch": [1]})
    study._storage.set_trial_system_attr(trial._trial_id, "artifacts:1", "{}")
    trial.report(0.5, 1)
    study.tell(trial, 0.5)
    study.ask()
    return study


def test_a_copy_has_all_that_the_study_had(study: optuna.Study) -> None:
    copy = copied(study)
    assert (copy.study_name, copy.direction) == (study.study_name, study.direction)
    assert copy.user_attrs == study.user_attrs
    notes = copy._storage.get_study_system_attrs(copy._study_id)
    assert notes == study._storage.get_study_system_attrs(study._study_id)
    for own, other in zip(copy.get_trials(), study.get_trials(), strict=True):
        for name in ("number", "state", "values", "params", "user_attrs", "intermediate_values"):
            assert getattr(own, name) == getattr(other, name)
        attrs = copy._storage.get_trial_system_attrs(own._trial_id)
        assert attrs == study._storage.get_trial_system_attrs(other._trial_id)


def test_what_becomes_of_the_study_does_not_reach_its_copy(study: optuna.Study) -> None:
    copy = copied(study)
    before = copy.get_trials(), copy.user_attrs
    study.tell(1, 0.9)
    study.add_trial(create_trial(value=0.99))
    study.set_user_attr("settings", {"seed": 4})
    assert (copy.get_trials(), copy.user_attrs) == before


def test_a_complete_trial_without_a_value_stops_no_reading() -> None:
    study = optuna.create_study()
    for value in (0.5, 0.4):
        study.add_trial(create_trial(value=value))
    # What a stranger's database may hold, and Optuna itself does not write.
    study.get_trials(deepcopy=False)[1].values = None
    copy = copied(study)
    assert [t.state for t in copy.get_trials()] == [TrialState.COMPLETE] * 2
