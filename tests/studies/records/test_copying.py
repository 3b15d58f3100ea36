"""Studies are copied from storage to storage with their files, and nothing is lost on the way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from helpers.buckets import S3
from helpers.made_up_studies import make
from helpers.postgres import Postgres
from optuna.trial import TrialState

from spaces.errors import FaultError, StudyError
from studies.dashboard.texts_in_attributes import note_in
from studies.engine import upkeep
from studies.records import attributes, disk, trials
from studies.records.copying import copy
from studies.records.references import HALF_COPIED, all_studies, find_if_there
from studies.storage.noted_files import put, put_file
from studies.storage.place import Place


@pytest.fixture
def source(tmp_path: Path) -> Place:
    """A place with a study of eleven trials, of which the last runs and has two files."""
    place = Place.to_run(str(tmp_path / "a.db"), None)
    make(place.storage, "other", n_trials=1, with_paper=False)
    study = make(place.storage, "ae", n_trials=5)
    running = study.ask()
    running.set_user_attr(trials.GOES_ON_FROM, {"study": "ae", "trial": 6, "epochs": 2})
    put_file(place.artifacts, running, "weights.safetensors", b"weights" * 999)
    put(place.artifacts, running, "learning-curve.png", b"picture")
    put(place.artifacts, study, "encoder.safetensors", b"encoder")
    number_2 = study.get_trials(deepcopy=False)[2]._trial_id
    place.storage.set_study_system_attr(study._study_id, f"dashboard:{number_2}:note_ver", 3)
    place.storage.set_study_system_attr(study._study_id, f"dashboard:{number_2}:note_str:0", "mine")
    return place


def study_in(place: Place, name: str = "ae") -> optuna.Study:
    found = find_if_there(place.storage, name)
    assert found is not None
    return found


def content(place: Place, name: str = "ae") -> list[Any]:
    """All that there is of a study: trials without identities, attributes, files."""
    study = study_in(place, name)
    every = study.get_trials(deepcopy=False)
    plain = [{k: v for k, v in vars(t).items() if k != "_trial_id"} for t in every]
    there = disk.sizes(place.artifacts)
    names = sorted(disk.ids_of(study) & there.keys())
    files = [(name, place.artifacts.path(name).read_bytes()) for name in names]
    return [plain, study.user_attrs, study.directions, study.metric_names, files]


@pytest.mark.slow
def test_from_sqlite_to_a_server_and_back_and_to_a_bucket_nothing_changes(
    source: Place,
    tmp_path: Path,
    postgres: Postgres,
    s3_server: S3,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in s3_server.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    bucket = f"s3://{s3_server.bucket()}/studies"
    before = content(source)
    assert len(before[-1]) == 3
    way = (
        (postgres.database(), str(tmp_path / "server-files")),
        (str(tmp_path / "b.db"), None),
        (str(tmp_path / "c.db"), bucket),
        (str(tmp_path / "d.db"), None),
    )
    here = source
    for storage, artifacts in way:
        there = Place.to_run(storage, artifacts)
        done = copy(here, study_in(here), there, "ae")
        assert (done.n_trials, done.n_files, done.n_running) == (11, 3, 1)
        assert content(there) == before
        here = there


def test_a_note_stays_with_its_trial_under_its_new_identity(source: Place, tmp_path: Path) -> None:
    target = Place.to_run(str(tmp_path / "b.db"), None)
    copy(source, study_in(source), target, "ae")
    study = study_in(target)
    attrs = target.storage.get_study_system_attrs(study._study_id)
    number_2 = study.get_trials(deepcopy=False)[2]._trial_id
    assert note_in(attrs, number_2) == "mine"
    assert len([key for key in attrs if key.endswith("note_ver")]) == 1


def test_a_copy_that_was_cut_off_among_the_trials_is_ended_by_the_same_again(
    source: Place, tmp_path: Path
) -> None:
    target, before = Place.to_run(str(tmp_path / "b.db"), None), content(source)
    half = optuna.create_study(storage=target.storage, study_name=f"ae{HALF_COPIED}")
    half.add_trials(study_in(source).get_trials(states=[TrialState.COMPLETE])[:3])
    assert copy(source, study_in(source), target, "ae").n_files == 3
    assert content(target) == before
    assert [study.study_name for study in all_studies(target.storage)] == ["ae"]
    assert content(source) == before


def test_a_copy_that_was_cut_off_among_the_files_carries_those_that_are_left(
    source: Place, tmp_path: Path
) -> None:
    target = Place.to_run(str(tmp_path / "b.db"), None)
    name = min(disk.ids_of(study_in(source)))
    with source.artifacts.open_reader(name) as file:
        target.artifacts.write(name, file)
    assert copy(source, study_in(source), target, "ae").n_files == 2
    done = copy(source, study_in(source), target, "ae")
    assert (done.n_trials, done.n_files) == (11, 0)
    assert content(target) == content(source)


def test_another_study_of_that_name_is_left_alone(source: Place, tmp_path: Path) -> None:
    target = Place.to_run(str(tmp_path / "b.db"), None)
    make(target.storage, "ae", n_trials=1)
    before = content(target)
    with pytest.raises(StudyError, match=r"there is a different study 'ae' in .*--as"):
        copy(source, study_in(source), target, "ae")
    assert content(target) == before


def test_a_copy_under_another_name_refers_to_itself_and_has_files_of_its_own(
    source: Place,
) -> None:
    done = copy(source, study_in(source), source, "again")
    own, copied = disk.ids_of(study_in(source)), disk.ids_of(done.study)
    assert done.n_files == len(own) == len(copied) == 3
    assert not own & copied
    source.artifacts.discard(copied)
    assert copy(source, study_in(source), source, "again").n_files == 3, "the same ones again"
    (running,) = done.study.get_trials(states=[TrialState.RUNNING])
    assert attributes.of(running)[trials.GOES_ON_FROM]["study"] == "again"
    *_, files = content(source)
    *_, copies = content(source, "again")
    assert content(source)[1:-1] == content(source, "again")[1:-1]
    assert sorted(text for _, text in files) == sorted(text for _, text in copies)


def test_a_copy_of_a_running_search_is_without_what_the_search_drops_meanwhile(
    source: Place, tmp_path: Path
) -> None:
    target = Place.to_run(str(tmp_path / "b.db"), None)
    dropped = disk.ids_of(study_in(source))

    def drop(step: str) -> None:
        if step.startswith("file 2"):
            source.artifacts.discard(dropped)

    done = copy(source, study_in(source), target, "ae", drop)
    assert done.n_files == 1
    assert len(done.study.get_trials()) == len(study_in(source).get_trials())


def test_what_is_not_copied_for_its_name_changes_no_file_of_the_study_that_has_it(
    source: Place, tmp_path: Path
) -> None:
    target = Place.to_run(str(tmp_path / "b.db"), None)
    copy(source, study_in(source), target, "ae")
    before = content(target)
    (running,) = study_in(source).get_trials(states=[TrialState.RUNNING])
    trial = optuna.Trial(study_in(source), running._trial_id)
    put(source.artifacts, trial, "learning-curve.png", b"a longer picture")
    put_file(source.artifacts, trial, "weights.safetensors", b"newer")
    with pytest.raises(StudyError, match="different study 'ae'"):
        copy(source, study_in(source), target, "ae")
    assert content(target) == before
    assert len(disk.sizes(target.artifacts)) == 3


def test_a_full_disk_leaves_no_study_and_the_same_again_ends_it(
    source: Place, tmp_path: Path
) -> None:
    target = Place.to_run(str(tmp_path / "b.db"), None)
    blocker = Path(target.artifacts.place) / f"{max(disk.ids_of(study_in(source)))}.partial"
    blocker.mkdir()  # where the last of the files would be written
    with pytest.raises((FaultError, StudyError)):
        copy(source, study_in(source), target, "ae")
    assert all_studies(target.storage) == []
    blocker.rmdir()
    copy(source, study_in(source), target, "ae")
    assert content(target) == content(source)


@pytest.fixture
def running_on_a_server(postgres: Postgres, tmp_path: Path) -> Iterator[Place]:
    from studies.engine.sharing import Shared

    place = Place.to_run(postgres.database(), str(tmp_path / "files"))
    study = make(place.storage, "ae", n_trials=1)
    shared = Shared(place.storage, study)  # type: ignore[arg-type]
    shared.hold(study.ask())
    yield place
    shared.close()


def test_a_study_that_runs_on_a_server_is_neither_renamed_nor_deleted(
    running_on_a_server: Place,
) -> None:
    with pytest.raises(StudyError, match="'ae' is being run, it trains #6; stop it first"):
        upkeep.rename(running_on_a_server, "ae", "new")
