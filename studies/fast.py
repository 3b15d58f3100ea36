"""The same mathematics as :mod:`studies.networks`, faster on a CPU. Imports torch and numpy alone.

One visible step: ``forward = accelerate(network, generator)``. The result reads the network's own
parameters and writes its running statistics, so the network stays the one that is saved, exported
and looked at.

Everything here is laid out (height, width, N, channels), "HWNC". Pooling, patches and overlapping
sums are then slices of the two outer dimensions, each a long contiguous run, and the products in
between are single matrix products. What follows from the network's shape is used as well: rows and
columns that a later pooling drops are never computed, ReLU comes after max pooling, and the first
batch norm is folded into its convolution.
"""

import ctypes
import platform
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from math import isqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional

Forward = Callable[[Tensor], Tensor]
"""From a batch of images to the network's output."""

MIN_TOOM_COOK_CHANNELS = 32
"""The second convolution saves multiplications from here on; below, moving data costs more."""


def accelerate(network: nn.Module, generator: torch.Generator) -> Forward:
    """The network's forward pass, faster; gradients reach the network's own parameters.

    It follows the network's ``training`` flag. Dropout masks come from ``generator`` instead of
    torch's global one. The images themselves get no gradient.

    Args:
        network: an autoencoder as :mod:`studies.networks` builds it.
        generator: source of the dropout masks.
    """
    encoder: Any = network.encoder
    decoder: Any = network.decoder

    def forward(images: Tensor) -> Tensor:
        latent = _encode(encoder, images, generator)
        hidden = _conv_transpose1(latent, decoder.conv_transpose1)
        output = _conv_transpose2(hidden, decoder.conv_transpose2)
        return output.permute(2, 3, 0, 1).contiguous()

    return forward


