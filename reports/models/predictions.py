"""What an exported model makes of pictures: classes' probabilities, or reconstructions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spaces.errors import ImageError
from studies.data.images import CLASS_NAMES, Images
from studies.data.picture_files import Picture, read_picture, write_side_by_side
from studies.networks import evaluation
from studies.networks.exported import ExportedModel
from studies.networks.novelty import Novelty, are_empty
from studies.networks.plain import Autoencoder, Classifier

EMPTY = "the picture is empty; ignore the result"
UNUSUAL = "unlike the training images; do not rely on the result"


@dataclass(frozen=True)
class Prediction:
    """One picture's."""

    path: Path
    steps: tuple[str, ...] = ()
    """How the picture was converted, in words."""
    probabilities: tuple[float, ...] | None = None
    """Of the ten classes, from a classifier."""
    loss: float | None = None
    """An autoencoder's mean squared error over pixels in [−1, 1]."""
    reconstruction: Path | None = None
    """The file that shows what an autoencoder saw, and its reconstruction."""
    warning: str | None = None
    """Why the result is not to be relied on."""
    error: str | None = None
    """Why there is no result; names the file."""

    def ranked(self) -> list[tuple[str, float]]:
        """Classes and their probabilities, the most probable first."""
        pairs = zip(CLASS_NAMES, self.probabilities or (), strict=False)
        return sorted(pairs, key=lambda pair: -pair[1])

    def in_short(self) -> str:
        """The most probable class, or the reconstruction's file."""
        return str(self.reconstruction) if self.probabilities is None else self.ranked()[0][0]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        table: dict[str, Any] = {"picture": str(self.path)}
        if self.error is not None:
            return {**table, "error": self.error}
        table |= {"converted": list(self.steps), "warning": self.warning}
        if self.probabilities is None:
            return {**table, "loss": self.loss, "reconstruction": str(self.reconstruction)}
        return {**table, "class": self.ranked()[0][0], "probabilities": dict(self.ranked())}


def predict(
    model: ExportedModel,
    paths: Sequence[Path],
    negate: bool | None = None,
    out: Path | None = None,
) -> list[Prediction]:
    """What the model makes of each picture; one that cannot be read or written stops no other.

    Args:
        model: a classifier, or an autoencoder, whose reconstructions are written as PNG.
        paths: pictures.
        negate: see :func:`studies.data.picture_files.read_picture`.
        out: folder for reconstructions; None is each picture's own.
    """
    pictures: dict[int, Picture] = {}
    done = [Prediction(path) for path in paths]
    for i, path in enumerate(paths):
        try:
            pictures[i] = read_picture(path, negate)
        except ImageError as error:
            done[i] = Prediction(path, error=str(error))
    if not pictures:
        return done
    pixels = torch.stack([picture.pixels for picture in pictures.values()])
    network = model.network()
    if isinstance(network, Classifier):
        found = _classified(network, pixels)
    else:
        found = _reconstructed(network, pixels, [paths[i] for i in pictures], out)
    warnings = _warnings(network, model.novelty, pixels)
    for (i, picture), fields, warning in zip(pictures.items(), found, warnings, strict=True):
        done[i] = Prediction(paths[i], picture.steps, warning=warning, **fields)
    return done


def _classified(network: Classifier, pixels: Tensor) -> list[dict[str, Any]]:
    labels = torch.zeros(len(pixels), dtype=torch.long)  # unknown, and not looked at
    rows = evaluation.predict(network, Images(pixels, labels)).tolist()
    return [{"probabilities": tuple(row)} for row in rows]


def _reconstructed(
    network: Autoencoder, pixels: Tensor, paths: Sequence[Path], out: Path | None
) -> list[dict[str, Any]]:
    decoded = evaluation.reconstruct(network, pixels)
    losses = evaluation.reconstruction_errors(network, pixels).tolist()
    found: list[dict[str, Any]] = []
    for path, seen, image, loss in zip(paths, pixels, decoded, losses, strict=True):
        target = (out or path.parent) / f"{path.stem}-reconstructed.png"
        try:
            if target.exists():
                raise ImageError(f"{target} exists already; choose another folder with --out")
            write_side_by_side(target, {"seen": seen, "reconstructed": image})
            found.append({"loss": loss, "reconstruction": target})
        except ImageError as error:
            found.append({"error": str(error)})
    return found


def _warnings(
    network: Autoencoder | Classifier, novelty: Novelty | None, pixels: Tensor
) -> list[str | None]:
    empty = are_empty(pixels).tolist()
    unusual = [False] * len(pixels)
    if novelty is not None:
        unusual = novelty.are_unusual(network, pixels).tolist()
    both = zip(empty, unusual, strict=True)
    return [EMPTY if is_empty else UNUSUAL if strange else None for is_empty, strange in both]
