"""Pictures of what a trial's network does, kept as its artifacts when its training ends.

They are PNG files, small and drawn in milliseconds.
"""

import io
import math
from collections.abc import Iterator, Sequence
from functools import cache

import torch
from optuna.trial import Trial
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from spaces.classifier import N_CLASSES
from studies.data.images import CLASS_NAMES, Images, first_of_each_class
from studies.networks import evaluation
from studies.networks.exported import CONFUSION, RECONSTRUCTIONS
from studies.networks.plain import Autoencoder, Classifier
from studies.storage.artifacts import ArtifactStore
from studies.storage.noted_files import put
from studies.training.metrics import EpochMetrics, Outcome

MADE_BY = "fmnist-search"
"""What every picture says in its PNG text ``Software``, by which it is known as ours."""

SCALE = 3
"""Screen pixels a pixel of Fashion-MNIST gets."""
TILE = 28 * SCALE
GAP = 4
TEXT = 13
"""Size of letters, in pixels."""

WHITE, BLACK, GREY, PALE = (255, 255, 255), (30, 30, 30), (120, 120, 120), (225, 225, 225)
BLUE, ORANGE = (31, 95, 170), (215, 120, 20)

Color = tuple[int, int, int]
Spot = tuple[float, float]


def keep(
    store: ArtifactStore,
    trial: Trial,
    history: Sequence[EpochMetrics],
    outcome: Outcome | None,
    validation: Images,
) -> None:
    """Put the trial's pictures into the store, under 100 kB in all.

    Args:
        store: where artifacts are.
        trial: still running, as Optuna takes no artifacts for finished ones.
        history: its epochs.
        outcome: what its training left after the last of them; None if that is not at hand.
        validation: the images it was judged by.
    """
    for name, png in _pictures(history, outcome, validation):
        put(store, trial, name, png)


def _pictures(
    history: Sequence[EpochMetrics], outcome: Outcome | None, validation: Images
) -> Iterator[tuple[str, bytes]]:
    """File names and contents, in the order in which a person wants to see them."""
    if outcome is not None and outcome.reconstructions is not None:
        originals = first_of_each_class(validation)
        yield RECONSTRUCTIONS, reconstructions(originals, outcome.reconstructions)
    if outcome is not None and outcome.predictions is not None:
        counts = evaluation.confusion_matrix(validation.labels, outcome.predictions)
        yield CONFUSION, confusion(counts)
        confused = most_confused(validation, outcome.predictions)
        if confused is not None:
            yield "most-confused.png", confused
    yield "learning-curve.png", learning_curve(history)


def of_network(
    network: Autoencoder | Classifier, images: Images, counts: Sequence[Sequence[int]] | None
) -> tuple[str, bytes]:
    """The one picture that shows what a network does: file name and content.

    Args:
        network: of an autoencoder the first image of each class is reconstructed.
        images: those it was judged by.
        counts: a classifier's confusion matrix, a row for each true class.
    """
    if isinstance(network, Classifier):
        return CONFUSION, confusion(torch.tensor(counts))
    originals = first_of_each_class(images)
    return RECONSTRUCTIONS, reconstructions(originals, evaluation.reconstruct(network, originals))


def reconstructions(originals: Tensor, given_back: Tensor, columns: int = 5) -> bytes:
    """Images above what an autoencoder made of them.

    Args:
        originals: uint8 (N, 28, 28).
        given_back: uint8 (N, 28, 28).
        columns: images side by side.
    """
    left, pair = 106, 2 * (TILE + GAP) + GAP
    width = left + columns * (TILE + GAP)
    image, draw = _canvas(width, math.ceil(len(originals) / columns) * pair + GAP)
    for place in range(len(originals)):
        row, column = divmod(place, columns)
        for i, (name, pixels) in enumerate(
            (("original", originals), ("reconstructed", given_back))
        ):
            top = GAP + row * pair + i * (TILE + GAP)
            if column == 0:
                draw.text((8, top + TILE / 2), name, BLACK, _font(), anchor="lm")
            image.paste(_enlarged(pixels[place]), (left + column * (TILE + GAP), top))
    return _png(image.convert("L"))


def confusion(counts: Tensor) -> bytes:
    """The confusion matrix with its class names; the darker, the larger the row's share.

    Args:
        counts: int64 (10, 10), a row for each true class.
    """
    left, top, cell = 112, 96, 46
    image, draw = _canvas(left + N_CLASSES * cell + GAP, top + N_CLASSES * cell + GAP)
    legend = ("rows: true", "columns:", "predicted")
    for line, text in enumerate(legend):
        draw.text((8, 16 + 17 * line), text, GREY, _font(), anchor="lm")
    shares = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    for i, name in enumerate(CLASS_NAMES):
        draw.text((left - 8, top + (i + 0.5) * cell), name, BLACK, _font(), anchor="rm")
        _upright(image, name, left + int((i + 0.5) * cell), top - 8)
        for j in range(N_CLASSES):
            share, n = float(shares[i, j]), int(counts[i, j])
            x, y = left + j * cell, top + i * cell
            shade = _between(WHITE, BLUE if i == j else ORANGE, math.sqrt(share))
            draw.rectangle((x, y, x + cell - 2, y + cell - 2), shade)
            if n:
                color = WHITE if share > 0.4 else BLACK
                middle = (x + cell / 2 - 1, y + cell / 2)
                draw.text(middle, f"{n:,}", color, _font(), anchor="mm")
    return _png(image)


