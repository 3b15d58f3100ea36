"""Files that a trial or a study refers to, one of each name, in folders and buckets."""

import json
from pathlib import Path
from typing import BinaryIO

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna.trial import Trial

from studies.storage.artifacts import ArtifactFolder, ArtifactStore
from studies.storage.bucket import ArtifactBucket
from studies.storage.noted_files import artifact_ids, noted_file, put, put_file

STATE = "state.safetensors"


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    if request.param == "folder":
        return ArtifactFolder(tmp_path / "artifacts")
    s3 = request.getfixturevalue("s3")
    return ArtifactBucket(f"s3://{s3.bucket()}", tmp_path / "cache")


@pytest.fixture
def trial() -> Trial:
    return optuna.create_study().ask()


def attrs(trial: Trial) -> dict[str, object]:
    return trial.study.trials[trial.number].system_attrs


def names(store: ArtifactStore) -> list[str]:
    return sorted(each.name for each in store.stored())


def test_a_picture_made_again_takes_the_place_of_the_one_before(
    store: ArtifactStore, trial: Trial
) -> None:
    first = put(store, trial, "curve.png", b"one epoch")
    other = put(store, trial, "images.png", b"ten images")
    again = put(store, trial, "curve.png", b"two epochs")
    assert again == first != other
    assert names(store) == sorted([first, other])
    assert [meta.filename for meta in get_all_artifact_meta(trial)] == ["curve.png", "images.png"]
    with store.open_reader(first) as file:
        assert file.read() == b"two epochs"


def test_a_picture_deleted_in_the_dashboard_is_made_anew(
    store: ArtifactStore, trial: Trial
) -> None:
    first = put(store, trial, "curve.png", b"1")
    trial.storage.set_trial_system_attr(trial._trial_id, f"artifacts:{first}", json.dumps(None))
    again = put(store, trial, "curve.png", b"2")
    assert list(artifact_ids(attrs(trial))) == [again] != [first]


def test_a_state_is_replaced_and_nothing_points_to_the_one_before(
    store: ArtifactStore, trial: Trial
) -> None:
    for content in (b"epoch 1", b"epoch 2", b"epoch 3"):
        put_file(store, trial, STATE, content)
        noted = noted_file(attrs(trial), STATE)
        assert noted is not None
        assert store.path(noted.artifact_id).read_bytes() == content
        assert list(artifact_ids(attrs(trial))) == names(store) == [noted.artifact_id]
    assert get_all_artifact_meta(trial) == []


class Killed(BaseException):
    """The process ends here."""


class DyingFolder(ArtifactFolder):
    """Writes a file and dies."""

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        super().write(artifact_id, content_body)
        raise Killed


def test_killed_before_the_new_state_is_noted_a_trial_has_the_one_before(
    tmp_path: Path, trial: Trial
) -> None:
    store = ArtifactFolder(tmp_path)
    put_file(store, trial, STATE, b"epoch 1")
    before = attrs(trial)
    with pytest.raises(Killed):
        put_file(DyingFolder(tmp_path), trial, STATE, b"epoch 2")
    noted = noted_file(attrs(trial), STATE)
    assert noted is not None
    assert attrs(trial) == before
    assert store.path(noted.artifact_id).read_bytes() == b"epoch 1"
    put_file(store, trial, STATE, b"epoch 2")
    assert not store.has(noted.artifact_id)


def test_whoever_wrote_the_attributes_their_artifacts_are_found_and_no_others() -> None:
    described = {
        "artifacts:a-1": json.dumps({"artifact_id": "a-1", "filename": "x"}),
        "artifacts:a-2": "null",
        "dashboard:artifacts:7:a-3": "{}",
        "fmnist-search:file:weights.safetensors": {"artifact_id": "a-4", "sha256": ""},
        "fmnist-search:file:state.safetensors": "of another program",
        "fixed_params": {"artifact_id": "a-5"},
    }
    assert list(artifact_ids(described)) == ["a-1", "a-3", "a-4"]


def test_a_studys_file_is_its_artifact(tmp_path: Path) -> None:
    store, study = ArtifactFolder(tmp_path), optuna.create_study()
    name = put(store, study, "encoder.safetensors", b"weights")
    assert [meta.artifact_id for meta in get_all_artifact_meta(study)] == [name]
    assert store.path(name).read_bytes() == b"weights"
