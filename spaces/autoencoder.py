"""The autoencoder's configuration, layers and search space; the network is built elsewhere.

Two things the paper does not say are settled here, by what comes closest to its published losses:

* The **pixel scale** is [−1, 1] (``PIXEL_MEAN`` and ``PIXEL_STD``). On [0, 1] the baseline falls
  to a loss of 1.4 % within six epochs, far below the 7.26 % of its Table 3.
* **Dropout sits before each pooling**, after the activation. There the baseline ends near the
  published validation loss; after each pooling it ends near 5 %.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, get_args

from annotated_types import Interval

from spaces.arithmetic import (
    batchnorm_parameters,
    conv_parameters,
    conv_size,
    conv_transpose_size,
)
from spaces.checking import Share
from spaces.dimensions import Choices, FloatRange, When
from spaces.errors import ConfigurationError
from spaces.recipe import Activation, TrainingRecipe, require_buildable, training_dimensions
from spaces.space import SearchSpace

Pooling = Literal["max", "avg"]

Padding = Literal["valid", "same"]

PoolKind = Literal["max_pool", "avg_pool"]

Channels = Annotated[int, Interval(ge=1, le=4096)]

Kernel = Literal[1, 3, 5, 7]

IMAGE_SIZE = 28
"""Side of a Fashion-MNIST image in pixels."""

PIXEL_MEAN = 0.5
"""Subtracted from pixels in [0, 1] before dividing by ``PIXEL_STD``."""
PIXEL_STD = 0.5

POOL_KINDS: dict[Pooling, PoolKind] = {"max": "max_pool", "avg": "avg_pool"}
"""The layer's kind for each choice of pooling."""


@dataclass(frozen=True)
class AutoencoderConfig(TrainingRecipe):
    """One convolutional autoencoder and how it is trained.

    The defaults are what the paper keeps fixed (Table 1) and the plainest of its choices. The
    loss is the mean squared error over pixels scaled to [−1, 1].
    """

    dropout: Share = 0.0
    """Probability of zeroing an activation, before each pooling; in [0, 1)."""
    batchnorm: bool = False
    """Batch norm after each convolution of the encoder, so before each pooling (Sec. 3.1)."""
    pool1: Pooling = "max"
    """Kind of the first 2×2 pooling."""
    pool2: Pooling = "max"
    """Kind of the second 2×2 pooling."""
    conv1_channels: Channels = 16
    """Output channels of the first convolution."""
    conv2_channels: Channels = 32
    """Output channels of the second convolution; of two blocks, the depth of the latent map."""
    padding: Padding = "valid"
    """Whether convolutions of the encoder shrink their map, as the paper's do, or keep its size."""
    n_blocks: Literal[2, 3] = 2
    """Blocks of the encoder, each with its pooling: 2 as in the paper, or 3."""
    conv3_channels: Channels = 128
    """Output channels of a third convolution, where there is one."""
    pool3: Pooling = "max"
    """Kind of a third pooling, where there is one."""
    kernel1: Kernel = 3
    """Side of the kernel of the first block's first convolution."""
    kernel2: Kernel = 3
    """The same of the second block. A third one's is 3."""
    convs_per_block: Literal[1, 2] = 1
    """Convolutions before each pooling: 1 as in the paper, or a second one with kernel 3, as many
    channels, and its own batch norm and activation."""
    activation: Activation = "relu"
    """After each layer but the last (Table 1)."""

    TRAINING_ALONE = TrainingRecipe.TRAINING_ALONE | {"dropout"}

    def __post_init__(self) -> None:
        """Refuse values no network can be built from, naming the field."""
        super().__post_init__()
        if encoder_layers(self)[-1].size < 1:
            raise ConfigurationError(
                f"kernels {self.kernel1} and {self.kernel2} with {self.n_blocks} blocks leave no "
                "pixel; use smaller kernels, fewer blocks or convolutions, or padding same"
            )
        require_buildable(self.n_parameters())

    def in_words(self) -> str:
        """The configuration in a few words: ``64/96 ch, max/avg, batch norm``."""
        blocks = self.blocks()
        shape = [
            "/".join(str(block.channels) for block in blocks) + " ch",
            "/".join(block.pool for block in blocks),
        ]
        each = range(1, self.n_blocks + 1)
        told = {"n_blocks", *(f"conv{i}_channels" for i in each), *(f"pool{i}" for i in each)}
        kernels = f"kernels {self.kernel1}/{self.kernel2}"
        words = {
            "batchnorm": "batch norm",
            "dropout": "dropout {}",
            "convs_per_block": "{} convolutions a block",
            "padding": "{} padding",
            "kernel1": kernels,
            "kernel2": kernels,
            "activation": "{}",
            "optimizer": "{}",
        }
        return ", ".join(shape + self.said(words, told))

    def blocks(self) -> tuple["EncoderBlock", ...]:
        """The encoder's blocks, from the image on."""
        blocks = (
            EncoderBlock(self.conv1_channels, self._kernels(self.kernel1), self.pool1),
            EncoderBlock(self.conv2_channels, self._kernels(self.kernel2), self.pool2),
            EncoderBlock(self.conv3_channels, self._kernels(3), self.pool3),
        )
        return blocks[: self.n_blocks]

    def _kernels(self, first: int) -> tuple[int, ...]:
        return (first, 3)[: self.convs_per_block]

    def n_parameters(self) -> int:
        """Trainable parameters of encoder and decoder; the paper's baseline has 18,193."""
        layers = encoder_layers(self) + decoder_layers(self)
        return sum(layer.n_parameters for layer in layers)

    def n_multiply_adds(self) -> int:
        """Multiplications, each with its addition, of the convolutions over one image."""
        layers = encoder_layers(self) + decoder_layers(self)
        return sum(layer.n_multiply_adds for layer in layers)


