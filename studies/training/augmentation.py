"""Training images, changed a little at random each time they are seen. Imports torch alone."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from spaces.recipe import TrainingRecipe

HOLE_SIDES = (4, 12)
"""Shortest and longest side of an erased rectangle in pixels."""


class Augmented(NamedTuple):
    """A batch, changed."""

    seen: Tensor
    """uint8 (N, 28, 28): what the network sees."""
    whole: Tensor
    """uint8 (N, 28, 28): the same without holes, an autoencoder's target."""


def augment(pixels: Tensor, config: TrainingRecipe, generator: torch.Generator) -> Augmented:
    """Move, mirror and erase as the configuration says.

    Args:
        pixels: uint8 (N, 28, 28).
        config: its ``shift``, ``flip`` and ``erasing``.
        generator: decides what happens to which image.
    """
    if config.shift:
        pixels = _shifted(pixels, config.shift, generator)
    if config.flip:
        mirrored = torch.rand(len(pixels), generator=generator) < 0.5
        pixels = torch.where(mirrored[:, None, None], pixels.flip(2), pixels)
    if not config.erasing:
        return Augmented(pixels, pixels)
    return Augmented(pixels * ~_holes(pixels, config.erasing, generator), pixels)


def _shifted(pixels: Tensor, reach: int, generator: torch.Generator) -> Tensor:
    """Each image moved by its own whole number of pixels each way; black comes in."""
    n, size, _ = pixels.shape
    padded = functional.pad(pixels, (reach, reach, reach, reach))
    offsets = torch.randint(2 * reach + 1, (2, n, 1), generator=generator)
    rows, columns = offsets + torch.arange(size)  # each (N, 28)
    moved: Tensor = padded[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved


def _holes(pixels: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Bool (N, 28, 28): where images are erased."""
    n, size, _ = pixels.shape
    low, high = HOLE_SIDES
    sides = torch.randint(low, high + 1, (2, n, 1), generator=generator)
    starts = (torch.rand(2, n, 1, generator=generator) * (size - sides + 1)).long()
    line = torch.arange(size)
    down, across = (line >= starts) & (line < starts + sides)  # each (N, 28)
    erased = torch.rand(n, generator=generator) < probability
    holes: Tensor = down[:, :, None] & across[:, None, :] & erased[:, None, None]
    return holes
