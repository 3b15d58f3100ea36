"""The networks, plainly: each is the list of layers that the paper prints.

How the same mathematics runs faster is :mod:`studies.fast`'s business; the weights, their names in
the ``state_dict`` and what is exported are these modules'.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from spaces.autoencoder import (
    PIXEL_MEAN,
    PIXEL_STD,
    AutoencoderConfig,
    Layer,
    decoder_layers,
    encoder_layers,
)


def scale_pixels(pixels: Tensor) -> Tensor:
    """Images as networks take them.

    Args:
        pixels: uint8 (N, 28, 28).

    Returns:
        float32 (N, 1, 28, 28) in [−1, 1].
    """
    scaled = pixels.to(torch.float32).mul_(1 / (255 * PIXEL_STD)).sub_(PIXEL_MEAN / PIXEL_STD)
    return scaled.unsqueeze(1)


class Autoencoder(nn.Module):
    """Encoder and decoder of the paper's Table 2.

    ``encoder`` maps float32 (N, 1, 28, 28) in [−1, 1] to (N, conv2_channels, 5, 5); ``decoder``
    maps that back to (N, 1, 28, 28), linearly at the end, so its pixels may leave [−1, 1].
    """

    def __init__(self, encoder: nn.Sequential, decoder: nn.Sequential) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, images: Tensor) -> Tensor:
        """The images, encoded and decoded: float32 (N, 1, 28, 28) to the same shape."""
        latent = self.encoder(images)
        decoded: Tensor = self.decoder(latent)
        return decoded


def build_autoencoder(config: AutoencoderConfig) -> Autoencoder:
    """The network of a configuration; initial weights are PyTorch's, from its global generator."""
    return Autoencoder(build_encoder(config), build_decoder(config))


def build_encoder(config: AutoencoderConfig) -> nn.Sequential:
    """Twice: convolution → [batch norm] → ReLU → [dropout] → pooling.

    Why in this order is said in :mod:`spaces.autoencoder`.
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    channels_in, block = 1, 1
    for layer in encoder_layers(config):
        if layer.kind == "conv":
            modules[f"conv{block}"] = _conv(channels_in, layer)
            channels_in = layer.channels
        elif layer.kind == "batchnorm":
            modules[f"batchnorm{block}"] = nn.BatchNorm2d(layer.channels)
        else:
            modules[f"relu{block}"] = nn.ReLU()
            if config.dropout > 0:
                modules[f"dropout{block}"] = nn.Dropout(config.dropout)
            modules[f"pool{block}"] = _pool(layer)
            block += 1
    return nn.Sequential(modules)


def build_decoder(config: AutoencoderConfig) -> nn.Sequential:
    """Transposed convolution → ReLU → transposed convolution."""
    first, second = decoder_layers(config)
    return nn.Sequential(
        OrderedDict(
            conv_transpose1=_conv_transpose(config.conv2_channels, first),
            relu1=nn.ReLU(),
            conv_transpose2=_conv_transpose(first.channels, second),
        )
    )


def _conv(channels_in: int, layer: Layer) -> nn.Conv2d:
    return nn.Conv2d(channels_in, layer.channels, layer.kernel, layer.stride, layer.padding)


def _conv_transpose(channels_in: int, layer: Layer) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(
        channels_in, layer.channels, layer.kernel, layer.stride, layer.padding
    )


def _pool(layer: Layer) -> nn.Module:
    pooling = nn.MaxPool2d if layer.kind == "max_pool" else nn.AvgPool2d
    return pooling(layer.kernel, layer.stride, layer.padding)
