import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spaces.autoencoder import (
    POOL_KINDS,
    AutoencoderConfig,
    Layer,
    decoder_layers,
    encoder_layers,
)
from spaces.classifier import ClassifierConfig
from studies.networks.plain import (
    Autoencoder,
    build_autoencoder,
    build_classifier,
    scale_pixels,
)

configs = st.builds(
    AutoencoderConfig,
    dropout=st.sampled_from([0.0, 0.2]),
    batchnorm=st.booleans(),
    pool1=st.sampled_from(list(POOL_KINDS)),
    pool2=st.sampled_from(list(POOL_KINDS)),
    conv1_channels=st.integers(1, 64),
    conv2_channels=st.integers(1, 96),
    convs_per_block=st.sampled_from([1, 2]),
)

KINDS: dict[type[nn.Module], str] = {
    nn.Conv2d: "conv",
    nn.BatchNorm2d: "batchnorm",
    nn.MaxPool2d: "max_pool",
    nn.AvgPool2d: "avg_pool",
    nn.ConvTranspose2d: "conv_transpose",
}


def rows_as_torch_has_them(stack: nn.Sequential, images: torch.Tensor) -> list[Layer]:
    """The table's rows, read from what each module really holds and puts out."""
    rows = []
    for module in stack:
        images = module(images)
        if type(module) not in KINDS:
            continue
        kernel, stride, padding = (
            torch.as_tensor(getattr(module, name, default)).flatten()[0].item()
            for name, default in (("kernel_size", 1), ("stride", 1), ("padding", 0))
        )
        count = sum(parameter.numel() for parameter in module.parameters())
        _, channels, height, width = images.shape
        assert height == width
        kind = KINDS[type(module)]
        rows.append(Layer(kind, channels, height, kernel, stride, padding, count))
    return rows


def test_a_block_is_frozen_with_both_its_convolutions() -> None:
    encoder = AutoencoderConfig(batchnorm=True, convs_per_block=2)
    network = build_classifier(ClassifierConfig(encoder=encoder))
    network.freeze(1)
    learns = {name: parameter.requires_grad for name, parameter in network.named_parameters()}
    convolutions = [name for name in learns if name.endswith("weight") and "conv" in name]
    assert {name: learns[name] for name in convolutions} == {
        "encoder.conv1.weight": False,
        "encoder.second_conv1.weight": False,
        "encoder.conv2.weight": True,
        "encoder.second_conv2.weight": True,
    }
    assert not network.encoder.get_submodule("second_batchnorm1").training
    assert network.encoder.get_submodule("second_batchnorm2").training


@given(configs)
@settings(max_examples=50, deadline=None)
def test_every_layer_has_the_shape_and_parameters_of_its_row(config: AutoencoderConfig) -> None:
    network = build_autoencoder(config)
    images = torch.randn(2, 1, 28, 28)
    latent = network.encoder(images)
    for stack, taken, stated in (
        (network.encoder, images, encoder_layers(config)),
        (network.decoder, latent, decoder_layers(config)),
    ):
        built = rows_as_torch_has_them(stack, taken)
        assert built == [layer._replace(n_multiply_adds=0) for layer in stated]


@given(configs)
@settings(max_examples=20, deadline=None)
def test_the_whole_network_has_the_parameters_of_its_config(config: AutoencoderConfig) -> None:
    network = build_autoencoder(config)
    assert sum(parameter.numel() for parameter in network.parameters()) == config.n_parameters()


def test_the_papers_baseline_has_18193_parameters() -> None:
    network = build_autoencoder(AutoencoderConfig(dropout=0.2))
    assert sum(parameter.numel() for parameter in network.parameters()) == 18_193


def test_an_image_comes_back_in_its_own_shape_and_is_not_clipped() -> None:
    network = build_autoencoder(AutoencoderConfig())
    with torch.no_grad():
        network.decoder[-1].bias.fill_(5)
        output = network(torch.zeros(3, 1, 28, 28))
    assert output.shape == (3, 1, 28, 28)
    assert output.max() > 1


def test_a_block_is_convolution_batch_norm_relu_dropout_pooling() -> None:
    encoder = build_autoencoder(AutoencoderConfig(batchnorm=True, dropout=0.2, pool2="avg")).encoder
    assert [type(layer) for layer in encoder] == [
        *(nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Dropout, nn.MaxPool2d),
        *(nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Dropout, nn.AvgPool2d),
    ]


def test_the_decoder_is_linear_at_its_end() -> None:
    decoder = build_autoencoder(AutoencoderConfig()).decoder
    assert [type(layer) for layer in decoder] == [
        nn.ConvTranspose2d,
        nn.ReLU,
        nn.ConvTranspose2d,
    ]


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_weights_keep_their_names_whatever_has_no_weights(dropout: float) -> None:
    network: Autoencoder = build_autoencoder(AutoencoderConfig(dropout=dropout))
    assert [name for name, _ in network.named_parameters()] == [
        "encoder.conv1.weight",
        "encoder.conv1.bias",
        "encoder.conv2.weight",
        "encoder.conv2.bias",
        "decoder.conv_transpose1.weight",
        "decoder.conv_transpose1.bias",
        "decoder.conv_transpose2.weight",
        "decoder.conv_transpose2.bias",
    ]


def test_batch_norm_is_named_beside_its_convolution() -> None:
    names = build_autoencoder(AutoencoderConfig(batchnorm=True)).state_dict()
    assert "encoder.batchnorm1.running_mean" in names
    assert "encoder.batchnorm2.weight" in names


def test_weights_are_contiguous_as_safetensors_wants_them() -> None:
    network = build_autoencoder(AutoencoderConfig())
    assert all(tensor.is_contiguous() for tensor in network.state_dict().values())


def test_pixels_are_scaled_to_minus_one_to_one_with_a_channel() -> None:
    pixels = torch.tensor([[0, 255], [51, 204]], dtype=torch.uint8).expand(3, 2, 2)
    scaled = scale_pixels(pixels)
    assert scaled.shape == (3, 1, 2, 2)
    torch.testing.assert_close(scaled[0, 0], torch.tensor([[-1.0, 1.0], [-0.6, 0.6]]))
