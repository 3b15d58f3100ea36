import re
from dataclasses import fields
from typing import Any

import pytest

from spaces.autoencoder import AutoencoderConfig
from spaces.classifier import ClassifierConfig
from spaces.errors import ConfigurationError
from spaces.recipe import TrainingRecipe, training_dimensions

ACCEPTED: dict[str, tuple[Any, ...]] = {
    "learning_rate": (1e-9, 1e-3, 1, 5.0),
    "batch_size": (1, 100, 60_000),
    "optimizer": ("adam", "adamw", "sgd", "rmsprop"),
    "momentum": (0, 0.5, 0.999),
    "weight_decay": (None, 0, 0.0, 0.01, 0.99),
    "schedule": ("constant", "cosine", "one-cycle"),
    "shift": (0, 1, 8),
    "flip": (False, True),
    "erasing": (0, 0.5, 1),
}

REFUSED: dict[str, tuple[Any, ...]] = {
    "learning_rate": (0, -1e-3, float("nan"), float("inf"), True, "0.001", None),
    "batch_size": (0, -1, 10.0, True, "10", None),
    "optimizer": ("", "Adam", "lion", None, 1),
    "momentum": (-0.1, 1, float("nan"), True, None),
    "weight_decay": (-0.1, 1, float("nan"), float("inf"), False, "0"),
    "schedule": ("", "linear", None),
    "shift": (-1, 9, 1.0, True, None),
    "flip": (0, 1, "true", None),
    "erasing": (-0.1, 1.1, float("nan"), True, None),
}


def cases(table: dict[str, tuple[Any, ...]]) -> list[tuple[str, Any]]:
    return [(name, value) for name, values in table.items() for value in values]


def test_every_field_is_tried_here() -> None:
    assert set(ACCEPTED) == set(REFUSED) == {field.name for field in fields(TrainingRecipe)}


@pytest.mark.parametrize(("name", "value"), cases(ACCEPTED))
def test_a_value_that_can_be_trained_with_is_kept_as_it_is(name: str, value: Any) -> None:
    assert TrainingRecipe.from_dict({name: value}).to_dict()[name] == value


@pytest.mark.parametrize(("name", "value"), cases(REFUSED))
@pytest.mark.parametrize("kind", [AutoencoderConfig, ClassifierConfig])
def test_a_value_that_cannot_be_is_refused_by_its_fields_name(
    kind: type[TrainingRecipe], name: str, value: Any
) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} must be .*; got "):
        kind.from_dict({name: value})


def test_an_unknown_field_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown field 'lr'; there are learning_rate, "):
        TrainingRecipe.from_dict({"lr": 0.1, "seed": 1})


def test_only_what_differs_from_the_papers_training_is_said() -> None:
    assert TrainingRecipe().said({}, ()) == []
    changed = TrainingRecipe(
        learning_rate=0.02,
        schedule="one-cycle",
        weight_decay=0.0,
        batch_size=50,
        shift=2,
        flip=True,
        erasing=0.3,
    )
    assert changed.said({}, ()) == [
        "lr 0.02",
        "one-cycle",
        "decay 0",
        "batch 50",
        "shift 2",
        "flip",
        "erasing 0.3",
    ]


@pytest.mark.parametrize(
    ("change", "augmented"),
    [({}, False), ({"shift": 1}, True), ({"flip": True}, True), ({"erasing": 0.1}, True)],
)
def test_training_is_augmented_if_images_change_from_epoch_to_epoch(
    change: dict[str, Any], augmented: bool
) -> None:
    assert TrainingRecipe.from_dict(change).is_augmented is augmented


def test_momentum_is_a_dimension_where_sgd_is_a_choice() -> None:
    names = [d.name for d in training_dimensions(("adam", "sgd"))]
    assert set(names) == set(ACCEPTED)
    assert names.index("momentum") > names.index("optimizer")
    assert "momentum" not in {d.name for d in training_dimensions(("adam", "adamw"))}


@pytest.mark.parametrize("dimension", training_dimensions(("adam", "sgd")), ids=lambda d: d.name)
def test_every_value_of_every_dimension_can_be_trained_with(dimension: Any) -> None:
    for value in dimension.grid():
        assert TrainingRecipe.from_dict({dimension.name: value}).to_dict()[dimension.name] == value


@pytest.mark.parametrize(
    ("model", "name", "allowed"),
    [
        (AutoencoderConfig, "dropout", "in [0, 1)"),
        (AutoencoderConfig, "batchnorm", "true or false"),
        (AutoencoderConfig, "conv1_channels", "a whole number from 1 to 4,096"),
        (AutoencoderConfig, "n_blocks", "one of 2, 3"),
        (AutoencoderConfig, "kernel1", "one of 1, 3, 5, 7"),
        (ClassifierConfig, "fc_width", "a whole number from 0 to 65,536"),
        (ClassifierConfig, "unfreeze_epoch", "a whole number from 1 to 100,000"),
        (ClassifierConfig, "dropout", "in [0, 1)"),
        (ClassifierConfig, "label_smoothing", "in [0, 1)"),
        (ClassifierConfig, "batchnorm", "true or false"),
    ],
)
def test_a_refusal_says_what_is_allowed(
    model: type[TrainingRecipe], name: str, allowed: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} must be {re.escape(allowed)}; got -1$"):
        model.from_dict({name: -1})
