from pathlib import Path

import pytest
import torch
from torch import Tensor

from spaces.autoencoder import AutoencoderConfig
from spaces.classifier import ClassifierConfig
from spaces.space import Configuration
from studies.data.images import Split, load_test
from studies.networks.novelty import SHARE, Novelty, are_empty
from studies.networks.plain import build

SMALL = AutoencoderConfig(conv1_channels=4, conv2_channels=6)
CONFIGS = (SMALL, ClassifierConfig(encoder=AutoencoderConfig(n_blocks=3, conv3_channels=8)))


@pytest.fixture(scope="module", params=CONFIGS, ids=("autoencoder", "classifier"))
def fitted(request: pytest.FixtureRequest, small_split: Split) -> tuple[Configuration, Novelty]:
    torch.manual_seed(0)
    return request.param, Novelty.fit(build(request.param), *small_split)


def noise(n: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 28, 28), dtype=torch.uint8, generator=generator)


def test_noise_and_inverted_pictures_are_unusual_and_garments_are_not(
    fitted: tuple[Configuration, Novelty], small_split: Split
) -> None:
    config, novelty = fitted
    torch.manual_seed(0)
    network = build(config)
    garments = small_split.validation.pixels
    assert novelty.are_unusual(network, noise(20)).all()
    assert novelty.are_unusual(network, 255 - garments).float().mean() > 0.9
    assert novelty.are_unusual(network, garments).float().mean() <= 2 * SHARE + 0.02


def test_the_pixels_score_is_the_mahalanobis_distance_under_the_fitted_gaussian(
    small_split: Split,
) -> None:
    torch.manual_seed(0)
    network = build(SMALL)
    novelty = Novelty.fit(network, *small_split)
    pixels = small_split.validation.pixels[:20]
    away = (pixels.flatten(1).double() / 255) - novelty.pixel_mean.double()
    scale, axes = novelty.pixel_scale.double(), novelty.pixel_axes.double()
    precision = scale.square().diag() - axes @ axes.T
    assert torch.linalg.eigvalsh(precision).min() > 0
    wanted = ((away @ precision) * away).sum(1)
    assert torch.allclose(novelty.scores(network, pixels)[:, 0].double(), wanted, rtol=1e-3)


def test_scores_do_not_depend_on_which_pictures_are_beside_them(
    fitted: tuple[Configuration, Novelty],
) -> None:
    config, novelty = fitted
    torch.manual_seed(0)
    network, pixels = build(config), noise(3)
    alone = torch.cat([novelty.scores(network, row[None]) for row in pixels])
    assert torch.allclose(alone, novelty.scores(network, pixels), rtol=1e-4)


def test_the_shapes_are_known_without_values(fitted: tuple[Configuration, Novelty]) -> None:
    config, novelty = fitted
    with torch.device("meta"):
        like = Novelty.like(build(config)).tensors()
    assert {n: t.shape for n, t in like.items()} == {
        n: t.shape for n, t in novelty.tensors().items()
    }


def test_a_network_whose_latent_map_says_nothing_is_no_error(small_split: Split) -> None:
    network = build(SMALL)
    for parameter in network.parameters():
        parameter.data.zero_()
    novelty = Novelty.fit(network, *small_split)
    assert all(tensor.isfinite().all() for tensor in novelty.tensors().values())
    assert novelty.are_unusual(network, noise(5)).all()


def test_a_picture_is_empty_if_nothing_differs_from_its_ground(data_dir: Path) -> None:
    blank = torch.full((1, 28, 28), 90, dtype=torch.uint8)
    assert are_empty(blank).all()
    assert not are_empty(load_test(data_dir).pixels).any()
