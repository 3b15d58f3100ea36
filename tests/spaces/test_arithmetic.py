"""The formulas against what PyTorch's layers really give."""

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from spaces.arithmetic import (
    batchnorm_parameters,
    conv_parameters,
    conv_size,
    conv_transpose_size,
)

sides = st.integers(1, 40)
kernels = st.integers(1, 7)
strides = st.integers(1, 4)
paddings = st.integers(0, 4)


def side_after(layer: nn.Module, size: int) -> int:
    with torch.no_grad():
        height, width = layer(torch.zeros(1, 1, size, size)).shape[2:]
    assert height == width
    return int(height)


@settings(max_examples=60, deadline=None)
@given(sides, kernels, strides, paddings)
def test_convolutions_have_the_computed_size(
    size: int, kernel: int, stride: int, padding: int
) -> None:
    assume(size + 2 * padding >= kernel)
    layer = nn.Conv2d(1, 1, kernel, stride, padding)
    assert conv_size(size, kernel, stride, padding) == side_after(layer, size)


@settings(max_examples=60, deadline=None)
@given(sides, kernels, strides, paddings, st.sampled_from([nn.MaxPool2d, nn.AvgPool2d]))
def test_poolings_have_the_computed_size(
    size: int, kernel: int, stride: int, padding: int, kind: type[nn.Module]
) -> None:
    assume(2 * padding <= kernel <= size + 2 * padding)
    layer = kind(kernel, stride, padding)
    assert conv_size(size, kernel, stride, padding) == side_after(layer, size)


@settings(max_examples=60, deadline=None)
@given(sides, kernels, strides, paddings)
def test_transposed_convolutions_have_the_computed_size(
    size: int, kernel: int, stride: int, padding: int
) -> None:
    computed = conv_transpose_size(size, kernel, stride, padding)
    assume(computed >= 1)
    assert computed == side_after(nn.ConvTranspose2d(1, 1, kernel, stride, padding), size)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), kernels)
def test_parameters_are_counted_as_pytorch_does(
    channels_in: int, channels_out: int, kernel: int
) -> None:
    expected = conv_parameters(channels_in, channels_out, kernel)
    for kind in (nn.Conv2d, nn.ConvTranspose2d):
        layer = kind(channels_in, channels_out, kernel)
        assert sum(p.numel() for p in layer.parameters()) == expected
    norm = nn.BatchNorm2d(channels_out)
    assert sum(p.numel() for p in norm.parameters()) == batchnorm_parameters(channels_out)
