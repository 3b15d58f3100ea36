"""What a classifier takes over from an encoder, what stays frozen, and what that saves."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.classifier import ClassifierConfig
from spaces.errors import StudyError
from studies.data.images import Images, Split
from studies.networks.plain import build_encoder
from studies.training import loop as training_module
from studies.training.loop import Training
from studies.training.metrics import EpochMetrics

ENCODER = AutoencoderConfig(
    batchnorm=True, pool2="avg", conv1_channels=4, conv2_channels=6, dropout=0.1
)
BUDGET = Budget(epochs=2)
Weights = dict[str, Tensor]


def config(**changes: Any) -> ClassifierConfig:
    return ClassifierConfig(
        **{"fc_width": 16, "dropout": 0.2, "batch_size": 50, "encoder": ENCODER, **changes}
    )


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="module")
def weights() -> Weights:
    """An encoder's, with statistics unlike those of a fresh one."""
    torch.manual_seed(5)
    encoder = build_encoder(ENCODER)
    with torch.no_grad():
        encoder.train()(torch.rand(64, 1, 28, 28) * 2 - 1)
    return {name: tensor.clone() for name, tensor in encoder.state_dict().items()}


def encoder_of(training: Training) -> Weights:
    state = training.network.state_dict()
    return {
        n.removeprefix("encoder."): t.clone() for n, t in state.items() if n.startswith("encoder.")
    }


def block(name: str) -> int:
    return int(name.partition(".")[0][-1])


def unchanged(before: Weights, after: Weights) -> set[int]:
    """Blocks of which every parameter and statistic has the same bits."""
    changed = {block(name) for name in before if not torch.equal(before[name], after[name])}
    return {block(name) for name in before} - changed


def without_times(metrics: EpochMetrics) -> EpochMetrics:
    return metrics._replace(seconds=0, evaluation_seconds=0)


def test_the_encoder_starts_from_the_given_weights_bit_for_bit(
    small_split: Split, weights: Weights
) -> None:
    started = Training(config(), small_split, 0, BUDGET, weights)
    assert encoder_of(started).keys() == weights.keys()
    assert all(torch.equal(t, weights[n]) for n, t in encoder_of(started).items())
    scratch = Training(config(), small_split, 0, BUDGET)
    assert not torch.equal(encoder_of(scratch)["conv1.weight"], weights["conv1.weight"])


def test_weights_of_another_shape_are_refused(small_split: Split, weights: Weights) -> None:
    other = config(encoder=AutoencoderConfig(conv1_channels=8))
    with pytest.raises(StudyError, match="do not fit the classifier's encoder"):
        Training(other, small_split, 0, BUDGET, weights)


@pytest.mark.parametrize(
    ("changes", "frozen"),
    [
        ({"freeze": "none"}, set()),
        ({"freeze": "conv1"}, {1}),
        ({"freeze": "encoder"}, {1, 2}),
        ({"freeze": "encoder", "shift": 2}, {1, 2}),
        ({"freeze": "gradual", "unfreeze_epoch": 2}, {1, 2}),
        ({"freeze": "gradual", "unfreeze_epoch": 1}, {1}),
        ({"freeze": "encoder", "optimizer": "adamw", "weight_decay": 0.1}, {1, 2}),
        ({"freeze": "conv1", "optimizer": "sgd", "weight_decay": 0.1}, {1}),
    ],
)
def test_frozen_blocks_keep_every_bit_and_the_others_learn(
    small_split: Split, weights: Weights, changes: dict[str, Any], frozen: set[int]
) -> None:
    training = Training(config(**changes), small_split, 0, BUDGET, weights)
    for _ in training:
        pass
    assert unchanged(weights, encoder_of(training)) == frozen
    for name, parameter in training.network.named_parameters():
        if name.startswith("encoder.") and block(name.removeprefix("encoder.")) in frozen:
            assert parameter.grad is None
            assert not parameter.requires_grad


def test_blocks_join_one_by_one_the_last_first(small_split: Split, weights: Weights) -> None:
    gradual = config(freeze="gradual", unfreeze_epoch=1)
    training = Training(gradual, small_split, 0, Budget(epochs=3), weights)
    still = []
    for _ in training:
        still.append(unchanged(weights, encoder_of(training)))
    assert still == [{1, 2}, {1}, set()]


def backward_steps(training: Training) -> list[str]:
    """What autograd evaluates in one step of the optimiser."""
    training.network.train()
    batch = next(training.shuffled_batches())
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        training.train_batch(batch)
    prefix = "autograd::engine::evaluate_function: "
    return [e.name.removeprefix(prefix) for e in recorded.events() if e.name.startswith(prefix)]


@pytest.mark.parametrize(
    ("changes", "frozen"),
    [
        ({"freeze": "none"}, set()),
        ({"freeze": "conv1"}, {1}),
        ({"freeze": "encoder"}, {1, 2}),
        ({"freeze": "encoder", "shift": 2}, {1, 2}),
    ],
)
def test_no_gradient_is_computed_for_a_frozen_block(
    small_split: Split, weights: Weights, changes: dict[str, Any], frozen: set[int]
) -> None:
    training = Training(config(**changes), small_split, 0, BUDGET, weights)
    steps = backward_steps(training)
    learning = [
        name
        for name, _ in training.network.named_parameters()
        if name.startswith("head.") or block(name.removeprefix("encoder.")) not in frozen
    ]
    assert steps.count("torch::autograd::AccumulateGrad") == len(learning)
    n_pools = sum("Pool" in step for step in steps)
    assert n_pools == {0: 2, 1: 1, 2: 0}[len(frozen)], steps


@pytest.mark.parametrize("changes", [{"freeze": "encoder"}, {"freeze": "gradual"}])
def test_latent_maps_computed_once_give_what_they_give_computed_each_epoch(
    small_split: Split,
    weights: Weights,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
) -> None:
    def train(folder: Path | None) -> list[EpochMetrics]:
        return list(Training(config(**changes), small_split, 3, BUDGET, weights, folder))

    in_memory, from_files = train(None), train(tmp_path)
    assert list(map(without_times, in_memory)) == list(map(without_times, from_files))
    assert len(list(tmp_path.glob("*.float32"))) == 2
    seen = []

    def not_at_all(_: object, images: Images, __: object) -> Images:
        seen.append(images)
        return images

    monkeypatch.setattr(training_module, "encoded", not_at_all)
    each_epoch = train(None)
    assert len(seen) == 2
    for once, again in zip(in_memory, each_epoch, strict=True):
        assert once.train_loss == pytest.approx(again.train_loss, rel=1e-5)
        assert once.validation_loss == pytest.approx(again.validation_loss, rel=1e-5)
        assert once.validation_accuracy == again.validation_accuracy


def test_without_validation_images_nothing_is_judged(small_split: Split, weights: Weights) -> None:
    unjudged = Split(small_split.train, small_split.train.first(0))
    for changes in ({"freeze": "none"}, {"freeze": "encoder"}):
        judged = list(Training(config(**changes), small_split, 0, BUDGET, weights))
        free = list(Training(config(**changes), unjudged, 0, BUDGET, weights))
        assert [m.train_loss for m in free] == [m.train_loss for m in judged]
        assert all(m.validation_loss != m.validation_loss for m in free)
