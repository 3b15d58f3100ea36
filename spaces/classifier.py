"""The classifier's configuration, layers and search space; the network is built elsewhere.

An encoder of :mod:`spaces.autoencoder`, and a head of fully connected layers on its flattened
latent map. Two numbers that the paper does not state are settled here, once: the width of the
hidden layer that it adds (``PAPER_FC_WIDTH``) and SGD's momentum (in :mod:`spaces.recipe`).
"""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self, get_args

from annotated_types import Interval

from spaces.arithmetic import batchnorm_parameters, linear_parameters
from spaces.autoencoder import WIDE_SPACE as WIDE_AUTOENCODERS
from spaces.autoencoder import AutoencoderConfig, Layer, encoder_layers
from spaces.checking import Share
from spaces.dimensions import Choices, Dimension, FloatRange, When
from spaces.errors import ConfigurationError
from spaces.recipe import (
    MOST_EPOCHS,
    Activation,
    TrainingRecipe,
    require_buildable,
    training_dimensions,
)
from spaces.space import SearchSpace

Freeze = Literal["none", "conv1", "encoder", "gradual"]
"""``conv1``: the encoder's first block stays as it starts. ``encoder``: all of it does.

``gradual``: all of it for the first ``unfreeze_epoch`` epochs; then the blocks join one by one,
the last first, every so many epochs another.
"""

N_CLASSES = 10

PAPER_ENCODER = AutoencoderConfig(batchnorm=True, pool2="avg", conv1_channels=64, conv2_channels=96)
"""The paper's best autoencoder (Table 3, last row), whose encoder starts its classifiers."""

PAPER_FC_WIDTH = 128
"""Width of the paper's hidden fully connected layer, which it does not state; a choice."""


