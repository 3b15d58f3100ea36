"""Convolutions of maps laid out (height, width, N, channels), for :mod:`studies.fast`.

In this layout a row of maps is one contiguous run, so that cutting tiles and adding what overlaps
are few and long operations, and all multiplications are large matrix products. Where channels are
many enough, convolutions are products of polynomials (Toom-Cook, in the literature on networks
Winograd), with a half to a quarter of the multiplications. Imports torch alone.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional

Layer = Callable[[Tensor], Tensor]
"""From maps to maps. What follows from the weights alone is computed when the layer is made."""

MIN_TOOM_COOK_CHANNELS = 32
"""A 3 × 3 convolution saves time by polynomials from here on; below, moving data costs more."""


def conv3(weight: Tensor, bias: Tensor, side: int) -> Layer:
    """Kernel 3: maps (H, W, N, C) to (H − 2, W − 2, N, C'), where H and W are ``side``."""
    n_out, n_in = weight.shape[:2]
    if min(n_in, n_out) < MIN_TOOM_COOK_CHANNELS:

        def convolve(maps: Tensor) -> Tensor:
            images = maps.permute(2, 3, 0, 1).contiguous(memory_format=torch.channels_last)
            return functional.conv2d(images, weight, bias).permute(2, 3, 0, 1)

        return convolve
    tile = 5 if side == 12 else 4  # outputs along a side; 2 tiles make 10, 3 make 11
    tap_matrix, output_matrix, map_matrix = toom_cook(tile)
    at_points = tap_matrix @ weight.permute(2, 3, 1, 0).reshape(9, -1)
    matrices = at_points.view(-1, n_in, n_out), bias, map_matrix.t(), output_matrix.t()
    return lambda maps: _ConvTiles.apply(maps, *matrices)  # type: ignore[no-untyped-call]


class _ConvTiles(Function):
    """A 3 × 3 convolution of (H, W, N, C), a row of tiles at a time so that it stays in cache.

    A tile of ``m`` × ``m`` outputs takes (m + 2)² products for each pair of channels instead of
    9·m²: it is :func:`toom_cook`'s polynomial product, transposed.
    """

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, into: Tensor, out_of: Tensor
    ) -> Tensor:
        size, _, n, channels = maps.shape
        reach, step = isqrt(len(into)), isqrt(len(out_of))
        convolved = maps.new_empty(size - 2, size - 2, n, weight.shape[2])
        kept = []
        for sources, targets in zip(
            _tiles(maps, reach, step, size - 2),
            _tiles(convolved, step, step, size - 2),
            strict=True,
        ):
            tiles = maps.new_empty(reach, reach, len(sources), n, channels)
            for i, source in enumerate(sources):
                if source.shape[:2] != (reach, reach):
                    tiles[:, :, i] = 0
                tiles[: len(source), : source.shape[1], i] = source
            points = (into @ tiles.flatten(0, 1).flatten(1)).view(len(into), -1, channels)
            if any(ctx.needs_input_grad):
                kept.append(points)
            tiles = out_of @ torch.bmm(points, weight).flatten(1)
            tiles = tiles.view(step, step, len(targets), n, -1)
            for i, target in enumerate(targets):
                torch.add(tiles[: len(target), : target.shape[1], i], bias, out=target)
        ctx.save_for_backward(weight, into, out_of, *kept)
        ctx.shape = maps.shape
        return convolved

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        weight, into, out_of, *points = ctx.saved_tensors
        size, _, n, channels = ctx.shape
        reach, step = isqrt(len(into)), isqrt(len(out_of))
        maps, weight_gradient = gradient.new_zeros(ctx.shape), torch.zeros_like(weight)
        for targets, sources, at_points in zip(
            _tiles(maps, reach, step, size - 2),
            _tiles(gradient, step, step, size - 2),
            points,
            strict=True,
        ):
            tiles = gradient.new_zeros(step, step, len(sources), n, weight.shape[2])
            for i, source in enumerate(sources):
                tiles[: len(source), : source.shape[1], i] = source
            products = out_of.t() @ tiles.flatten(0, 1).flatten(1)
            products = products.view(len(into), -1, weight.shape[2])
            weight_gradient.baddbmm_(at_points.transpose(1, 2), products)
            tiles = into.t() @ torch.bmm(products, weight.transpose(1, 2)).flatten(1)
            tiles = tiles.view(reach, reach, len(targets), n, channels)
            for i, target in enumerate(targets):
                target += tiles[: len(target), : target.shape[1], i]
        return maps, weight_gradient, gradient.sum((0, 1, 2)), None, None


def _tiles(maps: Tensor, reach: int, step: int, size: int) -> Iterator[list[Tensor]]:
    """Row by row, views of ``reach`` × ``reach`` every ``step``; cut short at the maps' end."""
    for y in range(0, size, step):
        yield [maps[y : y + reach, x : x + reach] for x in range(0, size, step)]


