"""How often ``predict`` warns: of real test images, and of pictures that are none.

    python -m benchmarks.novelty EXPORT...

Each EXPORT is a folder that ``fmnist-search export`` made. The scores that one could warn by are
compared at the same rate of warnings on the 10,000 validation images, 1 %: what of each kind of
picture they warn of, in percent, as mean and range over the folders. ``predict`` warns by
``both``, each at half the rate, and of what is empty. Statistics are of training images, limits of
validation images; test images only count warnings. Other pictures are made here, from fixed seeds;
handwritten digits and two photographs are scikit-learn's.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits, load_sample_images
from torch import Tensor
from torch.nn import functional

from spaces.budget import Budget
from studies.data.fetch import ensure_data
from studies.data.images import Images, Split, load_split, load_test
from studies.networks.evaluation import predict, reconstruction_errors
from studies.networks.exported import read_model
from studies.networks.novelty import Novelty, are_empty
from studies.networks.plain import Autoencoder, Classifier, scale_pixels

RATE = 0.01
N = 1_000
"""Pictures of a kind, at most; test images are all 10,000."""

Scores = dict[str, Tensor]


def kinds(test: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Name and pictures, uint8 (N, 28, 28), of each kind."""
    generator, rng, some = torch.Generator().manual_seed(0), np.random.default_rng(0), test[:N]
    yield "test images", test
    yield "blank, 128 greys", torch.arange(128, dtype=torch.uint8)[:, None, None].expand(-1, 28, 28)
    yield "noise", torch.randint(0, 256, some.shape, dtype=torch.uint8, generator=generator)
    yield "smooth noise", _smooth(torch.rand(N, 1, 7, 7, generator=generator))
    for spread in (20, 50):
        added = some + spread * torch.randn(some.shape, generator=generator)
        yield f"garment + noise of {spread} greys", added.clamp(0, 255).to(torch.uint8)
    salt = torch.rand(some.shape, generator=generator) < 0.1
    yield "garment, 10 % of pixels white", some.masked_fill(salt, 255)
    for ground in (8, 16, 32):
        yield f"garment on a ground of {ground} greys", some.clamp(min=ground)
    yield "inverted", 255 - some
    yield "rotated by 90°", some.rot90(1, (1, 2))
    yield "rotated by 180°", some.rot90(2, (1, 2))
    yield "mirrored", some.flip(2)
    for n in (2, 4, 8):
        yield f"shifted by {n} pixels", functional.pad(some, (n, 0))[:, :, :28]
    yield (
        "pixels shuffled",
        some.flatten(1)[:, torch.randperm(784, generator=generator)].view(-1, 28, 28),
    )
    yield "handwritten digits", _handwritten()
    yield "printed digits", _printed("0123456789", rng)
    yield "printed letters", _printed("ABCDEFGHIJKLMNOPQRSTUVWXYZ", rng)
    yield "discs, boxes, lines, triangles", _shapes(rng)
    yield "parts of photographs", _photographs(rng)


def _smooth(coarse: Tensor) -> Tensor:
    fine = functional.interpolate(coarse, size=28, mode="bicubic", align_corners=False)
    return (fine.clamp(0, 1) * 255).to(torch.uint8)[:, 0]


def _handwritten() -> Tensor:
    """1,797 digits of 8×8 pixels, made 20×20 and centred, as MNIST's are."""
    small = torch.from_numpy(load_digits().images).float()[:, None] / 16
    fine = functional.interpolate(small, size=20, mode="bicubic", align_corners=False)
    return functional.pad((fine.clamp(0, 1) * 255).to(torch.uint8)[:, 0], (4, 4, 4, 4))


def _printed(letters: str, rng: Generator) -> Tensor:
    def one(i: int) -> Image.Image:
        image = Image.new("L", (28, 28))
        x, y = (int(v) for v in rng.integers(12, 17, 2))
        font = ImageFont.load_default(int(rng.integers(18, 28)))
        wide = int(rng.integers(0, 2))
        letter = letters[i % len(letters)]
        ImageDraw.Draw(image).text((x, y), letter, 255, font, "mm", stroke_width=wide)
        return image.rotate(rng.uniform(-15, 15))

    return _stacked(one)


