from dataclasses import fields, replace
from typing import Any

import pytest

from spaces import paper
from spaces.autoencoder import AutoencoderConfig, encoder_layers
from spaces.classifier import (
    N_CLASSES,
    PAPER_ENCODER,
    PAPER_FC_WIDTH,
    PAPER_SPACE,
    WIDE_SPACE,
    ClassifierConfig,
    classifier_layers,
    with_encoder,
)
from spaces.errors import ConfigurationError


def test_the_papers_three_are_in_both_spaces() -> None:
    for row in paper.CLASSIFIERS:
        assert row.config in PAPER_SPACE
    assert [row.config.fc_width for row in paper.CLASSIFIERS] == [0, PAPER_FC_WIDTH, PAPER_FC_WIDTH]
    assert paper.CLASSIFIERS[2].config.optimizer == "sgd"


def test_the_papers_baseline_classifier_has_one_layer_of_ten_on_the_latent_map() -> None:
    layers = classifier_layers(ClassifierConfig())
    assert layers[:-1] == encoder_layers(PAPER_ENCODER)
    features = 96 * 5 * 5
    assert layers[-1] == ("linear", N_CLASSES, 1, 1, 1, 0, features * 10 + 10, features * 10)
    assert ClassifierConfig().n_parameters() == sum(layer.n_parameters for layer in layers)
    assert ClassifierConfig().n_multiply_adds() == sum(layer.n_multiply_adds for layer in layers)


def test_a_hidden_layer_and_its_batch_norm_stand_before_the_last_layer() -> None:
    layers = classifier_layers(ClassifierConfig(fc_width=64, batchnorm=True))
    assert [tuple(layer) for layer in layers[-3:]] == [
        ("linear", 64, 1, 1, 1, 0, 2_400 * 64 + 64, 2_400 * 64),
        ("batchnorm", 64, 1, 1, 1, 0, 128, 0),
        ("linear", 10, 1, 1, 1, 0, 650, 640),
    ]


@pytest.mark.parametrize("batchnorm", [False, True])
@pytest.mark.parametrize("fc_width", [0, 64])
def test_batch_norm_acts_on_what_enters_the_last_layer(fc_width: int, batchnorm: bool) -> None:
    config = ClassifierConfig(fc_width=fc_width, batchnorm=batchnorm)
    head = classifier_layers(config)[len(encoder_layers(config.encoder)) :]
    features = fc_width or 96 * 5 * 5
    expected = [("linear", fc_width)] if fc_width else []
    expected += [("batchnorm", features)] if batchnorm else []
    assert [(layer.kind, layer.channels) for layer in head] == [*expected, ("linear", 10)]
    assert head[-1].n_parameters == features * 10 + 10


REFUSED: dict[str, tuple[Any, ...]] = {
    "fc_width": (-1, 1.0, True, None, "64"),
    "freeze": ("", "both", None, True),
    "unfreeze_epoch": (0, -1, 2.0, True, None),
    "dropout": (-0.1, 1, float("nan"), True, "0.1", None),
    "batchnorm": (0, 1, "true", None),
    "activation": ("", "tanh", None),
    "label_smoothing": (-0.1, 1, float("nan"), False, None),
    "encoder": (None, [], 3, "paper", False),
}


def test_every_field_of_its_own_is_tried_here() -> None:
    own = {f.name for f in fields(ClassifierConfig)} - {f.name for f in fields(AutoencoderConfig)}
    assert own | {"dropout", "batchnorm", "activation"} == set(REFUSED)


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in REFUSED.items() for v in vs])
def test_a_value_no_classifier_can_have_is_refused_by_its_fields_name(
    name: str, value: Any
) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} must be .*; got "):
        ClassifierConfig.from_dict({name: value})


def test_a_wrong_field_of_the_encoder_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"^pool1 must be one of max, avg; got 'min'"):
        ClassifierConfig.from_dict({"encoder": {"pool1": "min"}})


@pytest.mark.parametrize("encoder", [None, [], "paper"])
def test_an_encoder_that_is_no_table_is_said_in_words_of_the_file(encoder: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^encoder must be a table of fields; got"):
        ClassifierConfig.from_dict({"encoder": encoder})


def test_without_an_encoder_it_is_the_papers_best() -> None:
    assert ClassifierConfig.from_dict({}).encoder == PAPER_ENCODER
    assert ClassifierConfig.from_dict({"encoder": {}}).encoder == AutoencoderConfig()


@pytest.mark.parametrize(
    ("freeze", "n_blocks", "frozen"),
    [
        ("none", 2, [0, 0, 0, 0, 0, 0, 0, 0]),
        ("conv1", 2, [1, 1, 1, 1, 1, 1, 1, 1]),
        ("encoder", 2, [2, 2, 2, 2, 2, 2, 2, 2]),
        ("encoder", 3, [3, 3, 3, 3, 3, 3, 3, 3]),
        ("gradual", 2, [2, 2, 1, 1, 0, 0, 0, 0]),
        ("gradual", 3, [3, 3, 2, 2, 1, 1, 0, 0]),
    ],
)
def test_which_blocks_are_frozen_in_each_epoch(
    freeze: Any, n_blocks: int, frozen: list[int]
) -> None:
    encoder = AutoencoderConfig(n_blocks=n_blocks, padding="same")
    config = ClassifierConfig(freeze=freeze, unfreeze_epoch=2, encoder=encoder)
    assert [config.n_frozen_blocks(epoch) for epoch in range(1, 9)] == frozen


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "no hidden FC, adam"),
        ({"fc_width": 64, "optimizer": "sgd"}, "FC 64, sgd"),
        ({"optimizer": "sgd", "momentum": 0.5}, "no hidden FC, sgd, momentum 0.5"),
        ({"optimizer": "adam", "momentum": 0.5}, "no hidden FC, adam, momentum 0.5"),
        ({"freeze": "conv1"}, "no hidden FC, adam, conv1 frozen"),
        (
            {"freeze": "encoder", "batchnorm": True},
            "no hidden FC, adam, encoder frozen, batch norm",
        ),
        (
            {"freeze": "gradual", "unfreeze_epoch": 3, "dropout": 0.25},
            "no hidden FC, adam, unfrozen from epoch 4, dropout 0.25",
        ),
        (
            {"activation": "gelu", "label_smoothing": 0.1, "learning_rate": 0.01},
            "no hidden FC, adam, gelu, smoothing 0.1, lr 0.01",
        ),
    ],
)
def test_words_say_what_differs(change: dict[str, Any], words: str) -> None:
    assert ClassifierConfig(**change).in_words() == words


@pytest.mark.parametrize("space", [PAPER_SPACE, WIDE_SPACE], ids=lambda s: s.name)
def test_a_space_over_another_encoder_has_the_same_dimensions_and_its_configurations(
    space: Any,
) -> None:
    encoder = AutoencoderConfig(conv1_channels=8)
    over = with_encoder(space, encoder)
    assert over.dimensions == space.dimensions
    first = next(iter(over))
    assert first.encoder == encoder
    assert first in over
    assert first not in space
    assert replace(first, encoder=PAPER_ENCODER) in space
