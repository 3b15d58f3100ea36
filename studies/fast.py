"""The same mathematics as :mod:`studies.networks`, faster on a CPU. Imports torch alone.

One visible step: ``forward = accelerate(network, generator)``. The result reads the network's own
parameters and writes its running statistics, so the network stays the one that is saved, exported
and looked at.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

Forward = Callable[[Tensor], Tensor]
"""From a batch of images to the network's output."""


def accelerate(network: nn.Module, generator: torch.Generator) -> Forward:
    """The network's forward pass, faster; gradients reach the network's own parameters.

    It follows the network's ``training`` flag. Dropout masks come from ``generator`` instead of
    torch's global one, and keep an activation with a probability exact to 2^-16.

    Args:
        network: a stack of layers as :mod:`studies.networks` builds them.
        generator: source of the dropout masks.
    """
    steps = [step for stack in network.children() for step in _steps(stack, generator)]

    def forward(images: Tensor) -> Tensor:
        output = images.contiguous(memory_format=torch.channels_last)
        for step in steps:
            output = step(output)
        return output

    return forward


def dropout_mask(shape: torch.Size, probability: float, generator: torch.Generator) -> Tensor:
    """Which activations stay: 0 with ``probability``, else 1/(1 − probability).

    Every element takes 16 bits of a 64-bit draw, a quarter of the random numbers that torch's own
    dropout draws, so the probability is rounded to a multiple of 2^-16.

    Args:
        shape: (N, C, H, W) of the activations.
        probability: of an activation being zeroed, in [0, 1).
        generator: source of the bits.

    Returns:
        float32 of that shape, channels-last.
    """
    n, channels, height, width = shape
    words = torch.empty(-(-shape.numel() // 4), dtype=torch.int64)
    words.random_(-(2**63), None, generator=generator)
    bits = words.view(torch.int16)[: shape.numel()].view(n, height, width, channels)
    kept = bits >= round(probability * 2**16) - 2**15
    return kept.to(torch.float32).mul_(1 / (1 - probability)).permute(0, 3, 1, 2)


def _steps(stack: nn.Module, generator: torch.Generator) -> list[Forward]:
    """The stack's layers, with each ReLU moved behind its block's max pooling."""
    steps: list[Forward] = []
    relu: list[Forward] = []
    for layer in stack.children():
        if isinstance(layer, nn.ReLU):
            relu = [functional.relu]
            continue
        if isinstance(layer, nn.Dropout):
            steps.append(_Dropout(layer, generator))
            continue
        commutes = isinstance(layer, nn.MaxPool2d)
        steps += [layer, *relu] if commutes else [*relu, layer]
        relu = []
    return steps


class _Dropout:
    """A dropout layer whose masks come from a generator."""

    def __init__(self, layer: nn.Dropout, generator: torch.Generator) -> None:
        self._layer = layer
        self._generator = generator

    def __call__(self, images: Tensor) -> Tensor:
        if not self._layer.training:
            return images
        return images * dropout_mask(images.shape, self._layer.p, self._generator)
