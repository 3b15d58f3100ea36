import io
from pathlib import Path

import optuna
import pytest
import torch
from optuna.artifacts import get_all_artifact_meta
from optuna.trial import Trial
from PIL import Image
from torch import Tensor

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.classifier import N_CLASSES, ClassifierConfig
from spaces.space import Configuration
from studies.data.images import Images, Split
from studies.networks.evaluation import confusion_matrix
from studies.records import pictures
from studies.storage.artifacts import ArtifactFolder
from studies.training.loop import Training
from studies.training.metrics import EpochMetrics

SMALL = AutoencoderConfig(conv1_channels=8, conv2_channels=16)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactFolder:
    return ArtifactFolder(tmp_path / "artifacts")


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    assert image.info["Software"] == pictures.MADE_BY
    return image


def random_pixels(n: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 28, 28), dtype=torch.uint8, generator=generator)


def random_images(n: int = 200) -> Images:
    return Images(random_pixels(n), torch.arange(n) % N_CLASSES)


def curve(n_epochs: int, accuracy: float | None = None) -> list[EpochMetrics]:
    return [
        EpochMetrics(epoch, 0.5 / epoch, 0.6 / epoch, 1.0, 0.1, accuracy, accuracy)
        for epoch in range(1, n_epochs + 1)
    ]


def tile(image: Image.Image, left: int, top: int) -> Tensor:
    """The 28 by 28 pixels that an enlarged image shows."""
    box = (left, top, left + pictures.TILE, top + pictures.TILE)
    small = image.convert("L").crop(box).resize((28, 28), Image.Resampling.NEAREST)
    return torch.tensor(list(small.tobytes()), dtype=torch.uint8).view(28, 28)


def test_reconstructions_show_every_image_above_what_came_of_it() -> None:
    originals, given_back = random_pixels(10, 1), random_pixels(10, 2)
    image = opened(pictures.reconstructions(originals, given_back))
    step, left = pictures.TILE + pictures.GAP, 106
    pair = 2 * step + pictures.GAP
    for place in range(10):
        row, column = divmod(place, 5)
        x, y = left + column * step, pictures.GAP + row * pair
        assert torch.equal(tile(image, x, y), originals[place])
        assert torch.equal(tile(image, x, y + step), given_back[place])


def test_a_confusion_matrix_is_darkest_where_most_images_are() -> None:
    labels = torch.arange(1000) % N_CLASSES
    image = opened(pictures.confusion(confusion_matrix(labels, labels))).convert("L")
    corner, beside = (112 + 4, 96 + 4), (112 + 46 + 4, 96 + 4)
    assert image.getpixel(corner) < 110  # type: ignore[operator]
    assert image.getpixel(beside) == 255


def test_a_class_without_images_has_an_empty_row() -> None:
    empty = pictures.confusion(torch.zeros(N_CLASSES, N_CLASSES, dtype=torch.int64))
    assert opened(empty).convert("L").getpixel((112 + 4, 96 + 4)) == 255


def test_the_most_confused_pair_comes_first_with_an_image_of_it() -> None:
    images = random_images()
    predicted = images.labels.clone()
    predicted[images.labels == 6] = 0  # every shirt
    predicted[4] = 2  # and one coat
    png = pictures.most_confused(images, predicted)
    assert png is not None
    image = opened(png).convert("L")
    first = tile(image, 70 - pictures.TILE // 2, 8).int()
    assert (first - images.pixels[6].int()).abs().max() <= 8, "but for 64 greys"
    assert image.width == 2 * 140 + pictures.GAP


def test_an_example_is_found_in_a_subset_of_a_file_too() -> None:
    stored = random_pixels(50)
    images = Images(stored, torch.arange(10), rows=torch.arange(40, 50))
    assert torch.equal(images.first_where(images.labels == 3), stored[43])


def test_nothing_is_shown_as_confused_where_nothing_is() -> None:
    images = random_images()
    assert pictures.most_confused(images, images.labels) is None


@pytest.mark.parametrize("n_epochs", [1, 2, 30])
def test_a_classifiers_learning_curve_has_its_accuracy_beside_the_loss(n_epochs: int) -> None:
    loss_alone = opened(pictures.learning_curve(curve(n_epochs)))
    both = opened(pictures.learning_curve(curve(n_epochs, accuracy=0.5)))
    assert both.width == 2 * loss_alone.width


def test_a_learning_curve_is_drawn_where_its_values_are() -> None:
    rising = [EpochMetrics(n, 0.1 * n, 0.1 * n, 1.0, 0.1) for n in (1, 2, 3)]
    image = opened(pictures.learning_curve(rising)).convert("RGB")
    blue = [
        (x, y)
        for x in range(image.width)
        for y in range(30, image.height)
        if image.getpixel((x, y)) == pictures.BLUE
    ]
    (_, low), (_, high) = min(blue), max(blue)
    assert low > high, "a greater value is higher up"


@pytest.mark.parametrize("value", [1e-12, 1.0, 4e7])
def test_a_constant_curve_is_drawn_at_any_size(value: float) -> None:
    history = [EpochMetrics(n, value, value, 1.0, 0.1) for n in (1, 2)]
    opened(pictures.learning_curve(history))


def test_a_trials_pictures_stay_under_100_kilobytes() -> None:
    generator = torch.Generator().manual_seed(0)
    images = random_images(10_000)
    predicted = torch.randint(0, N_CLASSES, (10_000,), generator=generator)
    confused = pictures.most_confused(images, predicted)
    assert confused is not None
    curves = pictures.learning_curve(curve(300, accuracy=0.9))
    matrix = pictures.confusion(confusion_matrix(images.labels, predicted))
    noise = pictures.reconstructions(random_pixels(10), random_pixels(10))
    assert len(confused) + len(curves) + len(matrix) < 100_000
    assert len(noise) + len(curves) < 100_000


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
    pictures.keep(store, trial, history, training.outcome(with_weights=False), split.validation)
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
    pictures.keep(store, trial, history, None, small_split.validation)
    assert list(kept(store, trial)) == ["learning-curve.png"]
