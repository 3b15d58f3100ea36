from dataclasses import replace
from typing import Any

import pytest
import torch

from spaces.autoencoder import (
    PAPER_SPACE,
    AutoencoderConfig,
    decoder_layers,
    encoder_layers,
)
from spaces.errors import ConfigurationError
from studies.networks.plain import build_autoencoder


def test_the_layers_are_the_papers_table_2_with_layer_5_corrected() -> None:
    layers = encoder_layers(AutoencoderConfig()) + decoder_layers(AutoencoderConfig())
    assert [tuple(layer) for layer in layers] == [
        ("conv", 16, 26, 3, 1, 0, 160, 97_344),
        ("max_pool", 16, 13, 2, 2, 0, 0, 0),
        ("conv", 32, 11, 3, 1, 0, 4_640, 557_568),
        ("max_pool", 32, 5, 2, 2, 0, 0, 0),
        ("conv_transpose", 16, 13, 5, 2, 0, 12_816, 320_000),
        ("conv_transpose", 1, 28, 6, 2, 1, 577, 97_344),
    ]
    assert AutoencoderConfig().n_parameters() == 18_193


def test_three_blocks_are_undone_by_three_layers_to_the_pixel() -> None:
    config = AutoencoderConfig(
        batchnorm=True,
        pool2="avg",
        padding="same",
        n_blocks=3,
        kernel1=5,
        conv1_channels=8,
        conv2_channels=16,
        conv3_channels=32,
    )
    layers = encoder_layers(config) + decoder_layers(config)
    assert [tuple(layer) for layer in layers] == [
        ("conv", 8, 28, 5, 1, 2, 208, 156_800),
        ("batchnorm", 8, 28, 1, 1, 0, 16, 0),
        ("max_pool", 8, 14, 2, 2, 0, 0, 0),
        ("conv", 16, 14, 3, 1, 1, 1_168, 225_792),
        ("batchnorm", 16, 14, 1, 1, 0, 32, 0),
        ("avg_pool", 16, 7, 2, 2, 0, 0, 0),
        ("conv", 32, 7, 3, 1, 1, 4_640, 225_792),
        ("batchnorm", 32, 7, 1, 1, 0, 64, 0),
        ("max_pool", 32, 3, 2, 2, 0, 0, 0),
        ("conv_transpose", 16, 7, 5, 2, 1, 12_816, 115_200),
        ("conv_transpose", 8, 14, 4, 2, 1, 2_056, 100_352),
        ("conv_transpose", 1, 28, 4, 2, 1, 129, 25_088),
    ]
    assert config.n_parameters() == sum(layer.n_parameters for layer in layers)
    assert config.n_multiply_adds() == sum(layer.n_multiply_adds for layer in layers)


def test_a_second_convolution_of_a_block_keeps_its_channels() -> None:
    config = AutoencoderConfig(
        batchnorm=True, kernel1=5, convs_per_block=2, conv1_channels=8, conv2_channels=16
    )
    layers = encoder_layers(config) + decoder_layers(config)
    assert [tuple(layer) for layer in layers] == [
        ("conv", 8, 24, 5, 1, 0, 208, 115_200),
        ("batchnorm", 8, 24, 1, 1, 0, 16, 0),
        ("conv", 8, 22, 3, 1, 0, 584, 278_784),
        ("batchnorm", 8, 22, 1, 1, 0, 16, 0),
        ("max_pool", 8, 11, 2, 2, 0, 0, 0),
        ("conv", 16, 9, 3, 1, 0, 1_168, 93_312),
        ("batchnorm", 16, 9, 1, 1, 0, 32, 0),
        ("conv", 16, 7, 3, 1, 0, 2_320, 112_896),
        ("batchnorm", 16, 7, 1, 1, 0, 32, 0),
        ("max_pool", 16, 3, 2, 2, 0, 0, 0),
        ("conv_transpose", 8, 11, 7, 2, 0, 6_280, 56_448),
        ("conv_transpose", 1, 28, 8, 2, 0, 513, 61_952),
    ]
    padded = replace(config, padding="same", n_blocks=3)
    assert [layer.size for layer in encoder_layers(padded) if layer.kind == "conv"] == [
        *(28, 28, 14, 14, 7, 7)
    ]


