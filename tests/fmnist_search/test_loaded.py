from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.trained_studies import AE, CLF, TrainedStudies
from PIL import Image

import fmnist_search
from fmnist_search import AutoencoderModel, ClassifierModel, ImageError, StudyError
from reports.models.exporting import export_models
from spaces.budget import Budget
from studies.data.images import Split, load_split
from studies.networks import evaluation
from studies.records import attributes
from studies.records.trials import METRICS, value_of


@pytest.fixture(scope="module")
def classifier(trained: TrainedStudies) -> ClassifierModel:
    model = fmnist_search.load(CLF, trained.database)
    assert isinstance(model, ClassifierModel)
    return model


@pytest.fixture(scope="module")
def autoencoder(trained: TrainedStudies) -> AutoencoderModel:
    model = fmnist_search.load(AE, trained.database)
    assert isinstance(model, AutoencoderModel)
    return model


def test_a_classifier_names_as_many_rightly_as_its_trial_did(
    trained: TrainedStudies, classifier: ClassifierModel, small_split: Split
) -> None:
    trial = trained.trial(CLF).trial
    judged = small_split.validation
    predicted = classifier.predict(judged.pixels)
    assert (predicted.dtype, predicted.shape) == (np.int64, (100,))
    accuracy = attributes.of(trial)[METRICS]["validation_accuracy"]
    assert (predicted == judged.labels.numpy()).mean() == accuracy
    assert classifier.source == f"{CLF}#{trial.number}"


def test_probabilities_are_of_the_ten_classes(
    classifier: ClassifierModel, small_split: Split
) -> None:
    shares = classifier.predict_proba(small_split.validation.pixels.numpy()[:7])
    assert (shares.dtype, shares.shape) == (np.float32, (7, len(fmnist_search.CLASS_NAMES)))
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)


def test_an_autoencoders_errors_are_the_loss_of_its_trial(
    trained: TrainedStudies, autoencoder: AutoencoderModel, small_split: Split
) -> None:
    pixels = small_split.validation.pixels
    errors = autoencoder.errors(pixels)
    assert (errors.dtype, errors.shape) == (np.float32, (100,))
    assert errors.mean() == pytest.approx(value_of(trained.trial(AE).trial), rel=1e-4)
    again = autoencoder.reconstruct(pixels)
    assert (again.dtype, again.shape) == (np.uint8, (100, 28, 28))
    encoded = autoencoder.encode(pixels[:3])
    assert encoded.shape[:2] == (3, autoencoder.configuration.conv2_channels)


def test_images_are_encoded_in_batches(
    autoencoder: AutoencoderModel, small_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, sizes = small_split.validation.pixels, list[int]()
    encoder = autoencoder.network.encoder
    hook = encoder.register_forward_hook(lambda _module, seen, _out: sizes.append(len(seen[0])))
    monkeypatch.setattr(evaluation, "BATCH", 40)
    encoded = autoencoder.encode(pixels)
    hook.remove()
    assert sizes == [40, 40, 20]
    np.testing.assert_allclose(encoded[40:80], autoencoder.encode(pixels[40:80]), rtol=1e-5)


def test_a_picture_is_made_what_the_network_learned_from(
    classifier: ClassifierModel, small_split: Split, tmp_path: Path
) -> None:
    pixels = small_split.validation.pixels[:2].numpy()
    paths = [tmp_path / f"{number}.png" for number in range(2)]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    of_array = classifier.predict_proba(pixels)
    np.testing.assert_array_equal(classifier.predict_proba(paths), of_array)
    np.testing.assert_array_equal(classifier.predict_proba(str(paths[0])), of_array[:1])
    np.testing.assert_array_equal(classifier.predict_proba(pixels[0]), of_array[:1])


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 28, 28), np.float32), r"got float32 of shape \(2, 28, 28\)"),
        (torch.zeros(2, 1, 28, 28, dtype=torch.uint8), r"got uint8 of shape \(2, 1, 28, 28\)"),
        (np.zeros((0, 28, 28), np.uint8), "no images"),
        ([], "no pictures"),
        ("absent.png", "absent.png: No such file"),
    ],
)
def test_what_is_no_image_is_refused_in_words(
    classifier: ClassifierModel, images: object, words: str
) -> None:
    with pytest.raises(ImageError, match=words):
        classifier.predict(images)  # type: ignore[arg-type]


def test_an_exported_folder_gives_the_same_model(
    trained: TrainedStudies, tmp_path: Path, small_split: Split
) -> None:
    trial = trained.trial(AE)
    export_models([trial], tmp_path / "model", trained.data_dir, nested=False)
    exported, stored = (
        fmnist_search.load(tmp_path / "model"),
        fmnist_search.load(f"{AE}#{trial.trial.number}", trained.database),
    )
    assert isinstance(exported, AutoencoderModel)
    assert isinstance(stored, AutoencoderModel)
    pixels = small_split.validation.pixels[:5]
    np.testing.assert_array_equal(exported.reconstruct(pixels), stored.reconstruct(pixels))
    assert exported.configuration == stored.configuration
    strange = np.stack([pixels[0].numpy(), np.zeros((28, 28), np.uint8)])
    assert exported.are_unusual(strange)[1]
    with pytest.raises(StudyError, match="fmnist-search export writes that down"):
        stored.are_unusual(strange)


@pytest.mark.parametrize("source", ["nothing", f"{AE}#99", "no/folder"])
def test_what_is_not_there_is_refused_in_words(trained: TrainedStudies, source: str) -> None:
    with pytest.raises(StudyError, match=r"no study|no trial 99"):
        fmnist_search.load(source, trained.database)


def test_images_are_those_that_searches_train_on_and_are_judged_by(data_dir: Path) -> None:
    split = load_split(data_dir, Budget())
    for part, images in (("train", split.train), ("validation", split.validation)):
        pixels, labels = fmnist_search.load_images(part, data_dir)  # type: ignore[arg-type]
        np.testing.assert_array_equal(pixels, images.pixels)
        np.testing.assert_array_equal(labels, images.labels)
    pixels, _ = fmnist_search.load_images("test", data_dir)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (10_000, 28, 28))
