import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.trained_studies import AE, CLF, TrainedStudies
from safetensors.torch import load, save_file

from reports.models.exporting import export_models
from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.errors import ConfigurationError, FmnistSearchError, StudyError
from studies.networks.exported import identity, read_model
from studies.networks.plain import build
from studies.records import encoders

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exports(trained: TrainedStudies, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders ``ae`` and ``clf``, each with an exported model."""
    folder = tmp_path_factory.mktemp("exports")
    for name, study in (("ae", AE), ("clf", CLF)):
        export_models([trained.trial(study)], folder / name, trained.data_dir, nested=False)
    return folder


@pytest.fixture
def copy(exports: Path, tmp_path: Path) -> Path:
    """A classifier's folder that a test may spoil."""
    return Path(shutil.copytree(exports / "clf", tmp_path / "copy"))


def noted_again(folder: Path) -> None:
    """Have metrics.json note the files as they are: a forgery, not an accident."""
    path = folder / "metrics.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    metrics["files"] = {name: identity(folder / name) for name in metrics["files"]}
    path.write_text(json.dumps(metrics), encoding="utf-8")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_whole_folder_is_read(exports: Path) -> None:
    model = read_model(exports / "clf")
    assert model.stage.name == "classifier"
    assert model.encoder is not None
    assert model.network().training is False
    assert read_model(exports / "ae").encoder is None


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "model.onnx"])
def test_a_changed_file_is_refused(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[-3] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(StudyError, match=f"{name} is not the file that was exported"):
        read_model(copy)


@pytest.mark.parametrize("name", ["config.json", "encoder.safetensors", "model.onnx"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(StudyError, match=f"{name}: No such file"):
        read_model(copy)


def test_the_card_may_be_edited(copy: Path) -> None:
    (copy / "README.md").write_text("Our shop's shirts.")
    read_model(copy)


def swap_weights(folder: Path) -> None:
    save_file(build(AutoencoderConfig()).state_dict(), folder / "model.safetensors")


def pickle_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    torch.save(load(path.read_bytes()), path)


def halve_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in load(path.read_bytes()).items()}, path)


def spoil_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load(path.read_bytes())
    tensors["encoder.conv1.bias"][0] = float("-inf")  # after ReLU it is a mere zero
    save_file(tensors, path)


def widen(folder: Path) -> None:
    edit(folder / "config.json", '"fc_width": ', '"fc_width": 1')


def widen_beyond_memory(folder: Path) -> None:
    edit(folder / "config.json", '"conv1_channels": 16', '"conv1_channels": 16000000')


def forget_training(folder: Path) -> None:
    path = folder / "config.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    del table["training"]
    path.write_text(json.dumps(table), encoding="utf-8")


def reach_outside(folder: Path) -> None:
    (folder.parent / "secret").write_text("x")
    edit(folder / "metrics.json", '"config.json"', '"../secret"')


def be_of_the_future(folder: Path) -> None:
    edit(folder / "metrics.json", "fmnist-search export 1", "fmnist-search export 2")


@pytest.mark.parametrize(
    ("forge", "message"),
    [
        (swap_weights, "model.safetensors contains weights of another network"),
        (pickle_weights, "model.safetensors contains no weights"),
        (halve_weights, "model.safetensors contains weights of another network"),
        (spoil_weights, "are not all finite numbers, encoder.conv1.bias is not"),
        (widen, "contains weights of another network: head."),
        (widen_beyond_memory, "conv1_channels must be"),
        (forget_training, "does not say how the weights were trained"),
        (reach_outside, "names a file '../secret', which no export has"),
        (be_of_the_future, "was exported by another version"),
    ],
)
def test_a_forged_folder_is_refused(
    copy: Path, forge: Callable[[Path], None], message: str
) -> None:
    forge(copy)
    if forge is not reach_outside:
        noted_again(copy)
    with pytest.raises(FmnistSearchError) as raised:
        read_model(copy)
    assert message in str(raised.value)


def test_a_configuration_that_cannot_be_is_named_with_its_file(copy: Path) -> None:
    edit(copy / "config.json", '"dropout": 0.0', '"dropout": 2.0')
    noted_again(copy)
    with pytest.raises(ConfigurationError, match=r"config\.json: dropout must be in"):
        read_model(copy)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"format": 3}', '{"format": "x"}'])
def test_a_foreign_folder_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(StudyError, match="was not made by fmnist-search export"):
        read_model(tmp_path)


def test_a_folder_of_several_models_says_their_names(exports: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="contains several models: ae, clf; name one"):
        read_model(exports)
    with pytest.raises(StudyError, match="there is no folder"):
        read_model(tmp_path / "none")


def test_a_classifier_starts_from_an_exported_autoencoder_as_from_its_trial(
    trained: TrainedStudies, exports: Path
) -> None:
    budget = Budget(epochs=1, subset=600)
    from_folder = encoders.find(trained.place(), str(exports / "ae"), budget)
    from_trial = encoders.find(trained.place(), AE, budget)
    for name in ("sha256", "config", "loss"):
        assert getattr(from_folder.origin, name) == getattr(from_trial.origin, name)
    assert from_folder.origin.source == "ae/"
    assert set(from_folder.weights) == set(from_trial.weights)
    for name, tensor in from_trial.weights.items():
        assert torch.equal(from_folder.weights[name], tensor)


@pytest.mark.parametrize(
    ("name", "budget", "message"),
    [
        ("clf", Budget(), "contains a classifier, not an autoencoder"),
        ("ae", Budget(protocol="paper"), "was not trained under the paper protocol"),
        ("", Budget(), "contains several models"),
    ],
)
def test_a_folder_no_classifier_can_start_from_is_refused(
    trained: TrainedStudies, exports: Path, name: str, budget: Budget, message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        encoders.find(trained.place(), str(exports / name), budget)
