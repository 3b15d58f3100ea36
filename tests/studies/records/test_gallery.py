"""What a real training leaves to look at."""

import io
from pathlib import Path

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna.trial import Trial
from PIL import Image

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.classifier import ClassifierConfig
from spaces.space import Configuration
from studies.data.images import Split
from studies.records import gallery
from studies.storage.artifacts import ArtifactFolder
from studies.training.loop import Training

SMALL = AutoencoderConfig(conv1_channels=8, conv2_channels=16)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactFolder:
    return ArtifactFolder(tmp_path / "artifacts")


def kept(store: ArtifactFolder, trial: Trial) -> dict[str, bytes]:
    found = {}
    for meta in get_all_artifact_meta(trial):
        assert meta.mimetype == "image/png", "or a browser shows no picture"
        with store.open_reader(meta.artifact_id) as file:
            found[meta.filename] = file.read()
    return found


def trained(store: ArtifactFolder, split: Split, config: Configuration) -> dict[str, bytes]:
    training = Training(config, split, seed=0, budget=Budget(epochs=1))
    history = list(training)
    trial = optuna.create_study().ask()
    gallery.keep(store, trial, history, training.outcome(with_weights=False), split.validation)
    return kept(store, trial)


def test_an_autoencoders_trial_leaves_reconstructions_and_learning_curve(
    store: ArtifactFolder, small_split: Split
) -> None:
    found = trained(store, small_split, SMALL)
    assert sorted(found) == ["learning-curve.png", "reconstructions.png"]
    assert all(Image.open(io.BytesIO(png)).format == "PNG" for png in found.values())
    assert sum(map(len, found.values())) < 100_000


def test_a_classifiers_trial_leaves_what_it_confuses(
    store: ArtifactFolder, small_split: Split
) -> None:
    found = trained(store, small_split, ClassifierConfig(encoder=SMALL))
    assert sorted(found) == ["confusion-matrix.png", "learning-curve.png", "most-confused.png"]


def test_without_its_network_a_trial_leaves_its_curve(
    store: ArtifactFolder, small_split: Split
) -> None:
    history = list(Training(SMALL, small_split, seed=0, budget=Budget(epochs=1)))
    trial = optuna.create_study().ask()
    gallery.keep(store, trial, history, None, small_split.validation)
    assert list(kept(store, trial)) == ["learning-curve.png"]
