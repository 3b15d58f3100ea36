"""What both models' configurations say of their training, and its dimensions beyond the paper."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal, Self, get_args

from annotated_types import Interval

from spaces.checking import STRICT, Share, check, from_table
from spaces.dimensions import Choices, Dimension, FloatRange, LogRange, When, format_value
from spaces.errors import ConfigurationError

MOST_EPOCHS = 100_000
"""Of a training; more were mistyped."""
MOST_IMAGES = 60_000
"""Images in a batch: all of the training files'."""
MOST_PARAMETERS = 100_000_000
"""Of a model. While one is trained each takes 16 bytes, so the largest 1.6 GB."""

Optimizer = Literal["adam", "adamw", "sgd", "rmsprop"]
Schedule = Literal["constant", "cosine", "one-cycle"]
Activation = Literal["relu", "leaky-relu", "gelu", "silu"]


@dataclass(frozen=True)
class TrainingRecipe:
    """How a model is trained; the defaults are what the paper keeps fixed (Table 1)."""

    learning_rate: Annotated[float, Interval(gt=0)] = 1e-3
    """The optimiser's step size (Table 1); with a schedule its highest."""
    batch_size: Annotated[int, Interval(ge=1, le=MOST_IMAGES)] = 100
    """Images a step (Table 1)."""
    optimizer: Optimizer = "adam"
    momentum: Share = 0.9
    """Of SGD alone. The paper does not state its own; 0.9 is what nearly everybody means."""
    weight_decay: Share | None = None
    """None is the optimiser's own in PyTorch: 0.01 for AdamW, 0 for the others."""
    schedule: Schedule = "constant"
    """How the step size goes over all steps of the budget: to 0 by a cosine, or up and down."""
    shift: Annotated[int, Interval(ge=0, le=8)] = 0
    """Augmentation: training images are moved by up to so many pixels each way."""
    flip: bool = False
    """Augmentation: training images are mirrored left to right, half of them."""
    erasing: Annotated[float, Interval(ge=0, le=1)] = 0.0
    """Augmentation: probability that a training image has a random rectangle blackened. An
    autoencoder sees the image without it as its target, so it learns to fill in."""

    __pydantic_config__ = STRICT

    TRAINING_ALONE = frozenset(
        {"learning_rate", "batch_size", "optimizer", "momentum", "weight_decay", "schedule"}
        | {"shift", "flip", "erasing"}
    )
    """The fields that change nothing in the network once it is trained, but for its weights."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be trained with, naming the field."""
        check(self)

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The configuration that :meth:`to_dict` wrote; absent fields take their defaults.

        Raises:
            ConfigurationError: a field is unknown or its value cannot be.
        """
        return from_table(cls, fields)

    def evaluated(self) -> Self:
        """The same network in evaluation, what only its training needs at its defaults."""
        defaults: dict[str, Any] = {
            name: self.__dataclass_fields__[name].default for name in self.TRAINING_ALONE
        }
        return replace(self, **defaults)

    @property
    def is_augmented(self) -> bool:
        """Whether training images change from epoch to epoch."""
        return bool(self.shift or self.flip or self.erasing)

    def said(self, words: Mapping[str, str], told: Collection[str]) -> list[str]:
        """What differs from the defaults and is not ``told`` yet, a few words each.

        Args:
            words: how fields are said, in order; ``{}`` is the value. The recipe's come next, and
                last every other field, by its name.
            told: fields that are said already.
        """
        fields, templates = self.__dataclass_fields__, {**RECIPE_WORDS, **words}
        said = [
            templates.get(name, f"{name.replace('_', '-')} {{}}").format(_exact(value))
            for name in dict.fromkeys([*words, *RECIPE_WORDS, *fields])
            if name not in told and (value := getattr(self, name)) != fields[name].default
        ]
        return list(dict.fromkeys(said))


RECIPE_WORDS = {
    "momentum": "momentum {}",
    "learning_rate": "lr {}",
    "schedule": "{}",
    "weight_decay": "decay {}",
    "batch_size": "batch {}",
    "shift": "shift {}",
    "flip": "flip",
    "erasing": "erasing {}",
}


def _exact(value: Any) -> str:
    """A value in no more digits than tell it from all others."""
    short = format_value(value)
    return repr(value) if isinstance(value, float) and float(short) != value else short


def training_dimensions(optimizers: tuple[Optimizer, ...]) -> tuple[Dimension, ...]:
    """What the ``wide`` spaces add to the paper's training, for models of either kind."""
    return (
        Choices("optimizer", "Optimiser.", optimizers),
        *(
            (
                Choices(
                    "momentum",
                    "Momentum of SGD.",
                    (0.0, 0.5, 0.8, 0.9, 0.95),
                    When("optimizer", ("sgd",)),
                ),
            )
            if "sgd" in optimizers
            else ()
        ),
        LogRange("learning_rate", "Learning rate; with a schedule, its maximum.", 1e-4, 0.05),
        Choices("schedule", "Schedule of the learning rate.", get_args(Schedule)),
        Choices("weight_decay", "Weight decay.", (0.0, 1e-5, 1e-4, 1e-3, 1e-2)),
        Choices("batch_size", "Images per step.", (50, 100, 200, 400)),
        Choices("shift", "Augmentation: shift by up to this many pixels.", (0, 1, 2)),
        Choices("flip", "Augmentation: mirror left to right.", (False, True)),
        FloatRange(
            "erasing", "Augmentation: share of images with a part erased.", 0.0, 0.5, step=0.1
        ),
    )


def require_buildable(n_parameters: int) -> None:
    """Refuse a model that no memory has room for while it is trained.

    Raises:
        ConfigurationError: it has too many parameters.
    """
    if n_parameters > MOST_PARAMETERS:
        raise ConfigurationError(
            f"the model would have {n_parameters:,} parameters; at most {MOST_PARAMETERS:,} are "
            "allowed"
        )
