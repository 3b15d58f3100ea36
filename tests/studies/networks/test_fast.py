import copy
import random
from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from spaces.autoencoder import WIDE_SPACE, AutoencoderConfig
from spaces.classifier import WIDE_SPACE as WIDE_CLASSIFIERS
from spaces.classifier import ClassifierConfig, with_encoder
from spaces.space import Configuration
from studies.networks import fast
from studies.networks.fast import Forward, accelerate, accelerate_fixed, laid_out
from studies.networks.plain import Autoencoder, Classifier, build, build_autoencoder, scale_pixels
from studies.networks.pooling import dropout_mask

BATCH = 6

CONFIGS = [
    AutoencoderConfig(
        dropout=dropout,
        batchnorm=batchnorm,
        pool1=pool1,
        pool2=pool2,
        conv1_channels=5,
        conv2_channels=7,
    )
    for dropout, batchnorm, pool1, pool2 in product(
        [0.0, 0.3], [False, True], ["max", "avg"], ["max", "avg"]
    )
] + [
    AutoencoderConfig(dropout=0.2),
    AutoencoderConfig(conv1_channels=1, conv2_channels=1),
    AutoencoderConfig(conv1_channels=64, conv2_channels=96),
    AutoencoderConfig(batchnorm=True, pool2="avg", conv1_channels=64, conv2_channels=96),
    AutoencoderConfig(
        dropout=0.2, batchnorm=True, pool1="avg", conv1_channels=33, conv2_channels=35
    ),
]


class Recorded(nn.Module):
    """A dropout layer with the mask it is given."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, images: Tensor) -> Tensor:
        return images * self.mask


def with_the_masks_of(network: Autoencoder, generator: torch.Generator) -> Autoencoder:
    """A plain copy whose dropout layers hold the masks the generator gives next.

    Activations that are never computed have no mask; any will do for them.
    """
    plain = copy.deepcopy(network)
    sides = {"dropout1": 26 if hasattr(network.encoder, "batchnorm1") else 24, "dropout2": 10}
    for name, layer in network.encoder.named_children():
        if isinstance(layer, nn.Dropout):
            block = name[-1]
            side, full = sides[name], {"1": 26, "2": 11}[block]
            channels = network.encoder.get_submodule(f"conv{block}").out_channels
            keep = dropout_mask(torch.Size([side, side, BATCH, channels]), layer.p, generator)
            mask = torch.ones(BATCH, channels, full, full)
            mask[:, :, :side, :side] = keep.permute(2, 3, 0, 1) / (1 - layer.p)
            plain.encoder.set_submodule(name, Recorded(mask))
    return plain


def assert_near(fast: Tensor | None, plain: Tensor | None) -> None:
    """Equal to within 1e-5; ``plain`` in float64, whose own error then does not count."""
    torch.testing.assert_close(fast, plain, rtol=1e-5, atol=1e-5, check_dtype=False)


def assert_same_gradients_and_statistics(network: nn.Module, plain: nn.Module) -> None:
    for name, parameter in plain.named_parameters():
        assert_near(network.get_parameter(name).grad, parameter.grad)
    for name, statistic in plain.named_buffers():
        assert_near(network.get_buffer(name), statistic)


def assert_trains_as_the_plain_one(network: nn.Module) -> None:
    """Outputs, gradients and statistics of one step are those of a plain copy in float64."""
    plain = copy.deepcopy(network).double()
    images = torch.rand(BATCH, 1, 28, 28) * 2 - 1
    outputs = accelerate(network, torch.Generator())(images), plain(images.double())
    assert_near(*outputs)
    for output in outputs:
        output.square().mean().backward()
    assert_same_gradients_and_statistics(network, plain)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_outputs_gradients_and_statistics_are_the_plain_networks(config: AutoencoderConfig) -> None:
    # With one seed in twenty a ReLU's input is zero but for rounding, and its gradient jumps.
    torch.manual_seed(2)
    network = build_autoencoder(config)
    plain = with_the_masks_of(network, torch.Generator().manual_seed(5)).double()
    forward = accelerate(network, torch.Generator().manual_seed(5))
    images = torch.rand(BATCH, 1, 28, 28) * 2 - 1
    fast_output, plain_output = forward(images), plain(images.double())
    assert_near(fast_output, plain_output)
    for output in (fast_output, plain_output):
        (output - images).square().mean().backward()
    assert_same_gradients_and_statistics(network, plain)


@pytest.fixture(params=["oneDNN", "oneDNN in parts", "no oneDNN"])
def how_settled_blocks_run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way that blocks take where nothing learns."""
    monkeypatch.setattr(fast, "HAS_ONEDNN", request.param != "no oneDNN")
    if request.param == "oneDNN in parts":
        monkeypatch.setattr(fast, "FIRST_MAPS", 4 * 64)  # four and two of six images


