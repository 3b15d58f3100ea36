"""Pictures of any size and kind as Fashion-MNIST's images are: 28×28, grey, light on black.

The steps are those by which the data set was made from a shop's photographs (Xiao et al. 2017,
arXiv:1708.07747, Sec. 2): trim the edges, fit the longer side, centre, negate, make grey. What is
28×28 already is neither trimmed nor resized.
"""

import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError
from torch import Tensor

from spaces.autoencoder import IMAGE_SIZE
from spaces.bounded import open_regular
from spaces.errors import ImageError

EDGE_TOLERANCE = 0.05
"""Difference from the corners' brightness up to which an edge is trimmed, as a share of the whole
range; the data set's own value."""

MAX_PIXELS = 100_000_000
"""Larger pictures are refused before they are unpacked."""

ENLARGED = 10
"""Screen pixels that a pixel gets where pictures are shown to people."""


class Picture(NamedTuple):
    """A picture as networks take it."""

    pixels: Tensor
    """uint8 (28, 28), 0 black to 255 white."""
    steps: tuple[str, ...]
    """What was done to it, in words; empty for what was right already."""


def read_picture(path: Path, negate: bool | None = None) -> Picture:
    """Read and convert a picture.

    Args:
        path: a file in any format that Pillow reads.
        negate: whether dark clothing on light ground is turned into its negative; None looks at the
            corners. Of the 60,000 training images none is misjudged by them.

    Raises:
        ImageError: it cannot be read.
    """
    grey, steps = _grey(_opened(path))
    corners = np.median(grey[:: max(1, grey.shape[0] - 1), :: max(1, grey.shape[1] - 1)])
    if negate is None:
        negate = bool(corners > 127)
    if negate:
        grey, corners = 255 - grey, 255 - corners
        steps.append("negated, to light clothing on black")
    if grey.shape != (IMAGE_SIZE, IMAGE_SIZE):
        grey = _fitted(grey, float(corners), steps)
    return Picture(torch.from_numpy(grey.round().clip(0, 255).astype(np.uint8)), tuple(steps))


def write_side_by_side(path: Path, images: Mapping[str, Tensor]) -> None:
    """Write images, uint8 (28, 28), side by side, enlarged and named, in the format of the ending.

    Raises:
        ImageError: it cannot be written.
    """
    tile, gap, text = IMAGE_SIZE * ENLARGED, 12, 18
    whole = Image.new("L", (len(images) * (tile + gap) + gap, gap + tile + 2 * text), "white")
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(text)
    for place, (name, pixels) in enumerate(images.items()):
        left = gap + place * (tile + gap)
        small = Image.fromarray(pixels.numpy())
        whole.paste(small.resize((tile, tile), Image.Resampling.NEAREST), (left, gap))
        draw.text((left + tile / 2, gap + tile + text), name, "black", font, anchor="mm")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole.save(path)
    except OSError as error:
        raise ImageError(f"cannot write {path}: {error.strerror or error}") from error


def _opened(path: Path) -> Image.Image:
    """The picture, unpacked, as its camera was held."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures and odd metadata
            with open_regular(path) as file, Image.open(file, formats=_formats()) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                image.load()
                return ImageOps.exif_transpose(image)
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: not a picture in a format that can be read") from error
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror or error}") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{path}: more than {MAX_PIXELS:,} pixels; make it smaller") from error
    except (ValueError, SyntaxError, EOFError) as error:
        raise ImageError(f"{path}: a damaged picture: {error}") from error


@cache
def _formats() -> tuple[str, ...]:
    """All that Pillow reads itself; for EPS it runs Ghostscript on what somebody else wrote."""
    Image.init()
    return tuple(name for name in Image.ID if name != "EPS")


def _grey(image: Image.Image) -> tuple[np.ndarray, list[str]]:
    """Brightness from 0 to 255, float64 (height, width), and what was done."""
    steps = []
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image).convert("RGB")
        steps.append("transparent parts made white")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _from_deep(np.asarray(image, dtype=np.float64), steps), steps
    if image.mode != "L":
        if image.mode != "1":
            steps.append("made grey")
        image = image.convert("L")
    return np.asarray(image, dtype=np.float64), steps


def _from_deep(values: np.ndarray, steps: list[str]) -> np.ndarray:
    """Brightness from pixels of 16 bits, or of floating point in [0, 1] or [0, 255]."""
    values = np.nan_to_num(values)
    largest = values.max()
    whole_range = 1.0 if largest <= 1 else 255.0 if largest <= 255 else 65535.0
    if whole_range != 255:
        steps.append(f"scaled from {whole_range:,.0f} to 255 levels")
    return values * (255 / whole_range)


def _fitted(grey: np.ndarray, ground: float, steps: list[str]) -> np.ndarray:
    """Trimmed, its longer side made 28 pixels, and in the middle of a square of its ground."""
    height, width = grey.shape
    grey = _trimmed(grey, ground)
    if grey.shape != (height, width):
        steps.append(f"trimmed from {width}×{height} to {grey.shape[1]}×{grey.shape[0]} pixels")
    share = IMAGE_SIZE / max(grey.shape)
    rows, columns = (max(1, round(side * share)) for side in grey.shape)
    how = Image.Resampling.BOX if share < 1 else Image.Resampling.BICUBIC
    small = np.asarray(Image.fromarray(grey.astype(np.float32)).resize((columns, rows), how))
    square = np.full((IMAGE_SIZE, IMAGE_SIZE), ground)
    top, left = (IMAGE_SIZE - rows) // 2, (IMAGE_SIZE - columns) // 2
    square[top : top + rows, left : left + columns] = small
    steps.append(f"{'reduced' if share < 1 else 'enlarged'} to {columns}×{rows}")
    if rows != columns:
        steps.append("centred in 28×28")
    return square


def _trimmed(grey: np.ndarray, ground: float) -> np.ndarray:
    """Without the rows and columns at the edges that differ little from the ground."""
    differs = np.abs(grey - ground) > EDGE_TOLERANCE * 255
    rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
    if not len(rows):
        return grey
    return grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
