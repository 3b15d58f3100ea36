import json
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from helpers.opened import opened
from optuna.artifacts import upload_artifact
from optuna.trial import FrozenTrial, Trial, TrialState
from safetensors import safe_open

from spaces.autoencoder import AutoencoderConfig
from spaces.errors import StudyError
from studies.files import tensor_files
from studies.files.tensor_files import DamagedError
from studies.networks.plain import build_autoencoder
from studies.records import settings, trials, weights
from studies.records.request import Keep
from studies.records.settings import StudySettings
from studies.storage.artifacts import ArtifactFolder

CONFIG = AutoencoderConfig(batchnorm=True)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactFolder:
    return ArtifactFolder(tmp_path / "artifacts")


@pytest.fixture(params=["minimize", "maximize"])
def study(request: pytest.FixtureRequest) -> optuna.Study:
    study = optuna.create_study(direction=request.param)
    settings.write(study, StudySettings("autoencoder", direction=request.param))
    return study


def end(
    study: optuna.Study,
    store: ArtifactFolder,
    value: float,
    keep: Keep,
    state: TrialState = TrialState.COMPLETE,
    **attrs: Any,
) -> None:
    """End a trial as a search does."""
    trial = study.ask()
    for name, attr in attrs.items():
        trial.set_user_attr(name, attr)
    trial.report(value, 1)
    if trials.SAME_AS not in attrs and weights.is_wanted(
        opened(study, store), keep, trial, value, state
    ):
        weights.save(store, trial, {"x": torch.tensor([float(trial.number)])}, CONFIG.to_dict())
    study.tell(trial, None if state == TrialState.PRUNED else value, state)
    weights.drop_superseded(opened(study, store), study.get_trials(), keep)


def kept(study: optuna.Study, store: ArtifactFolder) -> list[int]:
    found = []
    for trial in study.trials:
        if weights.is_kept(store, trial):
            assert weights.load(opened(study, store), trial)["x"].item() == trial.number
            found.append(trial.number)
    assert len(list(store.folder.iterdir())) == len(found)
    return found


def better(study: optuna.Study, value: float) -> float:
    """Lower values are better, whatever the study's direction."""
    return value if study.direction.name == "MINIMIZE" else -value


