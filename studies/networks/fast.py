"""The same mathematics as :mod:`studies.networks.plain`, faster on a CPU.

One visible step: ``forward = accelerate(network, generator)``. The result reads the network's own
parameters and writes its running statistics, so the network stays the one that is saved, exported
and looked at.

Everything here is laid out (height, width, N, channels), "HWNC". Pooling, patches and overlapping
sums are then slices of the two outer dimensions, each a long contiguous run, and the products in
between are single matrix products. What follows from the network's shape is used as well: rows and
columns that a later pooling drops are never computed, ReLU comes after max pooling, and the first
batch norm is folded into its convolution, as is any that no longer learns. Blocks in which nothing
learns any more, of a frozen encoder or in evaluation, are oneDNN's where that is faster.
"""

import ctypes
import platform
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from studies.networks.convolutions import conv3, conv_transpose5, conv_transpose6
from studies.networks.plain import Classifier
from studies.networks.pooling import dropout_mask, relu_pool

Forward = Callable[[Tensor], Tensor]
"""From a batch of images to the network's output."""

HAS_ONEDNN: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
"""Whether PyTorch was built with oneDNN, which computes settled blocks: those that do not learn."""

FIRST_MAPS = 3200
"""Maps that a settled first convolution makes at a time, so that they stay in cache."""

MAX_SETTLED_PAIRS = 1024
"""Pairs of channels up to which oneDNN's second convolution is faster than polynomials."""


def accelerate(network: nn.Module, generator: torch.Generator) -> Forward:
    """The network's forward pass, faster; gradients reach the network's own parameters.

    It follows the weights and each module's ``training`` flag as they change. Dropout masks come
    from ``generator`` instead of torch's global one. The images themselves get no gradient. Where
    the first block learns they are read fastest as :func:`laid_out` gives them.

    Args:
        network: an autoencoder or a classifier as :mod:`studies.networks.plain` builds it. One
            whose encoder is not of the paper's shape runs as it is, channels last.
        generator: source of the dropout masks.
    """
    return lambda images: accelerate_fixed(network, generator)(images)


def accelerate_fixed(network: Any, generator: torch.Generator) -> Forward:
    """The same until weights or flags change: what follows from them alone is computed once."""
    encode = accelerate_encoder(network.encoder, generator)
    if isinstance(network, Classifier):
        head = network.head
        return lambda images: run(head, encode(images), generator)
    decoder = network.decoder
    if not _has_papers_shape(network.encoder):
        return lambda images: run(decoder, encode(images), generator).contiguous()
    hidden = conv_transpose5(decoder.conv_transpose1)
    output = conv_transpose6(decoder.conv_transpose2)

    def reconstruct(images: Tensor) -> Tensor:
        maps: Tensor = output(hidden(encode(images).permute(2, 3, 0, 1)))
        return maps.permute(2, 3, 0, 1)

    return _unless_empty(reconstruct, network)


def accelerate_encoder(encoder: nn.Sequential, generator: torch.Generator) -> Forward:
    """As :func:`accelerate_fixed`, from images to their latent maps (N, C, H, W)."""
    if not _has_papers_shape(encoder):  # in the layout whose convolutions are fast on a CPU
        return lambda images: run(
            encoder, images.contiguous(memory_format=torch.channels_last), generator
        )
    return _unless_empty(_encoder(encoder, generator), encoder)


def laid_out(pixels: Tensor) -> Tensor:
    """The same (N, 28, 28), with the images' equal positions side by side in memory."""
    return pixels.permute(1, 2, 0).contiguous().permute(2, 0, 1)


def run(modules: nn.Sequential, inputs: Tensor, generator: torch.Generator) -> Tensor:
    """The modules one after another, with dropout masks from ``generator``."""
    for module in modules:
        if not isinstance(module, nn.Dropout):
            inputs = module(inputs)
        elif module.training:
            keep = dropout_mask(inputs.shape, module.p, generator)
            inputs = inputs * keep.mul_(1 / (1 - module.p))
    return inputs


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


def _has_papers_shape(encoder: nn.Sequential) -> bool:
    """Two convolutions of kernel 3 without padding, and ReLU."""
    convolutions = [m for m in encoder if isinstance(m, nn.Conv2d)]
    shapes = [(conv.kernel_size, conv.padding) for conv in convolutions]
    names = dict(encoder.named_children())
    return shapes == [((3, 3), (0, 0))] * 2 and isinstance(names["activation1"], nn.ReLU)


def _unless_empty(forward: Forward, plain: nn.Module) -> Forward:
    """Of no images views cannot tell what shape nothing has; the plain modules can."""
    return lambda images: forward(images) if len(images) else plain(images)


