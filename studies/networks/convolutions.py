"""Convolutions of maps laid out (height, width, N, channels), for :mod:`studies.networks.fast`.

In this layout a row of maps is one contiguous run, so that cutting tiles and adding what overlaps
are few and long operations, and all multiplications are large matrix products. Where channels are
many enough, convolutions are products of polynomials (Toom-Cook, in the literature on networks
Winograd), with a half to a quarter of the multiplications. Imports torch alone.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional

Convolution = Callable[[Tensor], Tensor]
"""From maps to maps. What follows from the weights alone is computed when the layer is made."""

MIN_TOOM_COOK_CHANNELS = 16
"""A 3 × 3 convolution saves time by polynomials from here on; below, moving data costs more."""


def conv3(weight: Tensor, bias: Tensor, side: int) -> Convolution:
    """Kernel 3: maps (H, W, N, C) to (H − 2, W − 2, N, C'), where H and W are ``side``."""
    n_out, n_in = weight.shape[:2]
    if min(n_in, n_out) < MIN_TOOM_COOK_CHANNELS:

        def convolve(maps: Tensor) -> Tensor:
            images = maps.permute(2, 3, 0, 1).contiguous(memory_format=torch.channels_last)
            return functional.conv2d(images, weight, bias).permute(2, 3, 0, 1)

        return convolve
    taps, into, out_of = _tile_matrices(side)
    at_points = _at_points(taps, weight.permute(2, 3, 1, 0))
    return lambda maps: _Products.apply(  # type: ignore[no-untyped-call]
        maps, at_points, bias, into, out_of
    )


def conv_transpose5(layer: nn.ConvTranspose2d) -> Convolution:
    """Kernel 5, stride 2, ReLU: maps (5, 5, N, C) to (13, 13, N, C')."""
    taps, into, out_of = toom_cook(5)
    # Transposed as a matrix, which torch does in blocks, before taps are parted by parity.
    weight = layer.weight.flatten(0, 1).flatten(1).t().contiguous().view(5, 5, -1)
    by_parity = functional.pad(weight, (0, 0, 0, 1, 0, 1)).view(3, 2, 3, 2, layer.in_channels, -1)
    at_points = _at_points(taps, by_parity.permute(0, 2, 4, 1, 3, 5).flatten(3))

    def convolve(maps: Tensor) -> Tensor:
        size, n = len(maps), maps.shape[2]
        maps = _Products.apply(  # type: ignore[no-untyped-call]
            maps, at_points, None, into, out_of
        )
        maps = maps.view(size + 2, size + 2, n, 2, 2, -1).permute(3, 4, 0, 1, 2, 5)
        return _weave_maps(maps, layer, 0, 2 * size + 3, relu=True)

    return convolve


def _at_points(taps: Tensor, weight: Tensor) -> Tensor:
    """What 3 × 3 taps (3, 3, C, C') evaluate to at the points of both sides: (p, p, C, C')."""
    n_points = len(taps)
    both = torch.kron(taps, taps) @ weight.reshape(9, -1)
    return both.view(n_points, n_points, *weight.shape[2:])


@cache
@torch.inference_mode(mode=False)  # as toom_cook
def _tile_matrices(side: int) -> tuple[Tensor, Tensor, Tensor]:
    """What kernel 3 on maps of this side takes: for taps, into points and out of them."""
    tile, n_tiles = (5, 2) if side == 12 else (4, 3)  # outputs along a side, which are 10 or 11
    taps, out_of, into = toom_cook(tile)
    along = _along(into.t(), side, tile, n_tiles), _along(out_of, side - 2, tile, n_tiles).t()
    return taps, *along


def _along(matrix: Tensor, size: int, step: int, n_tiles: int) -> Tensor:
    """The matrix (p, reach) for each tile of a whole side: (p · n_tiles, size).

    A tile begins every ``step``; what of the last one reaches beyond the side meets zeros.
    """
    n_points, reach = matrix.shape
    whole = matrix.new_zeros(n_points, n_tiles, step * (n_tiles - 1) + reach)
    for tile in range(n_tiles):
        whole[:, tile, tile * step : tile * step + reach] = matrix
    return whole[:, :, :size].flatten(0, 1)


class _Products(Function):
    """A convolution of (H, W, N, C) by products of polynomials along both sides.

    A tile of ``m`` × ``m`` outputs of a 3 × 3 convolution takes (m + 2)² products for each pair of
    channels instead of 9·m². The matrix ``into``, (p · tiles, H), evaluates a side of all tiles at
    p points, and ``out_of``, (H', p · tiles), makes a side of the output of their products with
    ``weight``, (p, p, C, C'). Rows of points are taken one by one, so that they stay in cache.
    """

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None, into: Tensor, out_of: Tensor
    ) -> Tensor:
        n, channels = maps.shape[2:]
        n_points, width = len(weight), len(into)
        n_tiles, learns = width // n_points, any(ctx.needs_input_grad)
        # Column by column, which reads maps (N, C, W, H) in memory as fast as (H, W, N, C).
        columns = maps.flatten(2).transpose(0, 1)
        rows = maps.new_empty(width, len(columns), columns.shape[2])
        torch.bmm(into.expand(len(columns), -1, -1), columns, out=rows.transpose(0, 1))
        convolved = maps.new_empty(width, len(out_of), n * weight.shape[3])
        kept = []
        for i, (row, target) in enumerate(zip(rows, convolved, strict=True)):
            point = i // n_tiles
            points = (into @ row).view(n_points, -1, channels)
            products = torch.bmm(points, weight[point])
            if bias is not None and point == ONE:
                products[ONE] += bias
            torch.mm(out_of, products.view(width, -1), out=target)
            if learns:
                kept.append(points)
        ctx.save_for_backward(weight, into, out_of, *kept)
        ctx.shape = maps.shape
        maps = maps.new_empty(len(out_of), len(out_of), n, weight.shape[3])
        torch.mm(out_of, convolved.flatten(1), out=maps.view(len(out_of), -1))
        return maps

    @staticmethod
    def backward(
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, Tensor, Tensor | None, None, None]:
        weight, into, out_of, *kept = ctx.saved_tensors
        n_points, width = len(weight), len(into)
        n_tiles = width // n_points
        height, _, n, channels = ctx.shape
        wants_maps, _, wants_bias, *_ = ctx.needs_input_grad
        rows = (out_of.t() @ gradient.reshape(len(out_of), -1)).view(width, len(out_of), -1)
        convolved = gradient.new_empty(width, height, n * channels)
        weight_gradient = torch.zeros_like(weight)
        bias_gradient = gradient.new_zeros(weight.shape[3]) if wants_bias else None
        for i, (row, target, points) in enumerate(zip(rows, convolved, kept, strict=True)):
            point = i // n_tiles
            products = (out_of.t() @ row).view(n_points, -1, weight.shape[3])
            weight_gradient[point].baddbmm_(points.transpose(1, 2), products)
            if bias_gradient is not None and point == ONE:
                bias_gradient += products[ONE].sum(0)
            if wants_maps:
                points = torch.bmm(products, weight[point].transpose(1, 2))
                torch.mm(into.t(), points.view(width, -1), out=target)
        if not wants_maps:
            return None, weight_gradient, bias_gradient, None, None
        maps = (into.t() @ convolved.flatten(1)).view(ctx.shape)
        return maps, weight_gradient, bias_gradient, None, None


