import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spaces.autoencoder import AutoencoderConfig
from spaces.classifier import ClassifierConfig
from studies.data import Split
from studies.evaluation import confusion_matrix, latency_ms, predict, reconstruct, to_pixels
from studies.networks import build_autoencoder, build_classifier, scale_pixels

CLASSIFIER = ClassifierConfig(
    fc_width=8, dropout=0.5, batchnorm=True, encoder=AutoencoderConfig(conv1_channels=4)
)


def test_probabilities_are_the_plain_networks_in_evaluation_mode(small_split: Split) -> None:
    network = build_classifier(CLASSIFIER)
    probabilities = predict(network, small_split.validation)
    assert network.training, "its mode is as it was"
    assert probabilities.shape == (100, 10)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(100))
    with torch.no_grad():
        own = network.eval()(scale_pixels(small_split.validation.pixels)).softmax(1)
    torch.testing.assert_close(probabilities, own, rtol=1e-4, atol=1e-6)


def test_reconstructions_are_images_again(small_split: Split) -> None:
    network = build_autoencoder(AutoencoderConfig(dropout=0.3))
    pixels = small_split.validation.pixels
    made = reconstruct(network, pixels)
    assert (made.shape, made.dtype) == (pixels.shape, torch.uint8)
    assert torch.equal(made, reconstruct(network, pixels)), "nothing is dropped out"


def test_pixels_survive_scaling_there_and_back() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 16, 16).repeat(2, 1, 1)
    assert torch.equal(to_pixels(scale_pixels(pixels)), pixels)
    assert to_pixels(torch.tensor([[[[-9.0, 9.0]]]])).tolist() == [[[0, 255]]]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=50))
def test_the_confusion_matrix_counts_each_pair(pairs: list[tuple[int, int]]) -> None:
    labels = torch.tensor([true for true, _ in pairs], dtype=torch.int64)
    predicted = torch.tensor([taken for _, taken in pairs], dtype=torch.uint8)
    counts = confusion_matrix(labels, predicted)
    assert counts.sum() == len(pairs)
    assert all(counts[true, taken] == pairs.count((true, taken)) for true, taken in pairs)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_latency_is_measured_on_one_thread_and_leaves_all_as_it_was(n_threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        network = build_classifier(CLASSIFIER)
        statistics = [tensor.clone() for tensor in network.buffers()]
        assert latency_ms(network) > 0
        assert torch.get_num_threads() == n_threads
        assert network.training
        assert all(map(torch.equal, network.buffers(), statistics))
    finally:
        torch.set_num_threads(before)
