"""Whether a picture is like those that a network learned from: novelty detection by two scores.

Of the pixels, the likelihood under one Gaussian of the training images: noise, other grounds and
photographs are far from all of them. Of the encoder's latent map, the relative Mahalanobis distance
(Ren et al. 2021, arXiv:2106.09022): how much farther a picture is from its nearest class than from
the images as a whole; letters and digits are. Which scores find what is measured by
``python -m benchmarks.novelty``.
"""

from dataclasses import dataclass, fields
from math import sqrt
from typing import Self

import torch
from torch import Tensor

from spaces.autoencoder import IMAGE_SIZE
from spaces.classifier import N_CLASSES
from studies.data.images import Images
from studies.networks.evaluation import encode
from studies.networks.plain import Autoencoder, Classifier

FORMAT = 1
"""Of what is remembered; another number is another way to score, of which no use is made."""

N_IMAGES = 10_000
"""Training images that the statistics are taken of."""
PIXEL_AXES = 16
LATENT_AXES = 32
"""Principal axes that are kept, at most."""
LEAST_NOISE = 1e-3
"""Least variance of a pixel in [0, 1]: eight grey levels are nothing that a ground may not have."""
SHARE = 0.005
"""Of the validation images that each score finds unusual."""
EMPTY = 8.0
"""Standard deviation of a picture's grey levels, 0 to 255, below which there is nothing in it; of
the 60,000 training images none has less than 16."""


@dataclass(frozen=True)
class Novelty:
    """What is remembered of the training images, float32; D is the size of the latent map."""

    pixel_mean: Tensor
    """(784,), of pixels in [0, 1]."""
    pixel_scale: Tensor
    """(784,): one over the standard deviation of what the axes leave."""
    pixel_axes: Tensor
    """(784, 16): what the axes explain of the scaled distance."""
    latent_mean: Tensor
    """(D,)."""
    latent_axes: Tensor
    """(D, 32): principal axes that give all images together a variance of 1."""
    class_means: Tensor
    """(10, 32), on these axes."""
    class_scale: Tensor
    """(32, 32): gives each class's images a variance of 1 about its mean."""
    limits: Tensor
    """(2,): the scores above which a picture is unusual."""

    @classmethod
    def fit(cls, network: Autoencoder | Classifier, train: Images, validation: Images) -> Self:
        """Statistics of training images, limits by validation images that are not among them."""
        some = train.first(N_IMAGES)
        latent = _of_latent_maps(_latent(network, some.pixels), some.labels)
        fitted = cls(*_of_pixels(some.pixels), *latent, limits=torch.zeros(2))
        scores = fitted.scores(network, validation.pixels)
        limits = scores.quantile(1 - SHARE, dim=0)
        return cls(**{**vars(fitted), "limits": limits})

    def scores(self, network: Autoencoder | Classifier, pixels: Tensor) -> Tensor:
        """How unusual images are by pixels and by latent map: float32 (N, 2), higher is stranger.

        Args:
            network: whose latent maps the statistics are of.
            pixels: uint8 (N, 28, 28).
        """
        away = _flat(pixels) - self.pixel_mean
        explained = (away @ self.pixel_axes).square().sum(1)
        by_pixels = (away * self.pixel_scale).square().sum(1) - explained
        on_axes = (_latent(network, pixels) - self.latent_mean) @ self.latent_axes
        from_classes = torch.cdist(on_axes @ self.class_scale, self.class_means @ self.class_scale)
        by_latent = from_classes.square().amin(1) - on_axes.square().sum(1)
        return torch.stack([by_pixels, by_latent], dim=1)

    def are_unusual(self, network: Autoencoder | Classifier, pixels: Tensor) -> Tensor:
        """Whether any score is above its limit: bool (N,) of uint8 (N, 28, 28)."""
        return (self.scores(network, pixels) > self.limits).any(1)

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def like(cls, network: Autoencoder | Classifier) -> Self:
        """One of the right shapes, without values."""
        n, size = IMAGE_SIZE**2, _latent(network, torch.zeros(1, IMAGE_SIZE, IMAGE_SIZE)).shape[1]
        k = min(LATENT_AXES, size)
        shapes = ((n,), (n,), (n, PIXEL_AXES), (size,), (size, k), (N_CLASSES, k), (k, k), (2,))
        return cls(*(torch.empty(shape, device="meta") for shape in shapes))


def are_empty(pixels: Tensor) -> Tensor:
    """Whether there is nothing in images: bool (N,) of uint8 (N, 28, 28)."""
    return pixels.flatten(1).float().std(dim=1) < EMPTY


def _of_pixels(pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Factor analysis by principal axes: mean, scale, axes.

    The distance under the covariance ``L Lᵀ + noise`` is, by the Woodbury identity, that under the
    noise alone less what the axes explain of it.
    """
    flat = _flat(pixels)
    covariance = flat.T.cov()
    sizes, axes = torch.linalg.eigh(covariance)
    loadings = axes[:, -PIXEL_AXES:] * sizes[-PIXEL_AXES:].clamp(min=0).sqrt()
    noise = (covariance.diag() - loadings.square().sum(1)).clamp(min=0) + LEAST_NOISE
    scaled = loadings / noise[:, None]
    inner = torch.linalg.inv(torch.eye(PIXEL_AXES) + loadings.T @ scaled)
    return flat.mean(0), noise.rsqrt(), scaled @ torch.linalg.cholesky(inner)


def _of_latent_maps(maps: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean, axes, class means and class scale of maps (N, D)."""
    mean = maps.mean(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        n_axes = min(LATENT_AXES, *maps.shape)
        _, sizes, axes = torch.pca_lowrank(maps - mean, q=n_axes, center=False)
    axes = axes * (sqrt(len(maps) - 1) / sizes.clamp(min=1e-3))
    on_axes = (maps - mean) @ axes
    class_means = torch.stack([on_axes[labels == c].mean(0) for c in range(N_CLASSES)])
    within = (on_axes - class_means[labels]).T.cov() + 1e-3 * torch.eye(n_axes)
    return mean, axes, class_means, torch.linalg.cholesky(torch.linalg.inv(within))


def _latent(network: Autoencoder | Classifier, pixels: Tensor) -> Tensor:
    """Latent maps, flattened: float32 (N, D) of uint8 (N, 28, 28)."""
    return encode(network, pixels).flatten(1)


def _flat(pixels: Tensor) -> Tensor:
    """Pixels in [0, 1]: float32 (N, 784) of uint8 (N, 28, 28)."""
    return pixels.flatten(1).float() / 255