def conv_transpose6(layer: nn.ConvTranspose2d) -> Convolution:
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


POINTS = (0, 1, -1, 2, -0.5, -2)
"""Where polynomials are evaluated, and at infinity; of those tried these lose the fewest digits."""

ONE = POINTS.index(1)
"""A product at 1, whose powers are all 1, is added to every output of its tile: so is the bias."""


@cache
@torch.inference_mode(mode=False)  # so that training can use what an evaluation asked for first
def toom_cook(size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Matrices of a full convolution of ``size`` numbers by 3 taps, for each side of maps.

    A convolution multiplies polynomials: evaluate both at size + 2 points, multiply there, and
    interpolate. Along both sides, 4 × 4 agrees with a plain convolution to about 2e-6 of the
    largest output, 5 × 5 to 7e-6. Transposed, the matrices make a convolution of size + 2 numbers
    to ``size``.

    Returns:
        For taps (p, 3), for maps (p, size), and for outputs (p, p), where p is size + 2.
    """
    n_points = size + 2
    points = torch.tensor(POINTS, dtype=torch.float64)[: n_points - 1]
    powers = torch.zeros(n_points, n_points, dtype=torch.float64)
    powers[:-1] = points.unsqueeze(1) ** torch.arange(n_points)
    powers[-1, -1] = 1  # the last point is infinity, where only the leading coefficient counts
    taps, maps = powers[:, :3].clone(), powers[:, :size].clone()
    taps[-1, -1] = maps[-1, -1] = 1
    return taps.float(), maps.float(), torch.linalg.inv(powers).float()