class EncoderBlock(NamedTuple):
    """One convolution of the encoder, or two, and the pooling after it."""

    channels: int
    kernels: tuple[int, ...]
    """Of each convolution."""
    pool: Pooling


class Layer(NamedTuple):
    """One row of the paper's Table 2: a layer and the shape it puts out."""

    kind: Literal["conv", "batchnorm", "max_pool", "avg_pool", "conv_transpose", "linear"]
    channels: int
    """Output channels."""
    size: int
    """Side of the output in pixels; 1 after a fully connected layer."""
    kernel: int
    stride: int
    padding: int
    n_parameters: int
    n_multiply_adds: int = 0
    """For one image; those of batch norm and pooling are not counted."""


def encoder_layers(config: AutoencoderConfig) -> tuple[Layer, ...]:
    """Layers 1 to 4 of Table 2, with a batch norm after each convolution where the config has it.

    Activation and dropout have neither shape nor parameters and do not appear.
    """
    layers: list[Layer] = []
    channels, size = 1, IMAGE_SIZE
    for block in config.blocks():
        for kernel in block.kernels:
            padding = kernel // 2 if config.padding == "same" else 0
            size = conv_size(size, kernel, padding=padding)
            n_parameters = conv_parameters(channels, block.channels, kernel)
            work = channels * block.channels * kernel**2 * size**2
            layers.append(
                Layer("conv", block.channels, size, kernel, 1, padding, n_parameters, work)
            )
            channels = block.channels
            if config.batchnorm:
                n_parameters = batchnorm_parameters(channels)
                layers.append(Layer("batchnorm", channels, size, 1, 1, 0, n_parameters))
        size = conv_size(size, kernel=2, stride=2)
        layers.append(Layer(POOL_KINDS[block.pool], channels, size, 2, 2, 0, 0))
    return tuple(layers)


