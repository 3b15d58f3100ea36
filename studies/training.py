"""Training as a pure function of configuration, data, seed and budget; knows nothing of Optuna.

The same four give bit-identical metrics and weights on the same machine with the same number of
torch threads, whatever else the process has drawn or trained.
"""

import math
from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.errors import TrainingDivergedError
from studies.data import Images, Split
from studies.fast import accelerate, keep_freed_memory
from studies.networks import Autoencoder, build_autoencoder, scale_pixels

EVALUATION_BATCH = 250
"""Images a step when nothing is learned; fits the processor's cache and changes no result."""


class EpochMetrics(NamedTuple):
    """What one epoch of training came to."""

    epoch: int
    """Counted from 1."""
    train_loss: float
    """Mean squared error over pixels in [−1, 1], mean over the epoch's images as they were seen:
    in training mode, with the weights of their step."""
    validation_loss: float
    """The same error over the validation images, in evaluation mode, after the epoch."""
    seconds: float
    """Wall time of the epoch, evaluation included."""
    evaluation_seconds: float
    """Wall time of its evaluation."""


class Training:
    """One network in training; iterating yields each epoch's metrics until the budget is spent.

    It holds no file, thread or process: an interrupt between two batches leaves nothing behind.

    Attributes:
        network: the plain network, its weights those after the last finished epoch.
        epoch: epochs finished.
    """

    def __init__(self, config: AutoencoderConfig, split: Split, seed: int, budget: Budget) -> None:
        keep_freed_memory()
        self._config = config
        self._split = split
        self._budget = budget
        self.epoch = 0
        self.network, self._generator = _initial_network(config, seed)
        self._forward = accelerate(self.network, self._generator)
        self._optimizer = torch.optim.Adam(
            self.network.parameters(), lr=config.learning_rate, fused=True
        )

    def __iter__(self) -> Iterator[EpochMetrics]:
        """The training itself; iterating again goes on where it stopped."""
        return self

    def __next__(self) -> EpochMetrics:
        """Train one epoch and evaluate.

        Raises:
            TrainingDivergedError: a loss became NaN or infinite.
        """
        if self.epoch >= self._budget.epochs:
            raise StopIteration
        start = perf_counter()
        train_loss = self._train_epoch()
        trained = perf_counter()
        validation_loss = self._finite(self.evaluate(self._split.validation), "validation")
        end = perf_counter()
        self.epoch += 1
        return EpochMetrics(self.epoch, train_loss, validation_loss, end - start, end - trained)

    def evaluate(self, images: Images) -> float:
        """Mean squared error over the images' pixels in [−1, 1], in evaluation mode."""
        self.network.eval()
        total = 0.0
        with torch.inference_mode():
            for pixels in images.batches(EVALUATION_BATCH):
                originals = scale_pixels(pixels)
                loss = functional.mse_loss(self._forward(originals), originals)
                total += loss.item() * len(pixels)
        return total / len(images)

    def state_dict(self) -> dict[str, Tensor]:
        """A copy of all that changes from epoch to epoch; meant for between epochs."""
        moments = self._optimizer.state_dict()["state"]
        state = {
            "epoch": torch.tensor(self.epoch),
            "generator": self._generator.get_state(),
            **{f"network.{name}": t for name, t in self.network.state_dict().items()},
            **{f"optimizer.{i}.{name}": t for i, own in moments.items() for name, t in own.items()},
        }
        return {name: tensor.detach().clone() for name, tensor in state.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what :meth:`state_dict` gave, bit by bit as if never interrupted."""
        network: dict[str, Tensor] = {}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            part, _, rest = name.partition(".")
            if part == "network":
                network[rest] = tensor
            elif part == "optimizer":
                index, _, moment = rest.partition(".")
                moments.setdefault(int(index), {})[moment] = tensor.clone()
        self.epoch = int(state["epoch"])
        self._generator.set_state(state["generator"])
        self.network.load_state_dict(network)
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})

    def train_batch(self, pixels: Tensor) -> float:
        """One step of the optimiser; returns the batch's loss before it.

        Args:
            pixels: uint8 (N, 28, 28).

        Raises:
            TrainingDivergedError: the loss became NaN or infinite.
        """
        originals = scale_pixels(pixels)
        self._optimizer.zero_grad()
        loss = functional.mse_loss(self._forward(originals), originals)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return self._finite(loss.item(), "training")

    def shuffled_batches(self) -> Iterator[Tensor]:
        """The training images once, in a new random order, uint8 (batch_size, 28, 28) at a time."""
        images = self._split.train
        order = torch.randperm(len(images), generator=self._generator)
        return images.batches(self._config.batch_size, order)

    def _train_epoch(self) -> float:
        self.network.train()
        total = 0.0
        for pixels in self.shuffled_batches():
            total += self.train_batch(pixels) * len(pixels)
        return total / len(self._split.train)

    def _finite(self, loss: float, phase: str) -> float:
        if not math.isfinite(loss):
            raise TrainingDivergedError(
                f"the {phase} loss became {loss} in epoch {self.epoch + 1}; "
                "a smaller learning rate may help"
            )
        return loss


def seconds_per_epoch(config: AutoencoderConfig, split: Split, n_batches: int = 20) -> float:
    """How long an epoch will take, from a few real batches of a network that is thrown away.

    The first batch, in which libraries choose their kernels, is not counted.

    Args:
        config: what would be trained.
        split: the images it would be trained and judged on.
        n_batches: batches to measure.
    """
    training = Training(config, split, seed=0, budget=Budget(epochs=1))
    batches = _endless_batches(training)
    training.train_batch(next(batches))
    start = perf_counter()
    for _ in range(n_batches):
        training.train_batch(next(batches))
    trained = perf_counter()
    sample = split.validation.first(EVALUATION_BATCH)
    training.evaluate(sample)
    evaluated = perf_counter()
    batches_an_epoch = math.ceil(len(split.train) / config.batch_size)
    samples_an_epoch = len(split.validation) / len(sample)
    return (trained - start) / n_batches * batches_an_epoch + (
        evaluated - trained
    ) * samples_an_epoch


def _endless_batches(training: Training) -> Iterator[Tensor]:
    while True:
        yield from training.shuffled_batches()


def _initial_network(config: AutoencoderConfig, seed: int) -> tuple[Autoencoder, torch.Generator]:
    """Initial weights from the seed, and the generator that goes on with the same stream.

    PyTorch's initialisation draws from the process's own generator, which is left as it was.
    """
    generator = torch.Generator()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_autoencoder(config)
        generator.set_state(torch.get_rng_state())
    return network, generator