def conv_transpose5(layer: nn.ConvTranspose2d) -> Layer:
    """Kernel 5, stride 2, ReLU: maps (5, 5, N, C) to (13, 13, N, C')."""
    tap_matrix, map_matrix, output_matrix = toom_cook(5)
    n_points, channels = len(map_matrix), layer.in_channels
    weight = functional.pad(layer.weight, (0, 1, 0, 1)).view(channels, -1, 3, 2, 3, 2)
    weight = tap_matrix @ weight.permute(2, 4, 0, 3, 5, 1).reshape(9, -1)
    at_points = weight.view(n_points, channels, -1)

    def convolve(maps: Tensor) -> Tensor:
        size, n = len(maps), maps.shape[2]
        maps = (map_matrix @ maps.reshape(size**2, -1)).view(n_points, n, channels)
        maps = output_matrix @ torch.bmm(maps, at_points).view(n_points, -1)
        maps = maps.view(size + 2, size + 2, n, 2, 2, -1).permute(3, 4, 0, 1, 2, 5)
        return _weave_maps(maps, layer, 0, 2 * size + 3, relu=True)

    return convolve


def conv_transpose6(layer: nn.ConvTranspose2d) -> Layer:
    """Kernel 6, stride 2, padding 1, to one channel: maps (13, 13, N, C) to (28, 28, N, 1)."""
    channels = layer.in_channels
    weight = layer.weight.view(channels, 3, 2, 3, 2).permute(1, 3, 2, 4, 0).reshape(36, channels)

    def convolve(maps: Tensor) -> Tensor:
        size, n = len(maps), maps.shape[2]
        taps = (weight @ maps.view(-1, channels).t()).view(3, 3, 2, 2, size, size, n, 1)
        maps = _OverlapSum.apply(taps)  # type: ignore[no-untyped-call]
        return _weave_maps(maps, layer, 1, 2 * size + 2, relu=False)

    return convolve


def _weave_maps(
    maps: Tensor, layer: nn.ConvTranspose2d, start: int, size: int, relu: bool
) -> Tensor:
    woven: Tensor = _Interleave.apply(  # type: ignore[no-untyped-call]
        maps, layer.bias, start, size, relu
    )
    return woven


class _OverlapSum(Function):
    """Adds what 3 × 3 taps contribute, (3, 3, 2, 2, H, W, N, C), to (2, 2, H + 2, W + 2, N, C)."""

    @staticmethod
    def forward(ctx: Any, taps: Tensor) -> Tensor:
        height, width, n, channels = taps.shape[4:]
        ctx.size = height, width
        total = taps.new_zeros(2, 2, height + 2, width + 2, n, channels)
        for y, x in product(range(3), repeat=2):
            total[:, :, y : y + height, x : x + width] += taps[y, x]
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        height, width = ctx.size
        taps = gradient.new_empty(3, 3, 2, 2, height, width, *gradient.shape[4:])
        for y, x in product(range(3), repeat=2):
            taps[y, x] = gradient[:, :, y : y + height, x : x + width]
        return taps


class _Interleave(Function):
    """Rows and columns by parity, (2, 2, H, W, N, C), woven, cropped, plus bias, maybe ReLU."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, bias: Tensor, start: int, size: int, relu: bool) -> Tensor:
        ctx.start, ctx.relu, ctx.shape = start, relu, maps.shape
        woven = maps.new_empty(size, size, *maps.shape[4:])
        for source, target in _weave(maps, woven, start):
            torch.add(source, bias, out=target)
        if relu:
            ctx.save_for_backward(woven.relu_())
        return woven

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        if ctx.relu:
            gradient = torch.ops.aten.threshold_backward(gradient, ctx.saved_tensors[0], 0)
        y, x, height, width, n, channels = ctx.shape
        # As the product before it left it: parities within a row of memory.
        maps = gradient.new_zeros(height, width, n, y, x, channels).permute(3, 4, 0, 1, 2, 5)
        for target, source in _weave(maps, gradient, ctx.start):
            target.copy_(source)
        return maps, gradient.sum((0, 1, 2)), None, None, None


def _weave(maps: Tensor, woven: Tensor, start: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of views: each parity's part of ``maps`` and where in ``woven`` it belongs."""
    for y, x in product(range(2), repeat=2):
        first_y, first_x = (start - y + 1) // 2, (start - x + 1) // 2
        target = woven[2 * first_y + y - start :: 2, 2 * first_x + x - start :: 2]
        height, width = target.shape[:2]
        yield maps[y, x, first_y : first_y + height, first_x : first_x + width], target


@cache
@torch.inference_mode(mode=False)  # so that training can use what an evaluation asked for first
def toom_cook(size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Matrices of a full convolution of ``size`` × ``size`` maps by 3 × 3 taps.

    A convolution multiplies polynomials: evaluate both at size + 2 points, multiply there, and
    interpolate. The points, of those tried, lose the fewest digits: 4 × 4 agrees with a plain
    convolution to about 2e-6 of the largest output, 5 × 5 to about 7e-6.

    Returns:
        For taps (p, 9), for maps (p, size²), and for outputs (p, p), where p is (size + 2)².
    """
    n_points = size + 2
    points = torch.tensor([0, 1, -1, 2, -0.5, -2], dtype=torch.float64)[: n_points - 1]
    powers = torch.zeros(n_points, n_points, dtype=torch.float64)
    powers[:-1] = points.unsqueeze(1) ** torch.arange(n_points)
    powers[-1, -1] = 1  # the last point is infinity, where only the leading coefficient counts
    taps, maps = powers[:, :3].clone(), powers[:, :size].clone()
    taps[-1, -1] = maps[-1, -1] = 1
    one_dimensional = taps, maps, torch.linalg.inv(powers)
    taps, maps, outputs = (torch.kron(matrix, matrix).float() for matrix in one_dimensional)
    return taps, maps, outputs