def _encoder(encoder: Any, generator: torch.Generator) -> Forward:
    """From images (N, 1, 28, 28) to their latent maps (N, C, 5, 5)."""
    norm1, norm2 = (getattr(encoder, f"batchnorm{block}", None) for block in (1, 2))
    # The second pooling drops the last row and column of its odd 11 × 11 input. What leads there
    # need not be computed, unless batch norm's statistics count it.
    size = 26 if any(norm is not None and norm.training for norm in (norm1, norm2)) else 24
    weight1, bias1 = _folded(encoder.conv1, norm1)
    weight2, bias2 = _folded(encoder.conv2, norm2)
    if _is_settled(encoder, 1, weight1):
        if _is_settled(encoder, 2, weight2) and weight2.shape[:2].numel() <= MAX_SETTLED_PAIRS:
            block1 = _settled_block(encoder, 1, weight1, bias1)
            block2 = _settled_block(encoder, 2, weight2, bias2)
            return lambda images: block2(block1(_cropped(images, size).to_mkldnn())).to_dense()
        first = _settled_first(encoder, weight1, bias1, size)
    else:
        first = _first(encoder, weight1, bias1, size, generator)
    conv2 = conv3(weight2, bias2, size // 2)

    def encode(images: Tensor) -> Tensor:
        maps = conv2(first(images))
        if norm2 and norm2.training:
            maps = _batch_norm(maps, norm2)
        return _pool_block(maps, encoder, 2, generator).permute(2, 3, 0, 1)

    return encode


def _first(
    encoder: Any, weight: Tensor, bias: Tensor, size: int, generator: torch.Generator
) -> Forward:
    """The first block, from images to maps (H, W, N, C), by patches and one matrix product."""
    norm = getattr(encoder, "batchnorm1", None)

    def forward(images: Tensor) -> Tensor:
        patches = _patches(images, size)
        if norm and norm.training:
            rows = _normalised(encoder.conv1, norm, patches)
        else:
            rows = torch.cat((weight.flatten(1).t(), bias.unsqueeze(0)))
        maps = (patches.t() @ rows).view(size, size, len(images), -1)
        return _pool_block(maps, encoder, 1, generator)

    return forward


def _settled_first(encoder: Any, weight: Tensor, bias: Tensor, size: int) -> Forward:
    """The same of a settled block by oneDNN: maps (H, W, N, C) that lie (N, C, W, H) in memory."""
    block = _settled_block(encoder, 1, weight.mT, bias)  # rows and columns change places
    n_at_once = max(FIRST_MAPS // len(weight), 1)

    def forward(images: Tensor) -> Tensor:
        parts = torch.split(_cropped(images, size).mT, n_at_once)
        maps = torch.cat([block(part.to_mkldnn()).to_dense() for part in parts])
        return maps.permute(3, 2, 0, 1)

    return forward


def _is_settled(encoder: Any, block: int, weight: Tensor) -> bool:
    """Whether nothing in the block learns or is drawn, and oneDNN is there to compute it."""
    learns = torch.is_grad_enabled() and weight.requires_grad
    draws = any(
        getattr(getattr(encoder, f"{layer}{block}", None), "training", False)
        for layer in ("batchnorm", "dropout")
    )
    return not learns and not draws and HAS_ONEDNN


def _settled_block(encoder: Any, block: int, weight: Tensor, bias: Tensor) -> Forward:
    """Convolution, ReLU and pooling from and to maps (N, C, H, W) in oneDNN's own layout."""
    average = _averages(encoder, block)
    weight, bias = weight.detach().to_mkldnn(), bias.detach().to_mkldnn()

    def forward(maps: Tensor) -> Tensor:
        maps = functional.conv2d(maps, weight, bias)
        if average:
            return functional.avg_pool2d(maps.relu_(), 2)
        return functional.max_pool2d(maps, 2).relu_()  # as in relu_pool

    return forward


def _averages(encoder: Any, block: int) -> bool:
    """Whether the block's pooling takes the mean, instead of the largest."""
    return isinstance(getattr(encoder, f"pool{block}"), nn.AvgPool2d)


def _cropped(images: Tensor, size: int) -> Tensor:
    """What ``size`` × ``size`` outputs of the first convolution need of the images."""
    return images[..., : size + 2, : size + 2]


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d | None) -> tuple[Tensor, Tensor]:
    """The convolution's weights and bias, a batch norm that no longer learns multiplied in."""
    assert conv.bias is not None
    if norm is None or norm.training:
        return conv.weight, conv.bias
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    bias = (conv.bias - norm.running_mean) * scale + norm.bias
    return conv.weight * scale.view(-1, 1, 1, 1), bias


def _patches(images: Tensor, size: int) -> Tensor:
    """The 3 × 3 neighbourhoods of ``size`` × ``size`` positions, and a row of ones for the bias.

    From (N, 1, 28, 28) to (10, size · size · N).
    """
    n = len(images)
    pixels = images.squeeze(1).permute(1, 2, 0).contiguous()  # (28, 28, N)
    patches = pixels.new_empty(10, size * size * n)
    patches[9] = 1
    shifted = pixels[: size + 2, : size + 2].unfold(0, size, 1).unfold(1, size, 1)
    patches[:9].view(3, 3, size, size, n).copy_(shifted.permute(0, 1, 3, 4, 2))
    return patches


def _normalised(conv: nn.Conv2d, norm: nn.BatchNorm2d, patches: Tensor) -> Tensor:
    """The first convolution's weights over its bias, (10, C), the batch's batch norm folded in.

    Mean and variance of a convolution's output follow from mean and covariance of its input
    patches, so they are known before the output is; gradients flow through them as through batch
    norm. In float64, as the covariance is a difference of nearly equal numbers.
    """
    weight, bias = conv.weight.flatten(1).t(), conv.bias
    assert bias is not None
    moments = patches.double()
    moments = moments @ moments.t() / patches.shape[1]
    patch_mean = moments[9, :9]
    covariance = moments[:9, :9] - torch.outer(patch_mean, patch_mean)
    mean = patch_mean @ weight.double() + bias
    variance = (weight.double() * (covariance @ weight.double())).sum(0)
    _update_running(norm, mean.detach(), variance.detach(), patches.shape[1])
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
        rows: Tensor = norm(maps.flatten(1, 2).permute(2, 0, 1).unsqueeze(0))  # (1, C, H, W · N)
        return rows.squeeze(0).permute(1, 2, 0).reshape(maps.shape)
    normed: Tensor = norm(maps.permute(2, 3, 0, 1))
    return normed.permute(2, 3, 0, 1)


def _pool_block(maps: Tensor, encoder: Any, block: int, generator: torch.Generator) -> Tensor:
    dropout = getattr(encoder, f"dropout{block}", None)
    return relu_pool(maps, dropout, _averages(encoder, block), generator)