@dataclass(frozen=True)
class ClassifierConfig(TrainingRecipe):
    """One classifier: the encoder it starts from, its head, and how both are trained.

    The head is: flatten → [linear of ``fc_width`` → [batch norm] → activation → [dropout]] →
    linear of 10; without a hidden layer, batch norm and dropout act on the flattened map. The loss
    is the cross-entropy. A frozen block runs in evaluation mode: neither its parameters nor its
    batch norm's statistics change, and it drops nothing out.
    """

    fc_width: Annotated[int, Interval(ge=0, le=65_536)] = 0
    """Neurons of the hidden fully connected layer; 0 for none."""
    freeze: Freeze = "none"
    """Which of the encoder's blocks are not trained."""
    unfreeze_epoch: Annotated[int, Interval(ge=1, le=MOST_EPOCHS)] = 5
    """Epochs after which ``gradual`` begins to unfreeze, and between two blocks."""
    dropout: Share = 0.0
    """Probability of zeroing an input of the last layer; in [0, 1)."""
    batchnorm: bool = False
    """Batch norm in the head."""
    activation: Activation = "relu"
    """After the head's hidden layer (Table 1)."""
    label_smoothing: Share = 0.0
    """Probability that the training target spreads evenly over all classes; in [0, 1)."""
    encoder: AutoencoderConfig = PAPER_ENCODER
    """The autoencoder whose encoder this is; how it was trained shaped the weights that this one
    starts from, and is not repeated."""

    TRAINING_ALONE = TrainingRecipe.TRAINING_ALONE | {
        *("dropout", "freeze", "unfreeze_epoch", "label_smoothing")
    }

    def __post_init__(self) -> None:
        """Refuse values no network can be built from, naming the field."""
        super().__post_init__()
        require_buildable(self.n_parameters())

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The configuration that :meth:`to_dict` wrote; absent fields take their defaults.

        Raises:
            ConfigurationError: a field is unknown or its value cannot be.
        """
        if "encoder" not in fields:
            return super().from_dict(fields)
        encoder = fields["encoder"]
        if not isinstance(encoder, dict):
            raise ConfigurationError(f"encoder must be a table of fields; got {encoder!r}")
        return super().from_dict({**fields, "encoder": AutoencoderConfig.from_dict(encoder)})

    def in_words(self) -> str:
        """The configuration in a few words: ``FC 128, sgd, conv1 frozen``; not its encoder."""
        head = [f"FC {self.fc_width}" if self.fc_width else "no hidden FC", self.optimizer]
        told, words = {"fc_width", "optimizer", "encoder"}, dict(_WORDS)
        if self.freeze == "gradual":
            told.add("unfreeze_epoch")
            words["freeze"] = f"unfrozen from epoch {self.unfreeze_epoch + 1}"
        return ", ".join(head + self.said(words, told))

    def evaluated(self) -> Self:
        """The same network in evaluation, what only its training needs at its defaults."""
        return replace(super().evaluated(), encoder=self.encoder.evaluated())

    def n_frozen_blocks(self, epoch: int) -> int:
        """How many of the encoder's blocks, from the image on, are frozen in an epoch from 1 on."""
        n_blocks = self.encoder.n_blocks
        if self.freeze == "gradual":
            return max(0, n_blocks - (epoch - 1) // self.unfreeze_epoch)
        return {"none": 0, "conv1": 1, "encoder": n_blocks}[self.freeze]

    def n_parameters(self) -> int:
        """Parameters of encoder and head, frozen ones too."""
        return sum(layer.n_parameters for layer in classifier_layers(self))

    def n_multiply_adds(self) -> int:
        """Multiplications, each with its addition, that one image takes."""
        return sum(layer.n_multiply_adds for layer in classifier_layers(self))


_WORDS = {
    "momentum": "momentum {}",
    "freeze": "{} frozen",
    "batchnorm": "batch norm",
    "dropout": "dropout {}",
    "activation": "{}",
    "label_smoothing": "smoothing {}",
}


def classifier_layers(config: ClassifierConfig) -> tuple[Layer, ...]:
    """The encoder's layers and the head's, without those that have neither shape nor parameters."""
    encoded = encoder_layers(config.encoder)
    features = encoded[-1].channels * encoded[-1].size ** 2
    head: list[Layer] = []
    if config.fc_width:
        head.append(_linear(features, config.fc_width))
        features = config.fc_width
    if config.batchnorm:
        head.append(Layer("batchnorm", features, 1, 1, 1, 0, batchnorm_parameters(features)))
    head.append(_linear(features, N_CLASSES))
    return (*encoded, *head)


def with_encoder(
    space: "SearchSpace[ClassifierConfig]", encoder: AutoencoderConfig
) -> "SearchSpace[ClassifierConfig]":
    """The space over one encoder."""
    return replace(space, base=replace(space.base, encoder=encoder))


def _linear(features_in: int, features_out: int) -> Layer:
    n_parameters = linear_parameters(features_in, features_out)
    work = features_in * features_out
    return Layer("linear", features_out, 1, 1, 1, 0, n_parameters, work)


_HEAD = (
    Choices(
        "fc_width",
        "Neurons of the hidden fully connected layer; 0 for none.",
        (0, 32, 64, 128, 256, 512, 1024),
    ),
    Choices("freeze", "Blocks of the encoder that are not trained.", get_args(Freeze)),
    Choices(
        "unfreeze_epoch",
        "Epochs before each frozen block is trained too.",
        (1, 2, 5, 10),
        When("freeze", ("gradual",)),
    ),
    FloatRange("dropout", "Dropout before the last layer.", 0.0, 0.5, step=0.1),
    Choices("batchnorm", "Batch norm in the head.", (False, True)),
)

PAPER_SPACE = SearchSpace(
    "paper",
    ClassifierConfig(),
    (*_HEAD, Choices("optimizer", "Optimiser.", ("adam", "adamw", "sgd", "rmsprop"))),
)
"""What the paper changes or promises to (its abstract's re-training of chosen layers)."""

WIDE_SPACE = SearchSpace(
    "wide",
    ClassifierConfig(),
    (
        *_HEAD,
        Choices("activation", "Activation after the hidden layer.", get_args(Activation)),
        FloatRange("label_smoothing", "Label smoothing.", 0.0, 0.2, step=0.05),
        *training_dimensions(("adam", "adamw", "sgd", "rmsprop")),
    ),
)
"""Beyond the paper: how the training goes. Depth, kernels and channels come with the encoder."""


def _of_encoder(dimension: Dimension) -> Dimension:
    """An autoencoder's dimension as one of the classifier that has it as its encoder."""
    when = dimension.when
    return replace(
        dimension,
        name=f"encoder_{dimension.name}",
        when=when and When(f"encoder_{when.name}", when.values),
    )


_OF_TRAINING = {d.name for d in training_dimensions(("adam",))}
_OF_START = {"freeze", "unfreeze_epoch"}
"""Dimensions of an encoder that has been trained already."""

WHOLE_SPACE = SearchSpace(
    "whole",
    ClassifierConfig(),
    (
        *(_of_encoder(d) for d in WIDE_AUTOENCODERS.dimensions if d.name not in _OF_TRAINING),
        *(d for d in WIDE_SPACE.dimensions if d.name not in _OF_START),
    ),
)
"""The whole network, its encoder's shape too, and how the training goes, from random weights."""


def searches_encoder(space: SearchSpace[Any]) -> bool:
    """Whether classifiers of the space have each an encoder of its own shape."""
    return space.reaches_into("encoder")
