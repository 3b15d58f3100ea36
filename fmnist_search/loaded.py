"""Trained models, and what they make of arrays and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from fmnist_search import as_typed
from search.data_command import find_data
from spaces.autoencoder import IMAGE_SIZE
from spaces.budget import Budget
from spaces.errors import ImageError, StudyError
from spaces.space import Configuration
from studies.data.images import Images, load_split, load_test
from studies.data.picture_files import read_picture
from studies.files import places
from studies.networks import evaluation
from studies.networks.exported import read_model
from studies.networks.novelty import Novelty, are_empty
from studies.networks.plain import Autoencoder, Classifier, build
from studies.records import weights
from studies.records.references import find_trial
from studies.storage.place import Place

Source = str | Path
Pictures = Source | Sequence[Source] | np.ndarray | Tensor
"""Files of pictures of any size and format, made what the models learned from: 28×28, grey, light
on black. Or an array or tensor, uint8 (28, 28) or (n, 28, 28), 0 black to 255 white."""


@dataclass(frozen=True)
class _Model:
    """What trained models have in common."""

    source: str
    """The folder or the trial that it is from."""
    configuration: Configuration
    network: Any
    novelty: Novelty | None
    """What an export remembers of the training images; None of a trial's model."""

    def are_unusual(self, images: Pictures) -> np.ndarray:
        """Which images the model should not be believed on: bool (n,).

        They are empty, or unlike those that it learned from: what ``fmnist-search predict`` warns
        of. That no image is unusual does not say that the model is right.

        Raises:
            StudyError: the model was not exported, and nothing is remembered of its images.
            ImageError: a picture cannot be read, or an array is none of images.
        """
        if self.novelty is None:
            raise StudyError(
                f"{self.source} does not know what its training images were like; "
                "fmnist-search export writes that down with the model"
            )
        pixels = _pixels(images)
        found = are_empty(pixels) | self.novelty.are_unusual(self.network, pixels)
        return found.numpy()


@dataclass(frozen=True)
class ClassifierModel(_Model):
    """A trained classifier of the ten kinds of clothing in ``CLASS_NAMES``."""

    network: Classifier
    """The PyTorch module, in evaluation mode: images float32 (n, 1, 28, 28) in [−1, 1], to logits
    (n, 10)."""

    def predict_proba(self, images: Pictures) -> np.ndarray:
        """Probabilities of the ten classes, float32 (n, 10), in the order of ``CLASS_NAMES``.

        Raises:
            ImageError: a picture cannot be read, or an array is none of images.
        """
        pixels = _pixels(images)
        unknown = torch.zeros(len(pixels), dtype=torch.long)
        probabilities = evaluation.predict(self.network, Images(pixels, unknown))
        return probabilities.numpy()

    def predict(self, images: Pictures) -> np.ndarray:
        """The most probable class of each image: int64 (n,), an index into ``CLASS_NAMES``.

        Raises:
            ImageError: as above.
        """
        classes: np.ndarray = self.predict_proba(images).argmax(axis=1)
        return classes


@dataclass(frozen=True)
class AutoencoderModel(_Model):
    """A trained autoencoder."""

    network: Autoencoder
    """The PyTorch module, in evaluation mode: float32 (n, 1, 28, 28) in [−1, 1] to the same."""

    def reconstruct(self, images: Pictures) -> np.ndarray:
        """The images as the autoencoder gives them back: uint8 (n, 28, 28), 0 to 255.

        Raises:
            ImageError: a picture cannot be read, or an array is none of images.
        """
        return evaluation.reconstruct(self.network, _pixels(images)).numpy()

    def errors(self, images: Pictures) -> np.ndarray:
        """Each image's mean squared error over pixels in [−1, 1]: float32 (n,).

        Raises:
            ImageError: as above.
        """
        return evaluation.reconstruction_errors(self.network, _pixels(images)).numpy()

    def encode(self, images: Pictures) -> np.ndarray:
        """What the encoder makes of the images: float32 (n, channels, height, width).

        Raises:
            ImageError: as above.
        """
        return evaluation.encode(self.network, _pixels(images)).numpy()


def load(
    source: Source, storage: Source | None = None, artifacts: Source | None = None
) -> ClassifierModel | AutoencoderModel:
    """A trained model: one that was exported, a study's best one, or that of a trial.

    Args:
        source: a folder that ``fmnist-search export`` made; else a study, as ``"clf"``, or a trial,
            as ``"clf#12"``.
        storage: an SQLite file, or a storage URL of Optuna's; for studies.
        artifacts: the folder or bucket of the trials' weights; for studies.

    Raises:
        StudyError: there is no such folder, study or trial, its weights were not kept, or a file
            of an export was changed.
    """
    folder = places.expanded(source)
    if folder.is_dir():
        model = read_model(folder)
        return _model(str(source), model.config, model.network(), model.novelty)
    named = as_typed.read("report", storage=storage, artifacts=artifacts).params
    return of_trial(Place.there(named["storage"], named["artifacts"]), str(source))


def of_trial(place: Place, reference: str) -> ClassifierModel | AutoencoderModel:
    """The model of a trial, or of a study's best.

    Raises:
        StudyError: there is none, or its weights were not kept.
    """
    study, trial = find_trial(place, reference)
    config = study.config_of(trial)
    network = build(config)
    network.load_state_dict(weights.load(study, trial))
    return _model(f"{study.name}#{trial.number}", config, network.eval())


def load_images(
    part: Literal["train", "validation", "test"] = "validation", data_dir: Source | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Fashion-MNIST as searches use it, fetched if need be.

    Args:
        part: the 50,000 images that searches train on, the 10,000 that judge their trials, or the
            10,000 test images, which no search ever reads: keep them for the last figure.
        data_dir: a folder with the data set's four files.

    Returns:
        The images, uint8 (n, 28, 28), 0 black to 255 white, and their classes, int64 (n,).

    Raises:
        DataError: they are missing or damaged, and cannot be fetched.
    """
    places = as_typed.read("report", data_dir=data_dir).params
    folder = find_data(places["data_dir"], quiet=True)
    images = load_test(folder) if part == "test" else getattr(load_split(folder, Budget()), part)
    return images.pixels.numpy(), images.labels.numpy()


def _model(
    source: str,
    config: Configuration,
    network: Autoencoder | Classifier,
    novelty: Novelty | None = None,
) -> ClassifierModel | AutoencoderModel:
    if isinstance(network, Classifier):
        return ClassifierModel(source, config, network, novelty)
    return AutoencoderModel(source, config, network, novelty)


def _pixels(images: Pictures) -> Tensor:
    """Images as networks take them, uint8 (n, 28, 28).

    Raises:
        ImageError: a picture cannot be read, or an array is none of images.
    """
    files: Any = [images] if isinstance(images, str | Path) else images
    if isinstance(files, list | tuple) and all(isinstance(one, str | Path) for one in files):
        if not files:
            raise ImageError("no pictures were given")
        return torch.stack([read_picture(Path(one)).pixels for one in files])
    array = np.asarray(images)
    if array.shape == (IMAGE_SIZE, IMAGE_SIZE):
        array = array[None]
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE):
        raise ImageError(
            "images must be uint8, 0 black to 255 white, of shape (28, 28) or (n, 28, 28); got "
            f"{array.dtype} of shape {array.shape}"
        )
    if not len(array):
        raise ImageError("no images were given")
    return torch.from_numpy(array.copy())
