"""A study is deleted with the files that it alone has."""

from pathlib import Path

import pytest
from helpers.made_up_studies import make
from helpers.opened import stored_study

from spaces.errors import StudyError
from studies.engine import upkeep
from studies.records import disk, garbage
from studies.records.copying import copy
from studies.records.deleting import doomed
from studies.records.references import find_if_there
from studies.records.taking_over import TAKES_OVER
from studies.storage.databases import storage_url
from studies.storage.noted_files import put
from studies.storage.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place.to_run(str(tmp_path / "a.db"), None)
    for name in ("ae", "other"):
        study = make(place.storage, name, n_trials=1, with_paper=False)
        put(place.artifacts, study.ask(), "learning-curve.png", name.encode())
    return place


def test_its_files_go_with_it_and_no_others(place: Place) -> None:
    doom = doomed(place, stored_study(place, "ae"))
    assert (doom.n_trials, len(doom.files), doom.n_bytes) == (2, 1, 2)
    upkeep.delete(place, doom)
    assert find_if_there(place.storage, "ae") is None
    assert set(disk.sizes(place.artifacts)) == disk.ids_of(stored_study(place, "other"))


def test_cut_off_after_the_files_the_same_again_ends_it(place: Place) -> None:
    place.artifacts.discard(doomed(place, stored_study(place, "ae")).files)
    doom = doomed(place, stored_study(place, "ae"))
    assert doom.n_bytes == 0
    upkeep.delete(place, doom)
    assert find_if_there(place.storage, "ae") is None


def test_files_that_a_copy_has_too_stay(place: Place) -> None:
    copy(place, stored_study(place, "ae"), place, "again")
    upkeep.delete(place, doomed(place, stored_study(place, "ae")))
    assert disk.usage(stored_study(place, "again"), disk.sizes(place.artifacts)).pictures == 2


def test_in_a_place_of_several_databases_all_files_stay_and_whose_they_are_is_said(
    place: Place, tmp_path: Path
) -> None:
    other = str(tmp_path / "b.db")
    Place.to_run(other, None)
    garbage.note_owner(place.artifacts, storage_url(other))
    doom = doomed(place, stored_study(place, "ae"))
    assert (doom.files, doom.others) == (frozenset(), (other,))


def test_a_study_whose_trials_are_still_to_be_taken_over_stays(place: Place) -> None:
    stored_study(place, "other").set_user_attr(TAKES_OVER, "ae")
    with pytest.raises(StudyError, match="'other' still has to take over trials of 'ae'"):
        doomed(place, stored_study(place, "ae"))
