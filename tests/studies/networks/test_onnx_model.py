import json

import onnx
import pytest
import torch
from torch import Tensor

from spaces.autoencoder import AutoencoderConfig
from spaces.classifier import ClassifierConfig
from spaces.errors import StudyError
from spaces.space import Configuration
from studies.data.images import CLASS_NAMES, Split
from studies.networks.onnx_model import OPSET, largest_difference, to_onnx
from studies.networks.plain import build

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pixels(small_split: Split) -> Tensor:
    return small_split.validation.pixels


@pytest.mark.parametrize(
    "config",
    [
        AutoencoderConfig(dropout=0.3, pool2="avg", kernel1=5, activation="leaky-relu"),
        AutoencoderConfig(batchnorm=True, padding="same", n_blocks=3, activation="gelu"),
        AutoencoderConfig(batchnorm=True, convs_per_block=2),
        ClassifierConfig(fc_width=32, batchnorm=True, dropout=0.1, activation="silu"),
    ],
    ids=Configuration.in_words,
)
def test_a_network_as_onnx_gives_the_same_outputs(config: Configuration, pixels: Tensor) -> None:
    network = build(config).eval()
    content = to_onnx(network)
    assert largest_difference(content, network, pixels) < 1e-5
    model = onnx.load_from_string(content)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", OPSET)]
    batch = [
        part.type.tensor_type.shape.dim[0] for part in (*model.graph.input, *model.graph.output)
    ]
    assert [dim.dim_param for dim in batch] == ["N", "N"]


def test_a_classifiers_model_names_its_classes() -> None:
    model = onnx.load_from_string(to_onnx(build(ClassifierConfig())))
    facts = {fact.key: fact.value for fact in model.metadata_props}
    assert json.loads(facts["classes"]) == list(CLASS_NAMES)


def test_another_networks_model_is_noticed(pixels: Tensor) -> None:
    torch.manual_seed(0)
    one, other = (build(AutoencoderConfig()).eval() for _ in range(2))
    with pytest.raises(StudyError, match="differ from PyTorch's by"):
        largest_difference(to_onnx(one), other, pixels)