@pytest.mark.usefixtures("how_settled_blocks_run")
@pytest.mark.parametrize("accelerated", [accelerate, accelerate_fixed])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_evaluation_is_the_plain_networks_and_draws_nothing(
    config: AutoencoderConfig, accelerated: Callable[[nn.Module, torch.Generator], Forward]
) -> None:
    generator = torch.Generator().manual_seed(5)
    network = build_autoencoder(config)
    for layer in network.encoder:
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    network.eval()
    statistics = [buffer.clone() for buffer in network.buffers()]
    images = torch.rand(BATCH, 1, 28, 28) * 2 - 1
    with torch.inference_mode():
        output = accelerated(network, generator)(images)
        torch.testing.assert_close(output, network(images), rtol=1e-5, atol=1e-5)
    assert torch.equal(generator.get_state(), torch.Generator().manual_seed(5).get_state())
    assert all(map(torch.equal, network.buffers(), statistics))


def sampled() -> list[Configuration]:
    """Configurations of the wide spaces, without dropout, whose masks cannot be compared."""
    rng = random.Random(3)
    no_dropout = WIDE_SPACE.narrowed({"dropout": "0"})
    heads = WIDE_CLASSIFIERS.narrowed({"dropout": "0"})
    autoencoders = [no_dropout.sample(rng) for _ in range(8)]
    return [
        *autoencoders,
        *(with_encoder(heads, config).sample(rng) for config in autoencoders),
        *(ClassifierConfig(fc_width=width, batchnorm=True) for width in (0, 32)),
    ]


@pytest.mark.parametrize("config", sampled(), ids=lambda config: config.in_words())
def test_every_kind_of_network_is_the_plain_one(config: Configuration) -> None:
    # With other seeds an activation may lie so near 0 that float32 and float64 put it on either
    # side, the plain network's too.
    torch.manual_seed(2)
    assert_trains_as_the_plain_one(build(config))


@pytest.mark.usefixtures("how_settled_blocks_run")
@pytest.mark.parametrize("n_frozen", [1, 2])
@pytest.mark.parametrize("channels", [(16, 32), (64, 96)])
def test_frozen_blocks_are_the_plain_ones_and_get_no_gradient(
    channels: tuple[int, int], n_frozen: int
) -> None:
    torch.manual_seed(2)
    encoder = AutoencoderConfig(
        dropout=0.2, batchnorm=True, conv1_channels=channels[0], conv2_channels=channels[1]
    )
    network = build(with_encoder(WIDE_CLASSIFIERS, encoder).sample(random.Random(3)))
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Dropout) and name != "encoder.dropout1":
            layer.p = 0.0  # of the layers whose masks cannot be compared
    assert isinstance(network, Classifier)
    network.freeze(n_frozen)
    assert_trains_as_the_plain_one(network)


def test_it_follows_the_weights_when_they_are_loaded_anew() -> None:
    network, other = (build_autoencoder(AutoencoderConfig()) for _ in range(2))
    forward = accelerate(network, torch.Generator())
    network.load_state_dict(other.state_dict())
    images = torch.rand(BATCH, 1, 28, 28)
    torch.testing.assert_close(forward(images), other(images), rtol=1e-5, atol=1e-5)


def test_images_are_the_same_however_they_are_laid_out() -> None:
    pixels = torch.randint(256, (BATCH, 28, 28), dtype=torch.uint8)
    assert torch.equal(laid_out(pixels), pixels)
    assert laid_out(pixels).permute(1, 2, 0).is_contiguous()
    forward = accelerate_fixed(build_autoencoder(AutoencoderConfig()), torch.Generator())
    with torch.inference_mode():
        outputs = [forward(scale_pixels(images)) for images in (pixels, laid_out(pixels))]
    assert torch.equal(*outputs)


def test_dropout_masks_follow_the_generator() -> None:
    shape = torch.Size([2, 3, 5, 5])
    generator = torch.Generator().manual_seed(1)
    first, second = (dropout_mask(shape, 0.5, generator) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(dropout_mask(shape, 0.5, generator.manual_seed(1)), first)


@pytest.mark.parametrize("probability", [0.1, 0.2, 0.5, 0.9])
def test_dropout_drops_with_its_probability(probability: float) -> None:
    shape = torch.Size([26, 26, 100, 16])
    keep = dropout_mask(shape, probability, torch.Generator().manual_seed(1))
    standard_error = (probability * (1 - probability) / keep.numel()) ** 0.5
    assert keep.unique().tolist() == [0, 1]
    assert 1 - keep.double().mean().item() == pytest.approx(probability, abs=4 * standard_error)


@pytest.mark.parametrize("shift", [1, 2, 3, 4, 16, 100 * 16, 26 * 100 * 16])
def test_dropout_decisions_are_independent_of_their_neighbours(shift: int) -> None:
    generator = torch.Generator().manual_seed(1)
    keep = dropout_mask(torch.Size([26 * 26 * 100 * 16]), 0.5, generator) - 0.5
    correlation = (keep * keep.roll(shift)).double().mean().item() / 0.25
    assert abs(correlation) < 4 / keep.numel() ** 0.5


def test_masks_that_follow_each_other_are_independent() -> None:
    generator = torch.Generator().manual_seed(1)
    first, second = (dropout_mask(torch.Size([1_000_000]), 0.5, generator) - 0.5 for _ in range(2))
    assert abs((first * second).double().mean().item() / 0.25) < 4 / 1000
