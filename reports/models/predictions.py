"""What a network makes of pictures: classes' probabilities, or reconstructions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from spaces.errors import ImageError
from studies.data.images import CLASS_NAMES, Images
from studies.data.picture_files import read_picture, write_picture
from studies.networks import evaluation
from studies.networks.plain import Autoencoder, Classifier


@dataclass(frozen=True)
class Prediction:
    """One picture's."""

    path: Path
    steps: tuple[str, ...]
    """How the picture was converted, in words."""
    probabilities: tuple[float, ...] | None = None
    """Of the ten classes, from a classifier."""
    loss: float | None = None
    """An autoencoder's mean squared error over pixels in [−1, 1]."""
    reconstruction: Path | None = None
    """The file with an autoencoder's."""

    def ranked(self) -> list[tuple[str, float]]:
        """Classes and their probabilities, the most probable first."""
        pairs = zip(CLASS_NAMES, self.probabilities or (), strict=False)
        return sorted(pairs, key=lambda pair: -pair[1])

    def in_short(self) -> str:
        """The most probable class, or the reconstruction's file."""
        return str(self.reconstruction) if self.probabilities is None else self.ranked()[0][0]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        table: dict[str, Any] = {"picture": str(self.path), "converted": list(self.steps)}
        if self.probabilities is None:
            return {**table, "loss": self.loss, "reconstruction": str(self.reconstruction)}
        return {**table, "class": self.ranked()[0][0], "probabilities": dict(self.ranked())}


def classify(
    network: Classifier, paths: Sequence[Path], negate: bool | None = None
) -> list[Prediction]:
    """Each picture's classes.

    Raises:
        ImageError: a picture cannot be read.
    """
    pictures = [read_picture(path, negate) for path in paths]
    pixels = torch.stack([picture.pixels for picture in pictures])
    labels = torch.zeros(len(pixels), dtype=torch.long)  # unknown, and not looked at
    rows = evaluation.predict(network, Images(pixels, labels)).tolist()
    return [
        Prediction(path, picture.steps, probabilities=tuple(row))
        for path, picture, row in zip(paths, pictures, rows, strict=True)
    ]


def reconstruct(
    network: Autoencoder, paths: Sequence[Path], negate: bool | None, out: Path | None
) -> list[Prediction]:
    """Each picture encoded and decoded, written as PNG.

    Args:
        network: the autoencoder.
        paths: pictures.
        negate: see :func:`studies.data.picture_files.read_picture`.
        out: folder to write to; None is each picture's own.

    Raises:
        ImageError: a picture cannot be read, or a reconstruction's file is there already.
    """
    pictures = [read_picture(path, negate) for path in paths]
    targets = [(out or path.parent) / f"{path.stem}-reconstructed.png" for path in paths]
    for target in targets:
        if target.exists() or targets.count(target) > 1:
            problem = "is there already" if target.exists() else "would be written twice"
            raise ImageError(f"{target} {problem}; choose another folder with --out")
    pixels = torch.stack([picture.pixels for picture in pictures])
    decoded = evaluation.reconstruct(network, pixels)
    losses = evaluation.reconstruction_errors(network, pixels).tolist()
    for target, image in zip(targets, decoded, strict=True):
        write_picture(target, image)
    return [
        Prediction(path, picture.steps, loss=loss, reconstruction=target)
        for path, picture, loss, target in zip(paths, pictures, losses, targets, strict=True)
    ]