@pytest.mark.parametrize("kernel1", [1, 3, 5, 7])
@pytest.mark.parametrize("kernel2", [1, 3, 5, 7])
def test_padding_same_keeps_a_maps_size_and_valid_takes_the_kernels_edge(
    kernel1: int, kernel2: int
) -> None:
    valid = AutoencoderConfig(kernel1=kernel1, kernel2=kernel2)
    sizes = [layer.size for layer in encoder_layers(replace(valid, padding="same"))]
    assert sizes == [28, 14, 14, 7]
    first = 28 - kernel1 + 1
    second = first // 2 - kernel2 + 1
    sizes = [layer.size for layer in encoder_layers(valid)]
    assert sizes == [first, first // 2, second, second // 2]
    assert decoder_layers(valid)[-1].size == 28


@pytest.mark.parametrize(("kernel1", "kernel2"), [(7, 7), (5, 7), (7, 5)])
def test_an_encoder_that_leaves_no_pixel_is_refused_and_told_what_helps(
    kernel1: int, kernel2: int
) -> None:
    with pytest.raises(ConfigurationError, match=r"leave no pixel; use smaller kernels"):
        AutoencoderConfig(kernel1=kernel1, kernel2=kernel2, n_blocks=3)
    padded = AutoencoderConfig(kernel1=kernel1, kernel2=kernel2, n_blocks=3, padding="same")
    assert encoder_layers(padded)[-1].size == 3
    smaller = AutoencoderConfig(kernel1=5, kernel2=5, n_blocks=3)
    assert encoder_layers(smaller)[-1].size == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "16/32 ch, max/max"),
        ({"n_blocks": 3, "padding": "same"}, "16/32/128 ch, max/max/max, same padding"),
        ({"convs_per_block": 2}, "16/32 ch, max/max, 2 convolutions a block"),
        ({"batchnorm": True, "dropout": 0.25}, "16/32 ch, max/max, batch norm, dropout 0.25"),
        ({"kernel1": 5, "activation": "gelu"}, "16/32 ch, max/max, kernels 5/3, gelu"),
        ({"kernel2": 5, "optimizer": "adamw"}, "16/32 ch, max/max, kernels 3/5, adamw"),
        ({"pool1": "avg", "learning_rate": 0.01}, "16/32 ch, avg/max, lr 0.01"),
    ],
)
def test_words_say_what_differs(change: dict[str, Any], words: str) -> None:
    assert AutoencoderConfig(**change).in_words() == words


def test_every_architecture_of_the_paper_space_builds_with_the_counted_parameters() -> None:
    space = PAPER_SPACE.narrowed({"dropout": "0,0.2"})
    assert space.size() == 2 * 2 * 2 * 2 * 6 * 5
    with torch.device("meta"):  # shapes without memory
        images = torch.empty(1, 1, 28, 28)
        for config in space:
            network = build_autoencoder(config)
            counted = sum(p.numel() for p in network.parameters())
            assert counted == config.n_parameters(), config
            assert network(images).shape == images.shape, config


@pytest.mark.parametrize("convs_per_block", [1, 2])
def test_layers_state_the_shapes_that_the_network_puts_out(convs_per_block: Any) -> None:
    config = AutoencoderConfig(
        batchnorm=True, pool2="avg", conv1_channels=8, convs_per_block=convs_per_block
    )
    network = build_autoencoder(config)
    shapes: list[tuple[int, int]] = []
    for part in (network.encoder, network.decoder):
        for module in part:
            if not isinstance(module, torch.nn.ReLU | torch.nn.Dropout):
                module.register_forward_hook(
                    lambda _m, _i, out: shapes.append((out.shape[1], out.shape[2]))
                )
    network(torch.zeros(2, 1, 28, 28))
    layers = encoder_layers(config) + decoder_layers(config)
    assert shapes == [(layer.channels, layer.size) for layer in layers]


def test_configurations_survive_json() -> None:
    for config in (
        AutoencoderConfig(),
        AutoencoderConfig(
            dropout=0.25, batchnorm=True, pool1="avg", pool2="avg", conv1_channels=64
        ),
    ):
        assert AutoencoderConfig.from_dict(config.to_dict()) == config
    assert AutoencoderConfig.from_dict({}) == AutoencoderConfig()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("dropout", float("nan")),
        ("dropout", "0.2"),
        ("dropout", None),
        ("dropout", False),
        ("batchnorm", "false"),
        ("batchnorm", 1),
        ("pool1", "min"),
        ("pool2", True),
        ("conv1_channels", 0),
        ("conv1_channels", 16.0),
        ("conv2_channels", True),
        ("batch_size", -1),
        ("learning_rate", 0.0),
        ("learning_rate", float("inf")),
        ("learning_rate", float("nan")),
        ("learning_rate", "fast"),
        ("learning_rate", True),
    ],
)
def test_values_that_cannot_be_are_refused_with_field_and_value(field: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        AutoencoderConfig.from_dict({field: value})
    assert field in str(refusal.value)
    assert f"got {value!r}" in str(refusal.value)


def test_one_channel_is_enough() -> None:
    config = AutoencoderConfig(conv1_channels=1, conv2_channels=1)
    assert [layer.channels for layer in encoder_layers(config)] == [1, 1, 1, 1]


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown field 'depth'.*batch_size.*dropout"):
        AutoencoderConfig.from_dict({"depth": 3})


def test_configurations_cannot_be_changed() -> None:
    config = AutoencoderConfig()
    with pytest.raises(AttributeError):
        config.dropout = 0.5  # type: ignore[misc]
    assert replace(config, dropout=0.5) != config
