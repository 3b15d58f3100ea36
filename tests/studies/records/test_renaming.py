"""A study is renamed in its place, and all that refers to it has the new name."""

from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from helpers.made_up_studies import ORIGIN, make
from helpers.opened import stored_study
from helpers.postgres import Postgres
from optuna.trial import TrialState, create_trial

from spaces.errors import StudyError
from studies.engine import upkeep
from studies.records import attributes, trials
from studies.records.attributes import RECORD_PREFIX
from studies.records.references import all_studies, find_if_there
from studies.records.renaming import rename
from studies.records.settings import load
from studies.records.taking_over import MADE_FROM
from studies.storage.place import Place
from studies.storage.sqlite_locks import locked

FAIL = TrialState.FAIL


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A study, a second that was made from it, and a third over its encoder."""
    if request.param == "sqlite":
        place = Place.to_run(str(tmp_path / "a.db"), None)
    else:
        server: Postgres = request.getfixturevalue("postgres")
        place = Place.to_run(server.database(), str(tmp_path / "files"))
    make(place.storage, "old", n_trials=2)
    second = make(place.storage, "second", n_trials=1)
    second.set_user_attr(MADE_FROM, "old")
    origin = {"study": "old", "trial": 3}
    for attrs in ({trials.TAKEN_FROM: origin}, {f"{RECORD_PREFIX}{trials.TAKEN_FROM}": origin}):
        second.add_trial(create_trial(state=FAIL, user_attrs=attrs, system_attrs=attrs))
    made = replace(ORIGIN, source="old#3", study="old", trial=3)
    make(place.storage, "third", n_trials=1, stage="classifier", encoder=made)
    return place


def test_studies_that_cannot_be_read_hinder_no_other(place: Place) -> None:
    damaged = optuna.create_study(storage=place.storage, study_name="damaged")
    damaged.set_user_attr("fmnist_search", "nonsense")
    foreign = optuna.create_study(storage=place.storage, study_name="foreign").ask()
    foreign.set_user_attr(trials.TAKEN_FROM, "shelf 3")
    rename(place.storage, "old", "new")
    assert stored_study(place, "new").get_trials()
    assert stored_study(place, "damaged").user_attrs == {"fmnist_search": "nonsense"}
    assert stored_study(place, "foreign").trials[0].user_attrs == {trials.TAKEN_FROM: "shelf 3"}


def test_it_keeps_its_place_and_identities_and_what_refers_to_it_is_mended(place: Place) -> None:
    before = stored_study(place, "old").get_trials(deepcopy=False)
    rename(place.storage, "old", "new")
    assert [each.study_name for each in all_studies(place.storage)] == ["new", "second", "third"]
    assert [t._trial_id for t in stored_study(place, "new").get_trials()] == [
        t._trial_id for t in before
    ]
    second = stored_study(place, "second")
    assert second.user_attrs[MADE_FROM] == "new"
    earlier, record = second.get_trials()[-2:]
    assert attributes.of(earlier)[trials.TAKEN_FROM] == {"study": "new", "trial": 3}
    assert attributes.of(record)[trials.TAKEN_FROM] == {"study": "new", "trial": 3}
    encoder = load(stored_study(place, "third")).encoder
    assert encoder is not None
    assert (encoder.study, encoder.source, str(encoder)) == ("new", "new#3", "new#3")


def test_a_name_that_is_taken_is_refused_and_nothing_is_changed(place: Place) -> None:
    with pytest.raises(StudyError, match="there is a study 'third' already"):
        rename(place.storage, "old", "third")
    assert stored_study(place, "second").user_attrs[MADE_FROM] == "old"


def test_a_study_that_runs_is_not_renamed(tmp_path: Path) -> None:
    place = Place.to_run(str(tmp_path / "a.db"), None)
    make(place.storage, "ae", n_trials=1)
    with (
        locked(tmp_path / "a.db", "study ae"),
        pytest.raises(StudyError, match="'ae' is being run by another process"),
    ):
        upkeep.rename(place, "ae", "new")
    upkeep.rename(place, "ae", "new")
    assert find_if_there(place.storage, "ae") is None