def most_confused(images: Images, predicted: Tensor, n_pairs: int = 10) -> bytes | None:
    """An example of each of the pairs of classes that are mixed up most, the worst first.

    Args:
        images: N of them.
        predicted: (N,), the classes they were taken for.
        n_pairs: pairs at most.

    Returns:
        None if every image was taken for what it shows.
    """
    counts = evaluation.confusion_matrix(images.labels, predicted)
    pairs = evaluation.most_confused(counts, n_pairs)
    if not pairs:
        return None
    width, columns, height = 140, 5, TILE + 62
    rows = math.ceil(len(pairs) / columns)
    image, draw = _canvas(min(columns, len(pairs)) * width + GAP, rows * height + GAP)
    for place, (true, taken) in enumerate(pairs):
        wrong = (images.labels == true) & (predicted == taken)
        example = images.first_where(wrong)
        x, y = (place % columns) * width + width // 2, (place // columns) * height + 8
        image.paste(_enlarged(example), (x - TILE // 2, y))
        n, of = int(counts[true, taken]), int(counts[true].sum())
        lines = (
            (CLASS_NAMES[true], BLACK),
            (f"as {CLASS_NAMES[taken]}", ORANGE),
            (f"{n} of {of}", GREY),
        )
        for line, (text, color) in enumerate(lines):
            middle = (x, y + TILE + 11 + 16 * line)
            draw.text(middle, text, color, _font(), anchor="mm")
    return _png(image)


def learning_curve(history: Sequence[EpochMetrics]) -> bytes:
    """Loss over the epochs, training and validation; beside it accuracy, where there is one."""
    panels = [("loss", [m.train_loss for m in history], [m.validation_loss for m in history])]
    if history[0].validation_accuracy is not None:
        train = [m.train_accuracy or 0.0 for m in history]
        panels.append(("accuracy", train, [m.validation_accuracy or 0.0 for m in history]))
    width, height = 360, 280
    image, draw = _canvas(width * len(panels), height)
    for i, (name, train, validation) in enumerate(panels):
        epochs = [m.epoch for m in history]
        _panel(draw, (i * width, 0, (i + 1) * width, height), name, epochs, train, validation)
    return _png(image)


def _panel(
    draw: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    name: str,
    epochs: list[int],
    train: list[float],
    validation: list[float],
) -> None:
    left, top, right, bottom = box[0] + 62, box[1] + 34, box[2] - 16, box[3] - 40
    low, high, step = _round_range(min(train + validation), max(train + validation))
    span = max(1, epochs[-1] - epochs[0])

    def place(epoch: float, value: float) -> Spot:
        x = left + (right - left) * (epoch - epochs[0]) / span
        return x, bottom - (bottom - top) * (value - low) / (high - low)

    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    for tick in range(round((high - low) / step) + 1):
        value = low + tick * step
        y = place(epochs[0], value)[1]
        draw.line((left, y, right, y), PALE)
        draw.text((left - 6, y), f"{value:.{digits}f}", GREY, _font(), anchor="rm")
    for epoch in sorted({epochs[0], epochs[len(epochs) // 2], epochs[-1]}):
        x = place(epoch, low)[0]
        draw.text((x, bottom + 12), str(epoch), GREY, _font(), anchor="mm")
    draw.text(((left + right) / 2, bottom + 28), "epoch", GREY, _font(), anchor="mm")
    draw.text((box[0] + 8, 16), name, BLACK, _font(), anchor="lm")
    for values, color, label, x in (
        (train, ORANGE, "training", right - 150),
        (validation, BLUE, "validation", right - 70),
    ):
        points = [place(e, v) for e, v in zip(epochs, values, strict=True)]
        draw.line(points, color, width=2, joint="curve")
        for px, py in points if len(points) < 20 else ():
            draw.ellipse((px - 3, py - 3, px + 3, py + 3), color)
        draw.text((x, 16), label, color, _font(), anchor="lm")


def _round_range(low: float, high: float) -> tuple[float, float, float]:
    """A range of round numbers about the values, and the step between its lines."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(power * n for n in (1, 2, 5, 10) if span / (power * n) <= 5)
    return math.floor(low / step) * step, math.ceil(high / step + 1e-9) * step, step


def _canvas(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width, height), WHITE)
    return image, ImageDraw.Draw(image)


def _enlarged(pixels: Tensor) -> Image.Image:
    """An image, uint8 (28, 28), at the size that it is shown in."""
    height, width = pixels.shape
    small = Image.frombytes("L", (width, height), bytes(pixels.contiguous().flatten().tolist()))
    return small.resize((TILE, TILE), Image.Resampling.NEAREST)


def _upright(image: Image.Image, text: str, x: int, bottom: int) -> None:
    """Write from bottom to top, centred at ``x``."""
    width = math.ceil(_font().getlength(text))
    strip, draw = _canvas(width, TEXT + 6)
    draw.text((0, (TEXT + 6) / 2), text, BLACK, _font(), anchor="lm")
    image.paste(strip.rotate(90, expand=True), (x - (TEXT + 6) // 2, bottom - width))


def _between(start: Color, end: Color, share: float) -> Color:
    mixed = [round(a + (b - a) * share) for a, b in zip(start, end, strict=True)]
    return mixed[0], mixed[1], mixed[2]


def _png(image: Image.Image) -> bytes:
    text = PngInfo()
    text.add_text("Software", MADE_BY)
    file = io.BytesIO()
    if image.mode == "RGB":
        image = image.quantize(64)  # enough for a few hues and greys, in a third of the bytes
    image.save(file, "PNG", pnginfo=text)
    return file.getvalue()


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TEXT)
