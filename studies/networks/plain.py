"""The networks, plainly: each is the list of layers that the paper prints.

How the same mathematics runs faster is :mod:`studies.networks.fast`'s business; the weights, their
names in the ``state_dict`` and what is exported are these modules'.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn

from spaces.autoencoder import (
    PIXEL_MEAN,
    PIXEL_STD,
    POOL_KINDS,
    AutoencoderConfig,
    Layer,
    decoder_layers,
    encoder_layers,
)
from spaces.classifier import N_CLASSES, ClassifierConfig
from spaces.errors import StudyError
from spaces.recipe import Activation
from spaces.space import Configuration

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


def scale_pixels(pixels: Tensor) -> Tensor:
    """Images, uint8 (N, 28, 28), as networks take them: float32 (N, 1, 28, 28) in [−1, 1]."""
    scaled = pixels.to(torch.float32).mul_(1 / (255 * PIXEL_STD)).sub_(PIXEL_MEAN / PIXEL_STD)
    return scaled.unsqueeze(1)


class Autoencoder(nn.Module):
    """Encoder and decoder of the paper's Table 2.

    ``encoder`` maps float32 (N, 1, 28, 28) in [−1, 1] to the latent map, of the paper's networks
    (N, conv2_channels, 5, 5); ``decoder`` maps that back to (N, 1, 28, 28), linearly at the end, so
    its pixels may leave [−1, 1].
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


class Classifier(nn.Module):
    """An autoencoder's encoder, and a head on its flattened latent map.

    ``encoder`` maps float32 (N, 1, 28, 28) in [−1, 1] to the latent map; ``head`` maps that to
    logits (N, 10).
    """

    def __init__(self, encoder: nn.Sequential, head: nn.Sequential) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self._n_frozen = 0

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, 10) of float32 (N, 1, 28, 28)."""
        logits: Tensor = self.head(self.encoder(images))
        return logits

    def freeze(self, n_blocks: int) -> None:
        """Freeze the encoder's first blocks, and no others.

        A frozen block gets no gradient and stays in evaluation mode, also after ``train()``: its
        parameters and its batch norm's statistics do not change.
        """
        self._n_frozen = n_blocks
        for block, module in encoder_blocks(self.encoder):
            module.requires_grad_(block > n_blocks)
            for parameter in module.parameters() if block <= n_blocks else ():
                parameter.grad = None
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all that is not frozen."""
        super().train(mode)
        for block, module in encoder_blocks(self.encoder):
            if block <= self._n_frozen:
                module.eval()
        return self


def encoder_blocks(encoder: nn.Sequential) -> list[tuple[int, nn.Module]]:
    """Each of the encoder's modules with the number of its block, from 1."""
    return [(int(name[-1]), module) for name, module in encoder.named_children()]


def build(config: Configuration) -> Autoencoder | Classifier:
    """The network of a configuration; initial weights are PyTorch's, from its global generator."""
    if isinstance(config, ClassifierConfig):
        return build_classifier(config)
    assert isinstance(config, AutoencoderConfig)
    return build_autoencoder(config)


def build_autoencoder(config: AutoencoderConfig) -> Autoencoder:
    """Encoder and decoder."""
    return Autoencoder(build_encoder(config), build_decoder(config))


def build_classifier(config: ClassifierConfig) -> Classifier:
    """Encoder and head; which blocks are frozen in the first epoch is the trainer's business."""
    return Classifier(build_encoder(config.encoder), build_head(config))


def load_encoder(network: Classifier, weights: Mapping[str, Tensor]) -> None:
    """Copy an encoder's weights and statistics, its ``state_dict``, bit for bit.

    Raises:
        StudyError: they are another encoder's.
    """
    try:
        network.encoder.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise StudyError(f"the weights do not fit the classifier's encoder: {error}") from error


def build_encoder(config: AutoencoderConfig) -> nn.Sequential:
    """Two or three times: convolution → [batch norm] → activation → [dropout] → pooling.

    Why in this order is said in :mod:`spaces.autoencoder`. Of two convolutions in a block each has
    its batch norm and activation, the second one's modules are named ``second_…``, and dropout
    comes once.
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    channels_in, block = 1, 1
    for layer in encoder_layers(config):
        if layer.kind == "conv":
            which = "second_" if f"conv{block}" in modules else ""
            modules[f"{which}conv{block}"] = _conv(channels_in, layer)
            if config.batchnorm:
                modules[f"{which}batchnorm{block}"] = nn.BatchNorm2d(layer.channels)
            modules[f"{which}activation{block}"] = ACTIVATIONS[config.activation]()
            channels_in = layer.channels
        elif layer.kind in POOL_KINDS.values():
            if config.dropout > 0:
                modules[f"dropout{block}"] = nn.Dropout(config.dropout)
            modules[f"pool{block}"] = _pool(layer)
            block += 1
    return nn.Sequential(modules)


def build_decoder(config: AutoencoderConfig) -> nn.Sequential:
    """Transposed convolutions, an activation after each but the last."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    channels_in, layers = encoder_layers(config)[-1].channels, decoder_layers(config)
    for number, layer in enumerate(layers, start=1):
        modules[f"conv_transpose{number}"] = _conv_transpose(channels_in, layer)
        channels_in = layer.channels
        if number < len(layers):
            modules[f"activation{number}"] = ACTIVATIONS[config.activation]()
    return nn.Sequential(modules)


def build_head(config: ClassifierConfig) -> nn.Sequential:
    """Flatten → [linear] → [batch norm] → [activation] → [dropout] → linear of 10."""
    modules: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    latent = encoder_layers(config.encoder)[-1]
    features = latent.channels * latent.size**2
    if config.fc_width:
        modules["linear1"] = nn.Linear(features, config.fc_width)
        features = config.fc_width
    if config.batchnorm:
        modules["batchnorm1"] = nn.BatchNorm1d(features)
    if config.fc_width:
        modules["activation1"] = ACTIVATIONS[config.activation]()
    if config.dropout > 0:
        modules["dropout1"] = nn.Dropout(config.dropout)
    modules["output"] = nn.Linear(features, N_CLASSES)
    return nn.Sequential(modules)


def _conv(channels_in: int, layer: Layer) -> nn.Conv2d:
    return nn.Conv2d(channels_in, layer.channels, layer.kernel, layer.stride, layer.padding)


def _conv_transpose(channels_in: int, layer: Layer) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(
        channels_in, layer.channels, layer.kernel, layer.stride, layer.padding
    )


def _pool(layer: Layer) -> nn.Module:
    pooling = nn.MaxPool2d if layer.kind == "max_pool" else nn.AvgPool2d
    return pooling(layer.kernel, layer.stride, layer.padding)
