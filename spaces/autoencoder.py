"""The autoencoder's configuration, layers and search space; the network is built elsewhere.

Two things the paper does not say are settled here, by what comes closest to its published losses:

* The **pixel scale** is [−1, 1] (``PIXEL_MEAN`` and ``PIXEL_STD``). On [0, 1] the baseline falls
  to a loss of 1.4 % within six epochs, far below the 7.26 % of its Table 3.
* **Dropout sits before each pooling**, after the activation. There the baseline ends near the
  published validation loss; after each pooling it ends near 5 %.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, Self, get_args

from spaces.arithmetic import (
    batchnorm_parameters,
    conv_parameters,
    conv_size,
    conv_transpose_size,
)
from spaces.dimensions import Choices, FloatRange
from spaces.errors import ConfigurationError
from spaces.space import SearchSpace

Pooling = Literal["max", "avg"]

PoolKind = Literal["max_pool", "avg_pool"]

IMAGE_SIZE = 28
"""Side of a Fashion-MNIST image in pixels."""

PIXEL_MEAN = 0.5
"""Subtracted from pixels in [0, 1] before dividing by ``PIXEL_STD``."""
PIXEL_STD = 0.5

POOL_KINDS: dict[Pooling, PoolKind] = {"max": "max_pool", "avg": "avg_pool"}
"""The layer's kind for each choice of pooling."""


@dataclass(frozen=True)
class AutoencoderConfig:
    """One convolutional autoencoder and how it is trained.

    The defaults are what the paper keeps fixed (Table 1) and the plainest of its choices. The
    activation is ReLU, the loss the mean squared error over pixels scaled to [−1, 1], the
    optimiser Adam.
    """

    dropout: float = 0.0
    """Probability of zeroing an activation, before each pooling; in [0, 1)."""
    batchnorm: bool = False
    """Batch norm after each convolution of the encoder, so before each pooling (Sec. 3.1)."""
    pool1: Pooling = "max"
    """Kind of the first 2×2 pooling."""
    pool2: Pooling = "max"
    """Kind of the second 2×2 pooling."""
    conv1_channels: int = 16
    """Output channels of the first convolution."""
    conv2_channels: int = 32
    """Output channels of the second convolution, so depth of the latent 5×5 map."""
    learning_rate: float = 1e-3
    """Adam's step size (Table 1)."""
    batch_size: int = 100
    """Images a step (Table 1)."""

    def __post_init__(self) -> None:
        """Refuse values no network can be built from, naming the field."""
        if not (_is_number(self.dropout) and 0 <= self.dropout < 1):
            raise ConfigurationError(f"dropout must be in [0, 1); got {self.dropout!r}")
        if not isinstance(self.batchnorm, bool):
            raise ConfigurationError(f"batchnorm must be true or false; got {self.batchnorm!r}")
        for name in ("pool1", "pool2"):
            if getattr(self, name) not in get_args(Pooling):
                raise ConfigurationError(
                    f"{name} must be one of {', '.join(get_args(Pooling))}; "
                    f"got {getattr(self, name)!r}"
                )
        for name in ("conv1_channels", "conv2_channels", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigurationError(f"{name} must be a whole number from 1; got {value!r}")
        if not (_is_number(self.learning_rate) and 0 < self.learning_rate < float("inf")):
            raise ConfigurationError(f"learning_rate must be above 0; got {self.learning_rate!r}")

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The configuration that :meth:`to_dict` wrote; absent fields take their defaults.

        Raises:
            ConfigurationError: a field is unknown or its value cannot be.
        """
        unknown = sorted(set(fields) - set(cls.__dataclass_fields__))
        if unknown:
            raise ConfigurationError(
                f"unknown field {unknown[0]!r}; an autoencoder has "
                f"{', '.join(cls.__dataclass_fields__)}"
            )
        return cls(**fields)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Layer(NamedTuple):
    """One row of the paper's Table 2: a layer and the shape it puts out."""

    kind: Literal["conv", "batchnorm", "max_pool", "avg_pool", "conv_transpose"]
    channels: int
    """Output channels."""
    size: int
    """Side of the output in pixels."""
    kernel: int
    stride: int
    padding: int
    n_parameters: int


def encoder_layers(config: AutoencoderConfig) -> tuple[Layer, ...]:
    """Layers 1 to 4 of Table 2, with a batch norm after each convolution where the config has it.

    Activation and dropout have neither shape nor parameters and do not appear.
    """
    layers: list[Layer] = []
    channels, size = 1, IMAGE_SIZE
    for channels_out, pool in (
        (config.conv1_channels, config.pool1),
        (config.conv2_channels, config.pool2),
    ):
        size = conv_size(size, kernel=3)
        n_parameters = conv_parameters(channels, channels_out, kernel=3)
        layers.append(Layer("conv", channels_out, size, 3, 1, 0, n_parameters))
        channels = channels_out
        if config.batchnorm:
            n_parameters = batchnorm_parameters(channels)
            layers.append(Layer("batchnorm", channels, size, 1, 1, 0, n_parameters))
        size = conv_size(size, kernel=2, stride=2)
        layers.append(Layer(POOL_KINDS[pool], channels, size, 2, 2, 0, 0))
    return tuple(layers)


def decoder_layers(config: AutoencoderConfig) -> tuple[Layer, ...]:
    """Layers 5 and 6 of Table 2, with layer 5's padding corrected.

    The table prints padding 2 for layer 5, which gives (5−1)·2 − 2·2 + 5 = 9 pixels; its stated
    output of 13 pixels, and layer 6's 28 after it, need padding 0.
    """
    encoded = encoder_layers(config)[-1]
    size5 = conv_transpose_size(encoded.size, kernel=5, stride=2)
    size6 = conv_transpose_size(size5, kernel=6, stride=2, padding=1)
    channels5 = config.conv1_channels
    parameters5 = conv_parameters(encoded.channels, channels5, kernel=5)
    parameters6 = conv_parameters(channels5, 1, kernel=6)
    return (
        Layer("conv_transpose", channels5, size5, 5, 2, 0, parameters5),
        Layer("conv_transpose", 1, size6, 6, 2, 1, parameters6),
    )


def n_parameters(config: AutoencoderConfig) -> int:
    """Trainable parameters of the whole autoencoder; the paper's baseline has 18,193."""
    layers = encoder_layers(config) + decoder_layers(config)
    return sum(layer.n_parameters for layer in layers)


PAPER_SPACE = SearchSpace(
    "paper",
    AutoencoderConfig,
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