def dropout_mask(shape: torch.Size, probability: float, generator: torch.Generator) -> Tensor:
    """Which activations stay: 0 with ``probability``, else 1.

    Every element takes 16 bits of a 64-bit draw from numpy's SFC64, seeded by one draw from
    ``generator``: a tenth of the time of torch's own masks. The probability is rounded to a
    multiple of 2^-16.

    Args:
        shape: of the mask.
        probability: of an activation being zeroed, in [0, 1).
        generator: source of the seed.

    Returns:
        float32 of that shape.
    """
    seed = torch.randint(2**63 - 1, (), generator=generator).item()
    n_words = -(-shape.numel() // 4)
    words = np.random.Generator(np.random.SFC64(seed)).integers(
        2**64, size=n_words, dtype=np.uint64
    )
    bits = torch.from_numpy(words.view(np.int16))[: shape.numel()]
    return bits.ge_(round(probability * 2**16) - 2**15).to(torch.float32).view(shape)


def keep_freed_memory() -> None:
    """Let this process keep the memory it frees instead of giving it back to the system.

    A batch frees and takes again some tens of megabytes, and getting them from the system anew,
    page by page, costs a fifth to a third of its time. Concerns glibc, elsewhere it does nothing;
    changes no result.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    for parameter, n_bytes in (
        (-3, 2**30),  # M_MMAP_THRESHOLD: blocks up to here come from the heap
        (-1, 2**30),  # M_TRIM_THRESHOLD: the heap's free end may grow to this
        (-2, 2**26),  # M_TOP_PAD: and it grows in steps of this
    ):
        libc.mallopt(parameter, n_bytes)


def _encode(encoder: Any, images: Tensor, generator: torch.Generator) -> Tensor:
    """Images (N, 1, 28, 28) to their latent maps (5, 5, N, C)."""
    norms = getattr(encoder, "batchnorm1", None), getattr(encoder, "batchnorm2", None)
    # The second pooling drops the last row and column of its odd 11 × 11 input. What leads there
    # need not be computed, unless batch norm's statistics count it.
    size = 26 if norms[0] and encoder.training else 24
    patches = _patches(images, size)
    weight = _with_bias(encoder.conv1, norms[0], patches)
    maps = (patches.t() @ weight).view(size, size, len(images), -1)
    maps = _pool_block(maps, encoder, 1, generator)
    maps = _conv2(maps, encoder.conv2)
    if norms[1]:
        maps = _batch_norm(maps, norms[1])
    return _pool_block(maps, encoder, 2, generator)


def _patches(images: Tensor, size: int) -> Tensor:
    """The 3 × 3 neighbourhoods of ``size`` × ``size`` positions, and a row of ones for the bias.

    Args:
        images: (N, 1, 28, 28).
        size: positions along a side.

    Returns:
        (10, size · size · N).
    """
    n = len(images)
    pixels = images.squeeze(1).permute(1, 2, 0).contiguous()  # (28, 28, N)
    patches = pixels.new_ones(10, size * size * n)
    shifted = pixels[: size + 2, : size + 2].unfold(0, size, 1).unfold(1, size, 1)
    patches[:9].view(3, 3, size, size, n).copy_(shifted.permute(0, 1, 3, 4, 2))
    return patches


def _with_bias(conv: nn.Conv2d, norm: nn.BatchNorm2d | None, patches: Tensor) -> Tensor:
    """The first convolution's weights over its bias, (10, C), batch norm folded in.

    Mean and variance of a convolution's output follow from mean and covariance of its input
    patches, so they are known before the output is; gradients flow through them as through batch
    norm. In float64, as the covariance is a difference of nearly equal numbers.
    """
    weight, bias = conv.weight.flatten(1).t(), conv.bias
    assert bias is not None
    if norm is None:
        return torch.cat((weight, bias.unsqueeze(0)))
    if norm.training:
        moments = patches.double()
        moments = moments @ moments.t() / patches.shape[1]
        patch_mean = moments[9, :9]
        covariance = moments[:9, :9] - torch.outer(patch_mean, patch_mean)
        mean = patch_mean @ weight.double() + bias
        variance = (weight.double() * (covariance @ weight.double())).sum(0)
        _update_running(norm, mean.detach(), variance.detach(), patches.shape[1])
    else:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        mean, variance = norm.running_mean, norm.running_var
    scale = norm.weight * (variance + norm.eps).rsqrt()
    return torch.cat((weight * scale, ((bias - mean) * scale + norm.bias).unsqueeze(0))).float()


@torch.no_grad()
def _update_running(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    norm.running_mean.lerp_(mean.float(), norm.momentum)
    norm.running_var.lerp_((variance * count / (count - 1)).float(), norm.momentum)
    norm.num_batches_tracked.add_(1)


def _batch_norm(maps: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Batch norm of maps (H, W, N, C), shown to torch in the layout whose kernel is fast."""
    if maps.is_contiguous():
        rows = norm(maps.flatten(1, 2).permute(2, 0, 1).unsqueeze(0))  # (1, C, H, W · N)
        return rows.squeeze(0).permute(1, 2, 0).reshape(maps.shape)
    normed: Tensor = norm(maps.permute(2, 3, 0, 1))
    return normed.permute(2, 3, 0, 1)


def _pool_block(maps: Tensor, encoder: Any, block: int, generator: torch.Generator) -> Tensor:
    """ReLU → [dropout] → pooling of maps (H, W, N, C), whose memory it overwrites."""
    average = isinstance(getattr(encoder, f"pool{block}"), nn.AvgPool2d)
    dropout = getattr(encoder, f"dropout{block}", None)
    if dropout is None or not dropout.training:
        return _ReluPool.apply(maps, None, 1.0, average)
    height, width, n, channels = maps.shape
    shape = torch.Size((height // 2 * 2, width // 2 * 2, n, channels))
    keep = dropout_mask(shape, dropout.p, generator)
    return _ReluPool.apply(maps, keep, 1 / (1 - dropout.p), average)


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
        ctx.save_for_backward(maps, bottom.gt_(top), pooled)
        top_right.gt_(top_left)
        bottom_right.gt_(bottom_left)
        return pooled * scale if scale != 1 else pooled

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        maps, *rest = ctx.saved_tensors
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


def _conv2(maps: Tensor, layer: nn.Conv2d) -> Tensor:
    """Kernel 3: maps (H, W, N, C) to (H − 2, W − 2, N, C')."""
    if min(layer.in_channels, layer.out_channels) < MIN_TOOM_COOK_CHANNELS:
        images = maps.permute(2, 3, 0, 1).contiguous(memory_format=torch.channels_last)
        images = functional.conv2d(images, layer.weight, layer.bias)
        return images.permute(2, 3, 0, 1)
    tile = 5 if len(maps) == 12 else 4  # outputs along a side; 2 tiles make 10, 3 make 11
    tap_matrix, output_matrix, map_matrix = _toom_cook(tile)
    weight = tap_matrix @ layer.weight.permute(2, 3, 1, 0).reshape(9, -1)
    weight = weight.view(-1, layer.in_channels, layer.out_channels)
    convolved: Tensor = _ConvTiles.apply(
        maps, weight, layer.bias, map_matrix.t(), output_matrix.t()
    )
    return convolved


class _ConvTiles(Function):
    """A 3 × 3 convolution of (H, W, N, C), a row of tiles at a time so that it stays in cache.

    A tile of ``m`` × ``m`` outputs takes (m + 2)² products for each pair of channels instead of
    9·m²: it is :func:`_toom_cook`'s polynomial product, transposed.
    """

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, into: Tensor, out_of: Tensor
    ) -> Tensor:
        size, _, n, channels = maps.shape
        reach, step = isqrt(len(into)), isqrt(len(out_of))
        convolved = maps.new_empty(size - 2, size - 2, n, weight.shape[2])
        points = []
        for sources, targets in zip(
            _tiles(maps, reach, step, size - 2),
            _tiles(convolved, step, step, size - 2),
            strict=True,
        ):
            tiles = maps.new_zeros(reach, reach, len(sources), n, channels)
            for i, source in enumerate(sources):
                tiles[: len(source), : source.shape[1], i] = source
            points.append((into @ tiles.flatten(0, 1).flatten(1)).view(len(into), -1, channels))
            tiles = out_of @ torch.bmm(points[-1], weight).flatten(1)
            tiles = tiles.view(step, step, len(targets), n, -1)
            for i, target in enumerate(targets):
                torch.add(tiles[: len(target), : target.shape[1], i], bias, out=target)
        ctx.save_for_backward(weight, into, out_of, *points)
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


def _conv_transpose1(maps: Tensor, layer: nn.ConvTranspose2d) -> Tensor:
    """Kernel 5, stride 2, ReLU: maps (5, 5, N, C) to (13, 13, N, C')."""
    tap_matrix, map_matrix, output_matrix = _toom_cook(5)
    size, n, channels = len(maps), *maps.shape[2:]
    points = len(map_matrix)
    weight = functional.pad(layer.weight, (0, 1, 0, 1)).unflatten(3, (3, 2)).unflatten(2, (3, 2))
    weight = tap_matrix @ weight.permute(2, 4, 0, 3, 5, 1).reshape(9, -1)
    maps = map_matrix @ maps.reshape(size**2, -1)
    maps = torch.bmm(maps.view(points, n, channels), weight.view(points, channels, -1))
    maps = (output_matrix @ maps.view(points, -1)).view(size + 2, size + 2, n, 2, 2, -1)
    return _Interleave.apply(maps.permute(3, 4, 0, 1, 2, 5), layer.bias, 0, 2 * size + 3, True)


def _conv_transpose2(maps: Tensor, layer: nn.ConvTranspose2d) -> Tensor:
    """Kernel 6, stride 2, padding 1, to one channel: maps (13, 13, N, C) to (28, 28, N, 1)."""
    size, n, channels = len(maps), *maps.shape[2:]
    weight = layer.weight.view(channels, 3, 2, 3, 2).permute(1, 3, 2, 4, 0)
    taps = weight.reshape(36, channels) @ maps.view(-1, channels).t()
    maps = _OverlapSum.apply(taps.view(3, 3, 2, 2, size, size, n, 1))
    return _Interleave.apply(maps, layer.bias, 1, 2 * size + 2, False)


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
        windows = gradient.unfold(2, height, 1).unfold(3, width, 1)  # (2, 2, 3, 3, N, C, H, W)
        return windows.permute(2, 3, 0, 1, 6, 7, 4, 5)


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
def _toom_cook(size: int) -> tuple[Tensor, Tensor, Tensor]:
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
