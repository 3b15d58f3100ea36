import copy
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from spaces.autoencoder import AutoencoderConfig
from studies.fast import accelerate, dropout_mask
from studies.networks import Autoencoder, build_autoencoder

BATCH = 6

CONFIGS = [
    AutoencoderConfig(dropout, batchnorm, pool1, pool2, conv1_channels=5, conv2_channels=7)
    for dropout, batchnorm, pool1, pool2 in product(
        [0.0, 0.3], [False, True], ["max", "avg"], ["max", "avg"]
    )
] + [AutoencoderConfig(dropout=0.2), AutoencoderConfig(conv1_channels=1, conv2_channels=1)]


class Recorded(nn.Module):
    """A dropout layer with the mask it is given."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, images: Tensor) -> Tensor:
        return images * self.mask


def with_the_masks_of(network: Autoencoder, generator: torch.Generator) -> Autoencoder:
    """A plain copy whose dropout layers hold the masks the generator gives next."""
    plain = copy.deepcopy(network)
    images = torch.zeros(BATCH, 1, 28, 28)
    for name, layer in network.encoder.named_children():
        if isinstance(layer, nn.Dropout):
            mask = dropout_mask(images.shape, layer.p, generator)
            plain.encoder.set_submodule(name, Recorded(mask))
        elif not isinstance(layer, nn.BatchNorm2d):
            images = layer(images)
    return plain


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_outputs_gradients_and_statistics_are_the_plain_networks(config: AutoencoderConfig) -> None:
    torch.manual_seed(1)
    network = build_autoencoder(config)
    plain = with_the_masks_of(network, torch.Generator().manual_seed(5))
    forward = accelerate(network, torch.Generator().manual_seed(5))
    images = torch.rand(BATCH, 1, 28, 28) * 2 - 1
    fast_output, plain_output = forward(images), plain(images)
    torch.testing.assert_close(fast_output, plain_output, rtol=1e-5, atol=1e-5)
    for output in (fast_output, plain_output):
        (output - images).square().mean().backward()
    for name, parameter in plain.named_parameters():
        gradient = network.get_parameter(name).grad
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-5, atol=1e-5, msg=name)
    for name, statistic in plain.named_buffers():
        torch.testing.assert_close(network.get_buffer(name), statistic, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_evaluation_is_the_plain_networks_and_draws_nothing(config: AutoencoderConfig) -> None:
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
        output = accelerate(network, generator)(images)
        torch.testing.assert_close(output, network(images), rtol=1e-5, atol=1e-5)
    assert torch.equal(generator.get_state(), torch.Generator().manual_seed(5).get_state())
    assert all(map(torch.equal, network.buffers(), statistics))


def test_it_follows_the_weights_when_they_are_loaded_anew() -> None:
    network, other = (build_autoencoder(AutoencoderConfig()) for _ in range(2))
    forward = accelerate(network, torch.Generator())
    network.load_state_dict(other.state_dict())
    images = torch.rand(BATCH, 1, 28, 28)
    torch.testing.assert_close(forward(images), other(images), rtol=1e-5, atol=1e-5)


def test_dropout_masks_follow_the_generator() -> None:
    shape = torch.Size([2, 3, 5, 5])
    generator = torch.Generator().manual_seed(1)
    first, second = (dropout_mask(shape, 0.5, generator) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(dropout_mask(shape, 0.5, generator.manual_seed(1)), first)


@pytest.mark.parametrize("probability", [0.1, 0.2, 0.5, 0.9])
def test_dropout_drops_with_its_probability_and_keeps_the_mean(probability: float) -> None:
    mask = dropout_mask(
        torch.Size([100, 16, 26, 26]), probability, torch.Generator().manual_seed(1)
    )
    standard_error = (probability * (1 - probability) / mask.numel()) ** 0.5
    assert (mask == 0).double().mean().item() == pytest.approx(probability, abs=4 * standard_error)
    torch.testing.assert_close(mask[mask != 0].unique(), torch.tensor([1 / (1 - probability)]))


def test_neighbouring_dropout_decisions_are_independent() -> None:
    shape = torch.Size([100, 16, 26, 26])
    mask = dropout_mask(shape, 0.5, torch.Generator().manual_seed(1)) - 1
    for shift in ((1, 0), (2, 0), (0, 1), (4, 0)):
        product_mean = (mask * mask.roll(shift, dims=(1, 3))).double().mean().item()
        assert abs(product_mean) < 4 / mask.numel() ** 0.5
