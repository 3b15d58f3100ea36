"""ReLU, dropout and pooling of maps laid out as in :mod:`studies.networks.fast`."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function


def dropout_mask(shape: torch.Size, probability: float, generator: torch.Generator) -> Tensor:
    """Which activations stay, float32: 0 with ``probability``, in [0, 1), else 1.

    Every element takes 16 bits of a 64-bit draw from numpy's SFC64, seeded by one draw from
    ``generator``: a tenth of the time of torch's own masks. The probability is rounded to a
    multiple of 2^-16.
    """
    seed = int(torch.randint(2**63 - 1, (), generator=generator))
    n_words = -(-shape.numel() // 4)
    words = np.random.Generator(np.random.SFC64(seed)).integers(
        2**64, size=n_words, dtype=np.uint64
    )
    bits = torch.from_numpy(words.view(np.int16))[: shape.numel()]
    n_dropped = min(round(probability * 2**16), 2**16 - 1)  # of 2^16 equally likely values
    return bits.ge_(n_dropped - 2**15).to(torch.float32).view(shape)


def relu_pool(
    maps: Tensor, dropout: nn.Dropout | None, average: bool, generator: torch.Generator
) -> Tensor:
    """ReLU → [dropout] → pooling of maps (H, W, N, C), whose memory it overwrites."""
    keep, scale = None, 1.0
    if dropout is not None and dropout.training:
        height, width, n, channels = maps.shape
        shape = torch.Size((height // 2 * 2, width // 2 * 2, n, channels))
        keep, scale = dropout_mask(shape, dropout.p, generator), 1 / (1 - dropout.p)
    pooled: Tensor = _ReluPool.apply(maps, keep, scale, average)  # type: ignore[no-untyped-call]
    return pooled


class _ReluPool(Function):
    """ReLU, mask and 2 × 2 pooling of (H, W, N, C); an odd last row or column is dropped.

    It overwrites its input, which nothing needs any more, with what the gradient needs; autograd
    itself would notice if something did.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, keep: Tensor | None, scale: float, average: bool) -> Tensor:
        height, width = (side // 2 * 2 for side in maps.shape[:2])
        cropped = maps[:height, :width]
        if keep is not None:
            cropped.mul_(keep)
        ctx.keep, ctx.scale, ctx.average = keep, scale, average
        top_left, top_right, bottom_left, bottom_right = _quarters(cropped)
        if average:
            ctx.scale = scale / 4
            cropped.relu_()
            pooled = (top_left + top_right).add_(bottom_left).add_(bottom_right)
            ctx.save_for_backward(maps)
            return pooled.mul_(ctx.scale)
        # relu(max(x)) is max(relu(x)), on a quarter of the elements. Of equals the first wins.
        top = torch.maximum(top_left, top_right)
        bottom = torch.maximum(bottom_left, bottom_right)
        pooled = torch.maximum(top, bottom).relu_()
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(maps, bottom.gt_(top), pooled)
            top_right.gt_(top_left)
            bottom_right.gt_(bottom_left)
        return pooled * scale if scale != 1 else pooled

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        maps, *rest = ctx.saved_tensors
        gradient = gradient.contiguous()  # from a classifier's head it comes image by image
        if ctx.scale != 1:
            gradient = gradient * ctx.scale
        spread = torch.empty_like(maps)
        height, width = (side // 2 * 2 for side in maps.shape[:2])
        spread[height:].zero_()
        spread[:, width:].zero_()
        cropped = spread[:height, :width]
        if ctx.average:
            for part, activation in zip(
                _quarters(cropped), _quarters(maps[:height, :width]), strict=True
            ):
                torch.ops.aten.threshold_backward.grad_input(
                    gradient, activation, 0, grad_input=part
                )
            return spread, None, None, None
        bottom_won, pooled = rest
        gradient = torch.ops.aten.threshold_backward(gradient, pooled, 0)
        _, top_right_won, _, bottom_right_won = _quarters(maps[:height, :width])
        top_left, top_right, bottom_left, bottom_right = _quarters(cropped)
        bottom = gradient * bottom_won
        top = gradient.sub_(bottom)
        torch.mul(top, top_right_won, out=top_right)
        torch.sub(top, top_right, out=top_left)
        torch.mul(bottom, bottom_right_won, out=bottom_right)
        torch.sub(bottom, bottom_right, out=bottom_left)
        if ctx.keep is not None:
            cropped.mul_(ctx.keep)
        return spread, None, None, None


def _quarters(maps: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Views of the four corners of all 2 × 2 windows, in reading order."""
    return maps[::2, ::2], maps[::2, 1::2], maps[1::2, ::2], maps[1::2, 1::2]