def decoder_layers(config: AutoencoderConfig) -> tuple[Layer, ...]:
    """Layers 5 and 6 of Table 2, with layer 5's padding corrected; of three blocks, three.

    The table prints padding 2 for layer 5, which gives (5−1)·2 − 2·2 + 5 = 9 pixels; its stated
    output of 13 pixels, and layer 6's 28 after it, need padding 0. Each layer undoes one block:
    it puts out as many pixels and channels as the block took in.
    """
    encoded = encoder_layers(config)[-1]
    layers: list[Layer] = []
    channels, size = encoded.channels, encoded.size
    for channels_out, target in reversed(_block_inputs(config)):
        kernel, padding = _undoing(size, target)
        assert conv_transpose_size(size, kernel, stride=2, padding=padding) == target
        n_parameters = conv_parameters(channels, channels_out, kernel)
        work = channels * channels_out * kernel**2 * size**2
        layers.append(
            Layer("conv_transpose", channels_out, target, kernel, 2, padding, n_parameters, work)
        )
        channels, size = channels_out, target
    return tuple(layers)


def _block_inputs(config: AutoencoderConfig) -> list[tuple[int, int]]:
    """Channels and size that each block takes in."""
    pooled = [layer for layer in encoder_layers(config) if layer.kind in POOL_KINDS.values()]
    return [(1, IMAGE_SIZE), *((layer.channels, layer.size) for layer in pooled[:-1])]


def _undoing(size: int, target: int) -> tuple[int, int]:
    """Kernel and padding of the transposed convolution of stride 2 from ``size`` to ``target``.

    The table's 5 and 0 from 5 to 13 pixels and 6 and 1 from 13 to 28, and in their manner else.
    """
    missing = target - 2 * (size - 1)
    padding = 1 if missing < 5 else 0
    return missing + 2 * padding, padding


PAPER_SPACE = SearchSpace(
    "paper",
    AutoencoderConfig(),
    (
        FloatRange("dropout", "Dropout before each pooling.", 0.0, 0.5, step=0.05),
        Choices("batchnorm", "Batch norm after each convolution of the encoder.", (False, True)),
        Choices("pool1", "First pooling.", get_args(Pooling)),
        Choices("pool2", "Second pooling.", get_args(Pooling)),
        Choices("conv1_channels", "Channels of the first convolution.", (8, 16, 32, 48, 64, 96)),
        Choices("conv2_channels", "Channels of the second convolution.", (16, 32, 64, 96, 128)),
    ),
)
"""The product of the choices the paper makes one at a time, with the values between and around."""

WIDE_SPACE = SearchSpace(
    "wide",
    AutoencoderConfig(),
    (
        *(d for d in PAPER_SPACE.dimensions if not d.name.startswith("conv")),
        Choices(
            "conv1_channels", "Channels of the first convolution.", (8, 16, 32, 48, 64, 96, 128)
        ),
        Choices(
            "conv2_channels", "Channels of the second convolution.", (16, 32, 64, 96, 128, 192, 256)
        ),
        Choices(
            "padding",
            "valid: convolutions shrink their map; same: they keep its size.",
            get_args(Padding),
        ),
        Choices("n_blocks", "Blocks of the encoder.", (2, 3), When("padding", ("same",))),
        Choices(
            "conv3_channels",
            "Channels of the third convolution.",
            (32, 64, 128, 256),
            When("n_blocks", (3,)),
        ),
        Choices("pool3", "Third pooling.", get_args(Pooling), When("n_blocks", (3,))),
        Choices("kernel1", "Side of the first convolution's kernel.", (3, 5)),
        Choices("kernel2", "Side of the second convolution's kernel.", (3, 5)),
        Choices("convs_per_block", "Convolutions before each pooling.", (1, 2)),
        Choices("activation", "Activation after each layer but the last.", get_args(Activation)),
        *training_dimensions(("adam", "adamw")),
    ),
)
"""Beyond the paper: depth, kernels, activation, and how the training goes."""