def _shapes(rng: Generator) -> Tensor:
    def one(i: int) -> Image.Image:
        image = Image.new("L", (28, 28))
        draw = ImageDraw.Draw(image)
        left, top = (int(v) for v in rng.integers(0, 9, 2))
        right, bottom = (int(v) for v in rng.integers(18, 28, 2))
        grey, box = int(rng.integers(100, 256)), (left, top, right, bottom)
        draws: tuple[Callable[[], None], ...] = (
            lambda: draw.ellipse(box, grey),
            lambda: draw.rectangle(box, grey),
            lambda: draw.line(box, grey, width=2),
            lambda: draw.polygon([(left, bottom), (14, top), (right, bottom)], grey),
        )
        draws[i % 4]()
        return image

    return _stacked(one)


def _photographs(rng: Generator) -> Tensor:
    """Squares of a temple and of a flower, light on dark by their corners as ``predict`` has it."""
    whole = [Image.fromarray(photo).convert("L") for photo in load_sample_images().images]

    def one(i: int) -> Image.Image:
        photo, side = whole[i % 2], int(rng.integers(56, 400))
        x, y = int(rng.integers(photo.width - side)), int(rng.integers(photo.height - side))
        part = photo.crop((x, y, x + side, y + side)).resize((28, 28), Image.Resampling.BOX)
        grey = np.asarray(part)
        return Image.fromarray(255 - grey) if np.median(grey[::27, ::27]) > 127 else part

    return _stacked(one)


def _stacked(one: Callable[[int], Image.Image]) -> Tensor:
    return torch.from_numpy(np.stack([np.asarray(one(i)) for i in range(N)]))


def all_scores(network: Autoencoder | Classifier, novelty: Novelty, pixels: Tensor) -> Scores:
    """What one could warn by, (N,) each; higher is stranger."""
    by_pixels, by_latent = novelty.scores(network, pixels).T
    found = {"Gaussian of pixels": by_pixels, "latent, rel. Mahalanobis": by_latent}
    if isinstance(network, Autoencoder):
        return {"squared error": reconstruction_errors(network, pixels), **found}
    images = Images(pixels, torch.zeros(len(pixels), dtype=torch.long))
    with torch.inference_mode():
        logits = torch.cat([network(scale_pixels(part)) for part in torch.split(pixels, 500)])
    own = {
        "largest probability": -predict(network, images).amax(1),
        "largest logit": -logits.amax(1),
        "energy": -logits.logsumexp(1),
    }
    return {**own, **found}


def rates(folder: Path, split: Split, test: Tensor) -> dict[str, dict[str, float]]:
    """Of each kind of picture the share that each score warns of, for one exported model."""
    model = read_model(folder)
    network, novelty = model.network(), model.novelty or Novelty.fit(model.network(), *split)
    validation = all_scores(network, novelty, split.validation.pixels)
    limits = {name: scores.quantile(1 - RATE) for name, scores in validation.items()}
    table = {}
    for kind, pixels in kinds(test):
        scores = all_scores(network, novelty, pixels)
        row = {name: float((scores[name] > limits[name]).float().mean()) for name in scores}
        warned = novelty.are_unusual(network, pixels) | are_empty(pixels)
        table[kind] = {**row, "both": float(warned.float().mean())}
    return table


def show(tables: list[dict[str, dict[str, float]]]) -> None:
    """Print a row for each kind of picture, as Markdown."""
    columns = list(tables[0]["test images"])
    print("| pictures |", " | ".join(columns), "|")
    print("|---|" + "---:|" * len(columns))
    for kind in tables[0]:
        cells = (_cell([100 * table[kind][name] for table in tables]) for name in columns)
        print(f"| {kind} |", " | ".join(cells), "|")


def _cell(values: list[float]) -> str:
    low, mean, high = (f"{value:.1f}" for value in (min(values), fmean(values), max(values)))
    return mean if low == high else f"{mean} ({low}–{high})"


def main() -> None:
    """Measure the folders and print a table for classifiers and one for autoencoders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("exports", metavar="EXPORT", type=Path, nargs="+")
    folders = parser.parse_args().exports
    torch.set_num_threads(1)
    data = ensure_data(None, partial(print, flush=True))
    split, test = load_split(data, Budget()), load_test(data).pixels
    by_stage: dict[str, list[Path]] = {}
    for folder in folders:
        by_stage.setdefault(read_model(folder).stage.name, []).append(folder)
    for stage, of_stage in by_stage.items():
        print(f"\n{stage}: {', '.join(map(str, of_stage))}\n")
        show([rates(folder, split, test) for folder in of_stage])


if __name__ == "__main__":
    main()
