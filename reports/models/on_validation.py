"""What trained networks make of the validation images. Computed here, drawn elsewhere."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from optuna.trial import FrozenTrial
from torch import Tensor

from reports.analysis.chosen_studies import Source, Sources
from spaces.errors import DataError
from spaces.paper import AUTOENCODERS
from studies.data.images import CLASS_NAMES, Images, first_of_each_class, load_split
from studies.networks.evaluation import (
    confusion_matrix,
    most_confused,
    predict,
    reconstruct,
    reconstruction_errors,
)
from studies.networks.plain import Autoencoder, Classifier, build
from studies.records import trials, weights
from studies.training.features import encoded

MAX_IMAGES = 2_000
"""Validation images that errors by class and the latent map are computed from: enough for two
digits, and quick."""
N_PAIRS = 5
N_EXAMPLES = 6
"""Images shown of each confused pair."""


class Trained(NamedTuple):
    """A trial and its network with the trained weights."""

    source: Source
    trial: FrozenTrial
    network: Autoencoder | Classifier


class ClassErrors(NamedTuple):
    """Mean squared error of each class's reconstructions, pixels in [−1, 1]."""

    best: list[float]
    baseline: list[float] | None
    n_images: int


class LatentMap(NamedTuple):
    """Latent maps of images on their first two principal components."""

    points: Tensor
    """float32 (N, 2)."""
    labels: Tensor
    shares: tuple[float, float]
    """Of the variance, that each component holds."""

    def by_class(self) -> list[list[list[float]]]:
        """For each class its images' first coordinates, and their second."""
        return [self.points[self.labels == i].T.tolist() for i in range(len(CLASS_NAMES))]


class ConfusedPair(NamedTuple):
    """Images of one class that were taken for another."""

    true: str
    predicted: str
    n: int
    share: float
    """Of the true class's images."""
    examples: Tensor
    """uint8 (n, 28, 28), those that the classifier was surest of first."""


def find_trained(source: Source) -> Trained | None:
    """The study's best trial whose weights are kept."""
    return _first(source, trials.ranked(source.own(), source.settings.direction))


def find_baseline(source: Source) -> Trained | None:
    """The paper's baseline autoencoder of the same study.

    One trained under the paper's protocol would have learned from the images that are shown.
    """
    name = AUTOENCODERS[0].name
    own = [t for t in source.completed() if t.user_attrs.get(trials.PAPER) == name]
    return _first(source, own)


def validation_images(sources: Sources, source: Source) -> Images | None:
    """What the study's trials were judged by; None where the data are not there."""
    if sources.data_folder is None:
        return None
    try:
        return load_split(sources.data_folder, source.settings.budget).validation
    except DataError:
        return None


def reconstructions(images: Images, best: Trained, baseline: Trained | None) -> dict[str, Tensor]:
    """The first image of each class, as it is and as the autoencoders give it back.

    Returns:
        uint8 (10, 28, 28) each: ``original``, ``baseline`` where there is one, ``best``.
    """
    shown = {"original": first_of_each_class(images)}
    for name, trained in (("baseline", baseline), ("best", best)):
        if trained is not None:
            assert isinstance(trained.network, Autoencoder)
            shown[name] = reconstruct(trained.network, shown["original"])
    return shown


def class_errors(images: Images, best: Trained, baseline: Trained | None) -> ClassErrors:
    """How well each class comes back."""
    some = images.first(MAX_IMAGES)
    other = None if baseline is None else _errors(baseline, some)
    return ClassErrors(_errors(best, some), other, len(some))


def latent_map(images: Images, trained: Trained) -> LatentMap:
    """Where the encoder puts images, seen along the two directions in which they differ most."""
    some = images.first(MAX_IMAGES)
    codes = encoded(trained.network.encoder, some, folder=None).pixels.flatten(1)
    with torch.inference_mode():
        centred = codes - codes.mean(dim=0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            _, sizes, axes = torch.pca_lowrank(centred, q=min(6, *centred.shape), center=False)
        points = centred @ axes[:, :2]
        # A component's sign means nothing; make the same picture every time.
        points = points * torch.where(points.abs().max(0).values == points.max(0).values, 1.0, -1.0)
    total = float(centred.square().sum()) or 1.0
    shares = [float(size) ** 2 / total for size in sizes[:2]]
    return LatentMap(points, some.labels, (shares[0], shares[1]))


def first_kernels(trained: Trained) -> Tensor:
    """The first convolution's kernels, float32 (channels, height, width)."""
    weight: Tensor = trained.network.encoder.get_submodule("conv1").get_parameter("weight")
    return weight.detach().squeeze(1)


def confused_pairs(images: Images, trained: Trained) -> list[ConfusedPair]:
    """The pairs of classes that are mistaken for each other the most, in that direction."""
    assert isinstance(trained.network, Classifier)
    sure, predicted = predict(trained.network, images).max(dim=1)
    counts = confusion_matrix(images.labels, predicted)
    pairs = []
    for true, other in most_confused(counts, N_PAIRS):
        rows = ((images.labels == true) & (predicted == other)).nonzero().flatten()
        surest = rows[sure[rows].argsort(descending=True, stable=True)][:N_EXAMPLES]
        share = len(rows) / int(counts[true].sum())
        names = CLASS_NAMES[true], CLASS_NAMES[other]
        pairs.append(ConfusedPair(*names, len(rows), share, images.pixels[surest]))
    return pairs


def _first(source: Source, ranked: Iterable[FrozenTrial]) -> Trained | None:
    """The first trial whose weights are kept."""
    return next((_load(source, t) for t in ranked if weights.is_kept(source.store, t)), None)


def _load(source: Source, trial: FrozenTrial) -> Trained:
    network = build(source.config_of(trial))
    network.load_state_dict(weights.load(source, trial))
    return Trained(source, trial, network.eval())


def _errors(trained: Trained, images: Images) -> list[float]:
    assert isinstance(trained.network, Autoencoder)
    each = reconstruction_errors(trained.network, images.pixels)
    return [float(each[images.labels == label].mean()) for label in range(len(CLASS_NAMES))]
