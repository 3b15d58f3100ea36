import pytest
import torch
from torch import Tensor, nn

from studies.networks.convolutions import (
    MIN_TOOM_COOK_CHANNELS,
    conv3,
    conv_transpose5,
    conv_transpose6,
    toom_cook,
)

MANY = MIN_TOOM_COOK_CHANNELS


def maps(size: int, channels: int) -> Tensor:
    """Random maps (size, size, N, channels)."""
    generator = torch.Generator().manual_seed(size + channels)
    return torch.randn(size, size, 3, channels, generator=generator).requires_grad_()


def gradients(output: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    """Of a sum that weighs every output differently."""
    weights = torch.linspace(-1, 2, output.numel(), dtype=output.dtype).view(output.shape)
    return list(torch.autograd.grad((output * weights).sum(), inputs))


def assert_same_function(fast: Tensor, given: Tensor, layer: nn.Module, relu: bool = False) -> None:
    """Output and all gradients are the layer's own, to 1e-5 of the largest."""
    inputs = [given, *layer.parameters()]
    exact = given.detach().double().requires_grad_()
    double = type(layer)(*layer.arguments, dtype=torch.float64)
    double.load_state_dict(layer.state_dict())
    plain = double(exact.permute(2, 3, 0, 1)).permute(2, 3, 0, 1)
    plain = plain.relu() if relu else plain
    for ours, theirs in zip(
        [fast, *gradients(fast, inputs)],
        [plain, *gradients(plain, [exact, *double.parameters()])],
        strict=True,
    ):
        error = (ours - theirs).abs().max() / theirs.abs().max()
        assert error < 1e-5


def layer(kind: type[nn.Module], *arguments: int) -> nn.Module:
    torch.manual_seed(1)
    made = kind(*arguments)
    made.arguments = arguments
    return made


@pytest.mark.parametrize("size", [12, 13])
@pytest.mark.parametrize("channels", [(4, 6), (MANY, MANY), (MANY, 3), (MANY + 1, MANY + 5)])
def test_conv3_is_the_convolution(size: int, channels: tuple[int, int]) -> None:
    given, conv = maps(size, channels[0]), layer(nn.Conv2d, *channels, 3)
    assert_same_function(conv3(conv.weight, conv.bias, size)(given), given, conv)


@pytest.mark.parametrize("channels", [(1, 1), (32, 16), (5, 40)])
def test_conv_transpose5_is_the_transposed_convolution_and_relu(channels: tuple[int, int]) -> None:
    given, conv = maps(5, channels[0]), layer(nn.ConvTranspose2d, *channels, 5, 2)
    assert_same_function(conv_transpose5(conv)(given), given, conv, relu=True)


@pytest.mark.parametrize("channels", [1, 16])
def test_conv_transpose6_is_the_transposed_convolution(channels: int) -> None:
    given, conv = maps(13, channels), layer(nn.ConvTranspose2d, channels, 1, 6, 2, 1)
    assert_same_function(conv_transpose6(conv)(given), given, conv)


@pytest.mark.parametrize("size", [4, 5])
def test_toom_cook_multiplies_polynomials(size: int) -> None:
    taps, values, outputs = (matrix.double() for matrix in toom_cook(size))
    left, right = torch.randn(size, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    product = outputs @ ((values @ left) * (taps @ right))
    full = torch.nn.functional.conv_transpose1d(left[None, None], right[None, None])
    torch.testing.assert_close(product, full.flatten(), rtol=1e-5, atol=1e-5)


def test_training_can_follow_an_evaluation_that_came_first() -> None:
    toom_cook.cache_clear()
    given, conv = maps(5, 2), layer(nn.ConvTranspose2d, 2, 3, 5, 2)
    with torch.inference_mode():
        conv_transpose5(conv)(given)
    conv_transpose5(conv)(given).sum().backward()
    assert given.grad is not None
