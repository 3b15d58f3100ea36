from collections.abc import Iterator
from itertools import islice

import pytest
import torch

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.classifier import ClassifierConfig
from spaces.errors import TrainingDivergedError
from studies.data.images import Batch, Images, Split
from studies.engine.estimate import seconds_per_epoch
from studies.networks.plain import build_autoencoder, scale_pixels
from studies.training.loop import Stopped, Training
from studies.training.metrics import EpochMetrics

CONFIG = AutoencoderConfig(dropout=0.2, batchnorm=True, pool2="avg", batch_size=64)
BUDGET = Budget(epochs=2)


def blobs(n: int, seed: int) -> Images:
    """Smooth random images: learnable in a few steps, unlike noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 1, 4, 4, generator=generator)
    pixels = torch.nn.functional.interpolate(coarse, size=28, mode="bilinear") * 255
    labels = torch.randint(10, (n,), generator=generator)
    return Images(pixels.squeeze(1).to(torch.uint8), labels)


@pytest.fixture(scope="module")
def split() -> Split:
    return Split(train=blobs(300, seed=1), validation=blobs(90, seed=2))


def results(training: Training) -> tuple[list[tuple[int, float, float]], list[torch.Tensor]]:
    """All that must be equal bit by bit: metrics without seconds, and weights."""
    metrics = [(row.epoch, row.train_loss, row.validation_loss) for row in training]
    return metrics, list(training.network.state_dict().values())


def assert_same(first: Training, second: Training) -> None:
    metrics1, weights1 = results(first)
    metrics2, weights2 = results(second)
    assert metrics1 == metrics2
    assert all(torch.equal(a, b) for a, b in zip(weights1, weights2, strict=True))


def test_each_epoch_is_yielded_once_and_counted_from_1(split: Split) -> None:
    training = Training(CONFIG, split, seed=3, budget=Budget(epochs=3))
    rows = list(training)
    assert [row.epoch for row in rows] == [1, 2, 3]
    assert all(0 < row.evaluation_seconds < row.seconds for row in rows)
    assert list(training) == []


def test_training_learns(split: Split) -> None:
    rows = list(Training(AutoencoderConfig(batch_size=20), split, 3, Budget(epochs=4)))
    assert rows[-1].validation_loss < rows[0].validation_loss
    assert rows[-1].train_loss < rows[0].train_loss


def test_the_same_inputs_give_the_same_bits(split: Split) -> None:
    assert_same(Training(CONFIG, split, 3, BUDGET), Training(CONFIG, split, 3, BUDGET))


def test_random_work_in_between_changes_nothing(split: Split) -> None:
    class Disturbed(Training):
        def __next__(self) -> EpochMetrics:
            torch.rand(17)
            list(islice(Training(CONFIG, split, 8, BUDGET), 1))
            return super().__next__()

    torch.manual_seed(99)
    assert_same(Training(CONFIG, split, 3, BUDGET), Disturbed(CONFIG, split, 3, BUDGET))


def test_the_process_own_random_numbers_are_left_alone(split: Split) -> None:
    before = torch.get_rng_state()
    list(Training(CONFIG, split, 3, Budget(epochs=1)))
    seconds_per_epoch(CONFIG, split, n_batches=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_initial_weights_are_pytorchs_own_for_the_seed(split: Split) -> None:
    training = Training(CONFIG, split, 3, BUDGET)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        fresh = build_autoencoder(CONFIG)
    for name, tensor in fresh.state_dict().items():
        assert torch.equal(training.network.state_dict()[name], tensor)


def test_another_seed_gives_another_result(split: Split) -> None:
    first, second = (next(Training(CONFIG, split, seed, BUDGET)) for seed in (3, 4))
    assert first.train_loss != second.train_loss
    assert first.validation_loss != second.validation_loss


def test_every_epoch_sees_all_images_once_in_another_order(split: Split) -> None:
    training = Training(CONFIG, split, 3, BUDGET)
    orders = [torch.cat([b.pixels for b in training.shuffled_batches()]) for _ in range(2)]
    assert not torch.equal(orders[0], orders[1])
    for order in orders:
        assert torch.equal(
            order.flatten(1).sum(1).sort().values,
            split.train.pixels.flatten(1).sum(1).sort().values,
        )


def test_a_validation_loss_is_the_plain_networks_error_in_evaluation_mode(split: Split) -> None:
    training = Training(CONFIG, split, 3, BUDGET)
    metrics = next(training)
    network = training.network.eval()
    originals = scale_pixels(split.validation.pixels)
    with torch.no_grad():
        error = (network(originals) - originals).square().mean().item()
    assert metrics.validation_loss == pytest.approx(error, rel=1e-5)


def test_a_train_loss_counts_every_image_alike_also_in_a_last_small_batch(split: Split) -> None:
    config = AutoencoderConfig(learning_rate=1e-30, batch_size=299)
    training = Training(config, split, 3, BUDGET)
    originals = scale_pixels(split.train.pixels)
    with torch.no_grad():
        error = (training.network(originals) - originals).square().mean().item()
    assert next(training).train_loss == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_training_and_says_when(
    split: Split, bad: float
) -> None:
    training = Training(CONFIG, split, 3, BUDGET)
    next(training)
    with torch.no_grad():
        training.network.decoder[-1].bias.fill_(bad)
    with pytest.raises(TrainingDivergedError, match=rf"training loss became {bad} in epoch 2"):
        next(training)


def test_going_on_from_a_saved_state_gives_the_same_bits(split: Split) -> None:
    whole = Training(CONFIG, split, 3, Budget(epochs=3))
    broken = Training(CONFIG, split, 3, Budget(epochs=3))
    next(whole)
    next(broken)
    resumed = Training(CONFIG, split, 4, Budget(epochs=3))
    resumed.load_state_dict(broken.state_dict())
    assert resumed.epoch == 1
    assert_same(whole, resumed)


def test_a_saved_state_does_not_change_when_training_goes_on(split: Split) -> None:
    training = Training(CONFIG, split, 3, BUDGET)
    next(training)
    state = training.state_dict()
    bias = state["network.decoder.conv_transpose2.bias"].clone()
    next(training)
    assert torch.equal(state["network.decoder.conv_transpose2.bias"], bias)


def test_an_interrupt_between_batches_leaves_the_training_usable(split: Split) -> None:
    class Interrupted(Training):
        def shuffled_batches(self) -> Iterator[Batch]:
            yield from islice(super().shuffled_batches(), 2)
            raise KeyboardInterrupt

    training = Interrupted(CONFIG, split, 3, BUDGET)
    with pytest.raises(KeyboardInterrupt):
        next(training)
    assert training.epoch == 0
    assert training.evaluate(split.validation).loss > 0


def test_an_epoch_that_should_stop_ends_before_its_next_batch(split: Split) -> None:
    training = Training(CONFIG, split, 3, BUDGET)
    answers = iter([False, False, True])
    with pytest.raises(Stopped):
        training.train_epoch(should_stop=lambda: next(answers))
    assert next(answers, None) is None, "asked once for each batch"
    assert training.epoch == 0


def test_seconds_per_epoch_is_near_what_an_epoch_takes(split: Split) -> None:
    config = AutoencoderConfig(batch_size=10)
    expected = seconds_per_epoch(config, split, n_batches=20)
    measured = min(row.seconds for row in Training(config, split, 3, Budget(epochs=5)))
    assert measured / 4 < expected < measured * 8


def test_one_image_over_the_last_whole_batch_joins_it(split: Split) -> None:
    config = ClassifierConfig(fc_width=16, batchnorm=True, batch_size=64, schedule="one-cycle")
    training = Training(config, split._replace(train=blobs(129, seed=1)), 3, BUDGET)
    assert [len(batch.labels) for batch in training.shuffled_batches()] == [64, 65]
    assert len(list(training)) == 2, "of one image batch norm knows no variance"