@pytest.mark.parametrize(
    ("keep", "numbers"),
    [
        ("all", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("none", []),
        (0, [1]),
        (1, [1, 4, 7]),
        (2, [1, 2, 3, 4, 7]),
        (9, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_the_best_and_the_papers_weights_are_kept(
    study: optuna.Study, store: ArtifactFolder, keep: Keep, numbers: list[int]
) -> None:
    for value, attrs in (
        (0.5, {}),
        (0.9, {trials.PAPER: "baseline"}),
        (0.3, {}),
        (0.4, {"state": TrialState.PRUNED}),
        (0.2, {}),
        (0.6, {}),
        (0.3, {}),  # as good as an earlier one is not better
        (0.1, {"state": TrialState.PRUNED}),
    ):
        end(study, store, better(study, value), keep, **attrs)
    assert kept(study, store) == numbers


@pytest.mark.parametrize(
    ("keep", "n_states", "n_weights"), [("all", 5, 5), (10, 3, 5), (4, 3, 4), (2, 2, 2), (0, 0, 0)]
)
@pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.PRUNED])
def test_states_are_kept_of_the_best_three_and_of_pruned_ones_no_more_weights(
    study: optuna.Study,
    store: ArtifactFolder,
    keep: Keep,
    n_states: int,
    n_weights: int,
    state: TrialState,
) -> None:
    values = [0.5, 0.1, 0.3, 0.2, 0.4]
    for value in values:
        trial = study.ask()
        trial.report(better(study, value), 1)
        for file in (weights.WEIGHTS, weights.STATE):
            weights.save(store, trial, {"x": torch.ones(1)}, CONFIG.to_dict(), file)
        study.tell(trial, None if state == TrialState.PRUNED else better(study, value), state)
    weights.drop_superseded(opened(study, store), study.get_trials(), keep)

    def best_that_have(file: weights.FileName) -> list[float]:
        there = zip(study.trials, values, strict=True)
        return sorted(value for trial, value in there if weights.is_kept(store, trial, file))

    if state == TrialState.PRUNED and keep != "all":
        n_weights = n_states
    assert best_that_have(weights.STATE) == sorted(values)[:n_states]
    assert best_that_have(weights.WEIGHTS) == sorted(values)[:n_weights]


def test_copies_of_results_take_no_place_among_the_best(
    study: optuna.Study, store: ArtifactFolder
) -> None:
    end(study, store, better(study, 0.4), 2)
    end(study, store, better(study, 0.2), 2)
    for _ in range(3):
        end(study, store, better(study, 0.2), 2, **{trials.SAME_AS: 1})
    assert kept(study, store) == [0, 1]
    end(study, store, better(study, 0.3), 2)
    assert kept(study, store) == [1, 5]


def saved(study: optuna.Study, store: ArtifactFolder) -> tuple[Trial, dict[str, torch.Tensor]]:
    trial = study.ask()
    network = build_autoencoder(CONFIG).to(memory_format=torch.channels_last)
    weights.save(store, trial, network.state_dict(), CONFIG.to_dict())
    return trial, network.state_dict()


def frozen(study: optuna.Study, trial: Trial) -> FrozenTrial:
    return study.trials[trial.number]


def test_loaded_weights_are_the_saved_ones_bit_by_bit(
    study: optuna.Study, store: ArtifactFolder
) -> None:
    trial, tensors = saved(study, store)
    loaded = weights.load(opened(study, store), frozen(study, trial))
    assert set(loaded) == set(tensors)
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)
    build_autoencoder(CONFIG).load_state_dict(loaded)


def test_the_file_says_what_network_it_belongs_to(
    study: optuna.Study, store: ArtifactFolder
) -> None:
    trial, _ = saved(study, store)
    (artifact_id,) = weights.artifact_ids(frozen(study, trial))
    with safe_open(store.folder / artifact_id, framework="pt") as file:
        assert AutoencoderConfig.from_dict(json.loads(file.metadata()["config"])) == CONFIG


def test_weights_that_were_not_kept_are_asked_for_in_vain(
    study: optuna.Study, store: ArtifactFolder
) -> None:
    study.ask()
    with pytest.raises(StudyError, match=r"weights of trial 0 of '.*' were not kept"):
        weights.load(opened(study, store), study.trials[0])


@pytest.mark.parametrize("file", [weights.WEIGHTS, weights.STATE])
@pytest.mark.parametrize("damage", ["a bit", "cut short"])
def test_files_that_are_not_as_they_were_written_are_said_to_be_damaged(
    study: optuna.Study, store: ArtifactFolder, file: weights.FileName, damage: str
) -> None:
    trial = study.ask()
    weights.save(store, trial, {"x": torch.ones(9)}, CONFIG.to_dict(), file)
    (artifact_id,) = weights.artifact_ids(frozen(study, trial), file)
    path = store.path(artifact_id)
    content = bytearray(path.read_bytes())
    if damage == "a bit":
        content[-1] ^= 1
    else:
        del content[-1]
    path.write_bytes(content)
    with pytest.raises(DamagedError, match=f"weights of trial 0 .* in {path} are damaged"):
        weights.load(opened(study, store), frozen(study, trial), file)


def saved_by_an_earlier_version(
    study: optuna.Study, store: ArtifactFolder, folder: Path, media_type: str
) -> tuple[Trial, str]:
    """Weights of ones among the trial's artifacts, which is how they were noted."""
    trial, path = study.ask(), folder / weights.WEIGHTS
    path.write_bytes(tensor_files.to_bytes({"x": torch.ones(9)}))
    artifact_id = upload_artifact(
        artifact_store=store, file_path=str(path), study_or_trial=trial, mimetype=media_type
    )
    return trial, artifact_id


def test_a_file_of_an_earlier_version_is_checked_by_its_checksum_if_it_has_one(
    study: optuna.Study, store: ArtifactFolder, tmp_path: Path
) -> None:
    plain, _ = saved_by_an_earlier_version(study, store, tmp_path, "application/octet-stream")
    loaded = weights.load(opened(study, store), frozen(study, plain))
    assert torch.equal(loaded["x"], torch.ones(9))
    noted = f"application/octet-stream; sha256={'0' * 64}"
    summed, _ = saved_by_an_earlier_version(study, store, tmp_path, noted)
    with pytest.raises(DamagedError):
        weights.load(opened(study, store), frozen(study, summed))


def test_what_is_saved_again_takes_the_place_of_what_an_earlier_version_left(
    study: optuna.Study, store: ArtifactFolder, tmp_path: Path
) -> None:
    trial, _ = saved_by_an_earlier_version(study, store, tmp_path, "application/octet-stream")
    weights.save(store, trial, {"x": torch.zeros(9)}, CONFIG.to_dict())
    loaded = weights.load(opened(study, store), frozen(study, trial))
    assert torch.equal(loaded["x"], torch.zeros(9))
    weights.discard(store, frozen(study, trial))
    assert list(store.folder.iterdir()) == []


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_weights_that_are_not_finite_are_refused(
    study: optuna.Study, store: ArtifactFolder, value: float
) -> None:
    trial = study.ask()
    tensors = {"x": torch.ones(2), "y": torch.tensor([1.0, value])}
    for file in (weights.WEIGHTS, weights.STATE):
        weights.save(store, trial, tensors, CONFIG.to_dict(), file)
    with pytest.raises(DamagedError, match=r"trial 0 of .* are not all finite numbers, y is not"):
        weights.load(opened(study, store), frozen(study, trial))
    # A state may hold infinities: of an optimiser's moments, and a retry has the same bits.
    assert set(weights.load(opened(study, store), frozen(study, trial), weights.STATE)) == {
        "x",
        "y",
    }


def delete_as_the_dashboard_does(study: optuna.Study, trial: Trial, artifact_id: str) -> None:
    key = f"artifacts:{artifact_id}"
    assert key in study._storage.get_trial_system_attrs(trial._trial_id)
    study._storage.set_trial_system_attr(trial._trial_id, key, json.dumps(None))


def test_weights_deleted_in_the_dashboard_are_not_there(
    study: optuna.Study, store: ArtifactFolder, tmp_path: Path
) -> None:
    plain = "application/octet-stream"
    trial, artifact_id = saved_by_an_earlier_version(study, store, tmp_path, plain)
    store.remove(artifact_id)
    delete_as_the_dashboard_does(study, trial, artifact_id)
    with pytest.raises(StudyError, match="not kept"):
        weights.load(opened(study, store), frozen(study, trial))
    weights.discard(store, frozen(study, trial))


def test_another_artifact_deleted_in_the_dashboard_hides_no_weights(
    study: optuna.Study, store: ArtifactFolder, tmp_path: Path
) -> None:
    trial, tensors = saved(study, store)
    (tmp_path / "picture.png").write_bytes(b"png")
    picture = upload_artifact(
        artifact_store=store, file_path=str(tmp_path / "picture.png"), study_or_trial=trial
    )
    delete_as_the_dashboard_does(study, trial, picture)
    assert set(weights.load(opened(study, store), frozen(study, trial))) == set(tensors)
    weights.discard(store, frozen(study, trial))
    assert [path.name for path in store.folder.iterdir()] == [picture]


def test_discarding_twice_is_no_error_and_leaves_other_files(
    study: optuna.Study, store: ArtifactFolder
) -> None:
    first, _ = saved(study, store)
    second, _ = saved(study, store)
    for _ in range(2):
        weights.discard(store, frozen(study, first))
    assert not weights.is_kept(store, frozen(study, first))
    assert weights.is_kept(store, frozen(study, second))


def test_a_state_that_another_trial_is_to_go_on_from_stays_until_that_one_ends(
    study: optuna.Study, store: ArtifactFolder
) -> None:
    trial = study.ask()
    trial.report(0.5, 1)
    weights.save(store, trial, {"x": torch.zeros(1)}, CONFIG.to_dict(), weights.STATE)
    study.tell(trial, state=TrialState.PRUNED)
    study.enqueue_trial({}, user_attrs={trials.PROMOTED: trial.number})

    def is_kept() -> bool:
        weights.drop_superseded(opened(study, store), study.get_trials(), 0)
        return weights.is_kept(store, study.trials[trial.number], weights.STATE)

    assert is_kept()
    follower = study.ask()
    assert is_kept()
    study.tell(follower, 0.5)
    assert not is_kept()
