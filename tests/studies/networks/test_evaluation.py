import itertools
import time
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.classifier import ClassifierConfig
from studies.data.images import Images, Split
from studies.networks import evaluation
from studies.networks.evaluation import (
    BATCH,
    confusion_matrix,
    judge,
    latency,
    predict,
    reconstruct,
    to_pixels,
)
from studies.networks.plain import (
    Autoencoder,
    Classifier,
    build_autoencoder,
    build_classifier,
    scale_pixels,
)
from studies.training.loop import Training

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


@pytest.fixture
def several_batches(small_split: Split) -> Images:
    """Images that are judged in two batches of different size."""
    images = small_split.train.first(BATCH + 30)
    assert len(images) == BATCH + 30
    return images


def outputs(network: nn.Module, images: Images) -> Tensor:
    """What the plain network in evaluation mode makes of all images at once."""
    with torch.no_grad():
        made: Tensor = network.eval()(scale_pixels(images.pixels))
    return made


def test_an_autoencoder_is_judged_by_its_mean_error_over_all_images(
    several_batches: Images,
) -> None:
    network = build_autoencoder(AutoencoderConfig(dropout=0.3, batchnorm=True))
    judged = judge(network, several_batches)
    expected = functional.mse_loss(
        outputs(network, several_batches), scale_pixels(several_batches.pixels)
    )
    assert judged.loss == pytest.approx(expected.item(), rel=1e-5)
    assert (judged.accuracy, judged.confusion) == (None, None)


def test_a_classifier_is_judged_by_cross_entropy_accuracy_and_what_it_takes_for_what(
    several_batches: Images,
) -> None:
    network = build_classifier(CLASSIFIER)
    judged = judge(network, several_batches)
    made, labels = outputs(network, several_batches), several_batches.labels
    assert judged.loss == pytest.approx(functional.cross_entropy(made, labels).item(), rel=1e-5)
    right = int((made.argmax(1) == labels).sum())
    assert 0 < right < len(labels)
    assert judged.accuracy == right / len(labels)
    assert judged.confusion == confusion_matrix(labels, made.argmax(1)).tolist()


@pytest.mark.parametrize("config", [CLASSIFIER, CLASSIFIER.encoder], ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("scale", [1, 100], ids=["ordinary", "saturated"])
def test_judging_and_training_give_the_same_figures(
    small_split: Split, config: ClassifierConfig | AutoencoderConfig, scale: int
) -> None:
    training = Training(config, small_split, 0, Budget(epochs=1, subset=600))
    with torch.no_grad():
        for parameter in training.network.parameters():
            parameter *= scale
    validated, judged = training.validate(), judge(training.network, small_split.validation)
    assert (judged.loss, judged.accuracy) == validated
    plain = judge(training.network, small_split.validation, plain=True)
    assert plain.loss == pytest.approx(validated.loss, rel=1e-5)
    assert plain.accuracy == validated.accuracy
    if scale > 1 and isinstance(training.network, Classifier):
        least = predict(training.network, small_split.validation).min()
        assert least == 0, "probabilities would not tell how wrong it is"
        assert judged.loss > 30 * torch.tensor(10.0).log()


def test_judging_leaves_a_network_in_the_mode_it_was_in(small_split: Split) -> None:
    uses: list[Callable[[Autoencoder], object]] = [
        lambda network: judge(network, small_split.validation),
        lambda network: reconstruct(network, small_split.validation.pixels),
        latency,
    ]
    for use in uses:
        for mode in (True, False):
            network = build_autoencoder(AutoencoderConfig()).train(mode)
            use(network)
            assert network.training is mode


def test_of_no_images_there_is_nothing(small_split: Split) -> None:
    none = small_split.train.first(0)
    assert predict(build_classifier(CLASSIFIER), none).shape == (0, 10)
    made = reconstruct(build_autoencoder(AutoencoderConfig()), none.pixels)
    assert (made.shape, made.dtype) == ((0, 28, 28), torch.uint8)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=50))
def test_the_confusion_matrix_counts_each_pair(pairs: list[tuple[int, int]]) -> None:
    labels = torch.tensor([true for true, _ in pairs], dtype=torch.int64)
    predicted = torch.tensor([taken for _, taken in pairs], dtype=torch.uint8)
    counts = confusion_matrix(labels, predicted)
    assert counts.sum() == len(pairs)
    assert all(counts[true, taken] == pairs.count((true, taken)) for true, taken in pairs)


@pytest.fixture
def quick_latency() -> None:
    """Here it is measured as users get it."""


@pytest.mark.parametrize("n_threads", [1, 2])
def test_latency_is_measured_on_one_thread_and_leaves_all_as_it_was(n_threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        network = build_classifier(CLASSIFIER)
        statistics = [tensor.clone() for tensor in network.buffers()]
        assert latency(network).ms > 0
        assert torch.get_num_threads() == n_threads
        assert network.training
        assert all(map(torch.equal, network.buffers(), statistics))
    finally:
        torch.set_num_threads(before)


class Watched(nn.Module):
    """Notes how it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[tuple[int, ...], int, bool, bool]] = []

    def forward(self, images: Tensor) -> Tensor:
        inference = torch.is_inference_mode_enabled()
        shape = tuple(images.shape)
        self.calls.append((shape, torch.get_num_threads(), self.training, inference))
        return images


def test_latency_is_the_least_of_blocks_of_runs_until_two_agree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = iter([9.0, 7.0, 8.0, 5.0, 9.0, 9.0, 6.0, 9.0, 9.0, 9.0, 9.0, 5.5, 5.2, 9.0, 5.09, 1.0])
    clock = itertools.accumulate(t for run in runs for t in (0.0, run))
    monkeypatch.setattr(evaluation, "thread_time", clock.__next__)
    network = Watched()
    assert latency(network) == pytest.approx((5000, 2000))
    assert network.calls == [((100, 1, 28, 28), 1, False, True)] * 16


def test_latency_is_measured_for_a_bounded_time_where_nothing_agrees(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = itertools.accumulate(1.1**n for n in range(1000))
    monkeypatch.setattr(evaluation, "thread_time", clock.__next__)
    network = Watched()
    assert latency(network).spread_ms > 0
    assert len(network.calls) == 61


def test_latency_counts_no_waiting_for_a_turn() -> None:
    """Were it the time on the wall, a run would take as long as it sleeps."""

    class Sleeps(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            time.sleep(0.05)
            return images

    assert latency(Sleeps()).ms < 25
