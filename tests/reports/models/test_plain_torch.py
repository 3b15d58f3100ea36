from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn

from reports.models.plain_torch import constructor, definition
from spaces.autoencoder import AutoencoderConfig
from spaces.classifier import ClassifierConfig
from spaces.space import Configuration
from studies.networks.plain import build

CONFIGS: tuple[Configuration, ...] = (
    AutoencoderConfig(),
    AutoencoderConfig(dropout=0.3, pool2="avg", kernel1=5, activation="leaky-relu"),
    AutoencoderConfig(batchnorm=True, padding="same", n_blocks=3, pool3="avg", activation="gelu"),
    ClassifierConfig(),
    ClassifierConfig(encoder=AutoencoderConfig(dropout=0.1, batchnorm=True, convs_per_block=2)),
    ClassifierConfig(fc_width=32, batchnorm=True, dropout=0.1, activation="silu"),
)


@pytest.mark.parametrize("config", CONFIGS, ids=Configuration.in_words)
def test_the_lines_build_the_same_network_under_the_same_names(config: Configuration) -> None:
    network = build(config).eval()
    names: dict[str, Any] = {"nn": nn, "OrderedDict": OrderedDict}
    exec(definition(network), names)
    model = names["model"]
    model.load_state_dict(network.state_dict())
    images = torch.rand(3, 1, 28, 28)
    assert torch.equal(model.eval()(images), network(images))
    dropouts = [m.p for m in network.modules() if isinstance(m, nn.Dropout)]
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == dropouts


@pytest.mark.parametrize("config", CONFIGS, ids=Configuration.in_words)
def test_lines_are_short(config: Configuration) -> None:
    assert max(map(len, definition(build(config)).splitlines())) <= 92


@pytest.mark.parametrize(
    ("module", "code"),
    [
        (nn.Conv2d(1, 64, 3), "nn.Conv2d(1, 64, 3)"),
        (nn.Conv2d(1, 64, 5, padding=2), "nn.Conv2d(1, 64, 5, padding=2)"),
        (nn.Conv2d(1, 64, (3, 5), bias=False), "nn.Conv2d(1, 64, (3, 5), bias=False)"),
        (nn.ConvTranspose2d(64, 1, 6, 2, 1), "nn.ConvTranspose2d(64, 1, 6, 2, 1)"),
        (nn.Dropout(0.2), "nn.Dropout(0.2)"),
        (nn.ReLU(), "nn.ReLU()"),
        (nn.Linear(2400, 10), "nn.Linear(2400, 10)"),
    ],
)
def test_a_constructor_says_what_is_not_the_default(module: nn.Module, code: str) -> None:
    assert constructor(module) == code
