"""What one change does to the result over a whole search, estimated from its trials.

A linear model of the metric in the dimensions, fitted by least squares, with intervals that allow
for a noise that is not the same everywhere (HC3: MacKinnon and White, 1985).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import stdtrit

from spaces.dimensions import Choices, LogRange, is_active
from spaces.space import SearchSpace, values_of
from spaces.stages import StageName

MIN_SPARE = 8
"""Trials beyond the model's coefficients below which no effect is given."""

_ALONE = 0.99
"""Leverage from which on a trial fixes a coefficient by itself, whatever the others say."""

ClaimVerdict = Literal["held", "not held", "undecided", "not varied"]

Features = Mapping[str, float]
"""A configuration as the model sees it."""

Observations = tuple[list[Features], list[float]]
"""Configurations, and what each came to."""


class Effect(NamedTuple):
    """An effect with its 95 % interval."""

    value: float
    low: float
    high: float
    n_trials: int


class Claim(NamedTuple):
    """A change, and which way the paper's tables show that it goes."""

    name: str
    """Its text's key."""
    contrast: Features
    """By how much the change moves each feature."""
    raises: bool | None
    """Whether the metric grows in the validation columns; None where no table shows the change."""


AUTOENCODER_CLAIMS = (
    Claim("dropout", {"dropout": 0.2}, raises=True),
    Claim("batchnorm", {"batchnorm": 1.0}, raises=False),
    Claim("max-avg", {"pool2=avg": 1.0}, raises=False),
    Claim("channels", {"log2 conv1": 2.0, "log2 conv2": math.log2(3)}, raises=False),
)
"""Table 3's single changes, on the logarithm of the loss: dropout 0.2 against none, and 64/96
channels against 16/32."""

CLASSIFIER_CLAIMS = (
    Claim("fc", {"hidden": 1.0}, raises=False),
    Claim("sgd", {"optimizer=sgd": 1.0}, raises=True),
    Claim("frozen", {"freeze=encoder": 1.0}, raises=None),
    Claim("conv1", {"freeze=conv1": 1.0}, raises=None),
    Claim("gradual", {"freeze=gradual": 1.0}, raises=None),
)
"""Table 4's changes on the accuracy, and the abstract's re-training of chosen layers, of which no
table shows anything."""

WARM = Claim("warm", {"warm": 1.0}, raises=None)
"""The paper starts from a trained encoder, and never from random weights beside it."""

CLAIMS: dict[StageName, tuple[Claim, ...]] = {
    "autoencoder": AUTOENCODER_CLAIMS,
    "classifier": CLASSIFIER_CLAIMS,
}


def autoencoder_features(config: Any) -> Features:
    """What the claims on autoencoders move: doublings of channels, 0 or 1 for what it has."""
    return {
        "dropout": config.dropout,
        "batchnorm": float(config.batchnorm),
        "pool2=avg": float(config.pool2 == "avg"),
        "log2 conv1": math.log2(config.conv1_channels),
        "log2 conv2": math.log2(config.conv2_channels),
    }


def classifier_features(config: Any) -> Features:
    """What the claims on classifiers move; zeros are Adam, nothing frozen, no hidden layer."""
    return {
        "hidden": float(config.fc_width > 0),
        "log2 width": math.log2(config.fc_width / 128) if config.fc_width else 0.0,
        **{f"freeze={v}": float(config.freeze == v) for v in ("conv1", "encoder", "gradual")},
        **{f"optimizer={v}": float(config.optimizer == v) for v in ("adamw", "sgd", "rmsprop")},
    }


_CLAIMED: dict[StageName, tuple[Callable[[Any], Features], frozenset[str]]] = {
    "autoencoder": (
        autoencoder_features,
        frozenset({"dropout", "batchnorm", "pool2", "conv1_channels", "conv2_channels"}),
    ),
    "classifier": (classifier_features, frozenset({"fc_width", "freeze", "optimizer"})),
}
"""What the claims move, and the dimensions that this covers."""


def features(config: Any, stage: StageName, space: SearchSpace[Any]) -> Features:
    """A configuration as numbers, with every dimension of its study's space.

    Of named values each but the first has a feature of its own, 0 or 1; so has a dimension that
    means nothing in the configuration none of them.
    """
    claimed, covered = _CLAIMED[stage]
    found, values = dict(claimed(config)), values_of(config)
    for dimension in space.dimensions:
        name = dimension.name
        if name in covered:
            continue
        value = values[name] if is_active(dimension, values) else None
        if isinstance(dimension, Choices):
            found |= {f"{name}={v}": float(value == v) for v in dimension.values[1:]}
        elif isinstance(dimension, LogRange):
            found[f"log2 {name}"] = 0.0 if value is None else math.log2(value)
        else:
            found[name] = 0.0 if value is None else float(value)
    return found


def estimate(
    rows: Sequence[Features], outcomes: Sequence[float], contrast: Features
) -> Effect | None:
    """The effect of a change, all other features held, by a row and an outcome of each trial.

    The contrast is by how much the change moves each feature. None where the trials do not vary
    what it moves, or are too few, or where one trial alone decides it: nothing then tells how much
    of its value is chance.
    """
    if not rows:
        return None
    names = [n for n in rows[0] if len({row[n] for row in rows}) > 1]
    if any(name not in names for name in contrast):
        return None
    x = np.array([[1.0, *(row[n] for n in names)] for row in rows])
    direction = np.array([0.0, *(contrast.get(n, 0.0) for n in names)])
    spare, inverse = len(rows) - int(np.linalg.matrix_rank(x)), np.linalg.pinv(x)
    # Whether the trials tell the contrast apart from everything else that they vary.
    is_estimable = np.allclose(direction @ inverse @ x, direction, atol=1e-6)
    if spare < MIN_SPARE or not is_estimable:
        return None
    y = np.array(outcomes)
    coefficients = inverse @ y
    residuals = y - x @ coefficients
    leverage = np.einsum("ij,ji->i", x, inverse)
    weights = direction @ inverse
    if np.any((leverage > _ALONE) & (np.abs(weights) > 1e-6)):
        return None
    leverage = np.clip(leverage, 0, _ALONE)
    error = float(np.sqrt(np.sum((weights * residuals / (1 - leverage)) ** 2)))
    value = float(direction @ coefficients)
    margin = float(stdtrit(spare, 0.975)) * error
    return Effect(value, value - margin, value + margin, len(y))


def verdict(found: Effect | None, raises: bool) -> ClaimVerdict:
    """Whether the interval lies on the side of zero where the paper's step does."""
    if found is None:
        return "not varied"
    if found.low <= 0 <= found.high:
        return "undecided"
    return "held" if (found.low > 0) == raises else "not held"
