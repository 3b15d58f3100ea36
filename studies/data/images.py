"""Fashion-MNIST as tensors, and the one way it is split for everybody.

Reads verified, uncompressed files from a folder (``studies.data.fetch`` provides one). The files
are mapped, not read, and a split only says which of their images it means: all processes of a
machine share one copy in memory.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from spaces.budget import PARTS, Budget
from studies.data import idx_files
from studies.data.idx_files import DataFile, verify

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""What the labels 0 to 9 mean, as the data set's own documentation names them."""

SPLIT_SEED = 0
"""Decides which training images validate; one for everybody, or results could not be compared."""


class Batch(NamedTuple):
    """Some images, or what a frozen encoder made of them."""

    pixels: Tensor
    """uint8 (N, 28, 28), or float32 (N, channels, height, width)."""
    labels: Tensor
    """int64 (N,)."""


@dataclass(frozen=True)
class Images:
    """Images and what they show: some or all of a file, which stays where it is."""

    stored: Tensor
    """uint8 (M, 28, 28), 0 black to 255 white: the whole file, mapped, so that all processes of a
    machine share its one copy in memory. Of what a frozen encoder made of images, float32 (M,
    channels, height, width)."""
    labels: Tensor
    """int64 (N,), 0 to 9, as cross-entropy takes them."""
    rows: Tensor | None = None
    """int64 (N,): which of the stored images these are, in order; None for all of them."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self.labels)

    @property
    def pixels(self) -> Tensor:
        """The images themselves, uint8 (N, 28, 28); a copy unless they are the whole file."""
        return self.stored if self.rows is None else self.stored[self.rows]

    def batches(
        self, size: int, order: Tensor | None = None, joins_single: bool = False
    ) -> Iterator[Batch]:
        """``size`` images at a time, the last ones fewer.

        Args:
            size: images a batch.
            order: int64 (N,), a permutation; None for the order they have.
            joins_single: let an image that would be a batch of its own, of which batch norm has no
                variance, join the batch before.
        """
        if order is None:
            order = torch.arange(len(self))
        chunks = list(torch.split(order, size))
        if joins_single and len(chunks) > 1 and len(chunks[-1]) == 1:
            chunks[-2:] = [torch.cat(chunks[-2:])]
        for chosen in chunks:
            rows = chosen if self.rows is None else self.rows[chosen]
            yield Batch(self.stored.index_select(0, rows), self.labels[chosen])

    def first_where(self, chosen: Tensor) -> Tensor:
        """The first of the images that ``chosen``, bool (N,), says: uint8 (28, 28)."""
        row = int(chosen.int().argmax())
        return self.stored[row if self.rows is None else int(self.rows[row])]

    def first(self, n: int) -> "Images":
        """The first ``n`` of them."""
        rows = torch.arange(len(self)) if self.rows is None else self.rows
        return Images(self.stored, self.labels[:n], rows[:n])


class Split(NamedTuple):
    """What a trial learns from and what it is judged by."""

    train: Images
    validation: Images


def load_split(folder: Path, budget: Budget) -> Split:
    """The images of a budget's protocol, or a subset of them.

    The search protocol cuts 10,000 validation images out of the 60,000 training images, 1,000 of
    each class, and never opens the test files. The paper protocol validates on the test images.
    The final protocol trains on all training images and validates on none.
    A subset has each class equally often (to within one image) and is part of every larger one.
    Images stay in the order of their file.

    Args:
        folder: holds the uncompressed files the protocol needs.
        budget: says which protocol, and how many images.

    Raises:
        DataError: a file is missing or not what it must be.
    """
    train = load_train(folder)
    if budget.protocol == "final":
        chosen = take_evenly(shuffled_by_class(train.labels), budget.subset or len(train))
        return Split(_pick(train, chosen), train.first(0))
    if budget.protocol == "paper":
        judged_by = load_test(folder)
        pools = shuffled_by_class(train.labels), shuffled_by_class(judged_by.labels)
    else:
        judged_by = train
        pools = split_by_class(train.labels)
    if budget.subset is None:
        return Split(_pick(train, pools[0]), _pick(judged_by, pools[1]))
    n_validation = budget.n_judging
    n_train = budget.subset - n_validation
    return Split(
        _pick(train, take_evenly(pools[0], n_train)),
        _pick(judged_by, take_evenly(pools[1], n_validation)),
    )


def load_train(folder: Path) -> Images:
    """The 60,000 training images.

    Raises:
        DataError: a file is missing or not what it must be.
    """
    return _load(folder, *idx_files.FILES[:2])


def load_test(folder: Path) -> Images:
    """The 10,000 test images.

    Raises:
        DataError: a file is missing or not what it must be.
    """
    return _load(folder, *idx_files.FILES[2:])


def class_counts(images: Images) -> tuple[int, ...]:
    """How many images each of the ten classes has."""
    return tuple(torch.bincount(images.labels, minlength=len(CLASS_NAMES)).tolist())


def shuffled_by_class(labels: Tensor) -> list[Tensor]:
    """For each class the indices of its images, in an order that SPLIT_SEED alone decides."""
    # Of all generators at hand only this one's numbers are promised never to change.
    generator = random.Random(SPLIT_SEED)
    keys = torch.tensor([generator.random() for _ in range(len(labels))], dtype=torch.float64)
    order = keys.argsort()
    return [order[labels[order] == label] for label in range(len(CLASS_NAMES))]


def split_by_class(labels: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Indices for training and for validation, class by class: five sixths and one sixth."""
    pools = [(indices, len(indices) // PARTS["search"]) for indices in shuffled_by_class(labels)]
    return [indices[n:] for indices, n in pools], [indices[:n] for indices, n in pools]


def take_evenly(pools: list[Tensor], n: int) -> list[Tensor]:
    """The first of each class's indices, ``n`` in all; the first classes give any remainder."""
    each, remainder = divmod(n, len(pools))
    return [pool[: each + (label < remainder)] for label, pool in enumerate(pools)]


def _pick(images: Images, pools: list[Tensor]) -> Images:
    indices = torch.cat(pools).sort().values
    if len(indices) == len(images.labels):
        return images
    return Images(images.stored, images.labels[indices], indices)


def _load(folder: Path, pixels_file: DataFile, labels_file: DataFile) -> Images:
    for file in (pixels_file, labels_file):
        verify(folder / file.name, file)
    pixels = _map(folder / pixels_file.name, pixels_file.n_bytes)[16:].view(-1, 28, 28)
    labels = _map(folder / labels_file.name, labels_file.n_bytes)[8:].long()
    return Images(pixels, labels)


def _map(path: Path, n_bytes: int) -> Tensor:
    """A verified file's bytes, uint8; writing to them would change this process's view only."""
    # The idx format's header is 4 bytes and 4 more for each dimension: 16 and 8, checked with the
    # rest of the file by its SHA-256.
    return torch.from_file(str(path), shared=False, size=n_bytes, dtype=torch.uint8)


def first_of_each_class(images: Images) -> Tensor:
    """The first image of each class, uint8 (10, 28, 28)."""
    labels = range(len(CLASS_NAMES))
    return torch.stack([images.first_where(images.labels == label) for label in labels])
