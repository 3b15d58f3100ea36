"""Training as a pure function of configuration, data, seed and budget; knows nothing of Optuna.

The same four give bit-identical metrics and weights on the same machine with the same number of
torch threads, whatever else the process has drawn or trained.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor
from torch.nn import functional

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.classifier import ClassifierConfig
from spaces.errors import TrainingDivergedError
from spaces.space import Configuration
from studies.data.images import Batch, Images, Split, first_of_each_class
from studies.networks import evaluation
from studies.networks.evaluation import Score
from studies.networks.fast import (
    Forward,
    accelerate,
    accelerate_fixed,
    keep_freed_memory,
    laid_out,
    run,
)
from studies.networks.latency import Latency
from studies.networks.plain import Autoencoder, Classifier, build, load_encoder, scale_pixels
from studies.training.augmentation import augment
from studies.training.features import encoded
from studies.training.metrics import EpochMetrics, Outcome
from studies.training.optimizers import make_optimizer, rate_share


class Stopped(Exception):  # noqa: N818
    """Somebody let go of a training in the middle of its epoch."""


class Training:
    """One network in training; iterating yields each epoch's metrics until the budget is spent.

    It holds no file, thread or process: an interrupt between two batches leaves nothing behind.

    Args:
        config: what to train.
        split: what it learns from and is judged by; without validation images it is not judged.
        seed: of initial weights, order and dropout.
        budget: how many epochs.
        encoder: weights that a classifier's encoder starts from; None for random ones.
        features_folder: where a frozen encoder's latent maps are shared with other processes.

    Attributes:
        network: the plain network, its weights those after the last finished epoch.
        epoch: epochs finished.
    """

    def __init__(
        self,
        config: Configuration,
        split: Split,
        seed: int,
        budget: Budget,
        encoder: Mapping[str, Tensor] | None = None,
        features_folder: Path | None = None,
    ) -> None:
        assert isinstance(config, AutoencoderConfig | ClassifierConfig)
        keep_freed_memory()
        self._config = config
        self._split = split
        self._seen = split
        self._budget = budget
        self._features_folder = features_folder
        self._features: Split | None = None
        self._step = 0
        self._predictions: Tensor | None = None
        self.epoch = 0
        self.network, self._generator = _initial_network(config, seed)
        if encoder is not None and isinstance(self.network, Classifier):
            load_encoder(self.network, encoder)
        self._forward = accelerate(self.network, self._generator)
        self._optimizer = make_optimizer(config, self.network.parameters())
        self._prepare_epoch()

    def __iter__(self) -> Iterator[EpochMetrics]:
        """The training itself; iterating again goes on where it stopped."""
        return self

    def __next__(self) -> EpochMetrics:
        """Train one epoch and evaluate, as :meth:`train_epoch`, until the budget is spent."""
        if self.epoch >= self._budget.epochs:
            raise StopIteration
        return self.train_epoch()

    def train_epoch(self, should_stop: Callable[[], bool] = lambda: False) -> EpochMetrics:
        """Train one epoch, asking before each batch whether it should stop, and evaluate.

        Raises:
            TrainingDivergedError: a loss became NaN or infinite.
            Stopped: it should; the epoch is lost.
        """
        self._prepare_epoch()
        start = perf_counter()
        train = self._train_on_all(should_stop)
        trained = perf_counter()
        validation = self.validate()
        end = perf_counter()
        self.epoch += 1
        return EpochMetrics(
            self.epoch,
            train.loss,
            validation.loss,
            end - start,
            end - trained,
            train.accuracy,
            validation.accuracy,
        )

    def validate(self) -> Score:
        """The score over the validation images, in evaluation mode; NaN where there are none.

        Raises:
            TrainingDivergedError: the loss became NaN or infinite.
        """
        if not len(self._seen.validation):
            nothing = float("nan")
            return Score(nothing, nothing if self._classifies() else None)
        score = self.evaluate(self._seen.validation)
        return Score(self._finite(score.loss, "validation"), score.accuracy)

    def latency(self) -> Latency:
        """How long 100 images take on one thread."""
        return evaluation.latency(self.network)

    def outcome(self, with_weights: bool) -> Outcome:
        """What the training leaves as it is now, between two epochs; weights only if wanted."""
        reconstructions = None
        if isinstance(self.network, Autoencoder) and len(self._split.validation):
            samples = first_of_each_class(self._split.validation)
            reconstructions = evaluation.reconstruct(self.network, samples)
        return Outcome(
            {n: t.detach().clone() for n, t in self.network.state_dict().items()}
            if with_weights
            else None,
            self.state_dict() if with_weights else None,
            self._predictions,
            reconstructions,
        )

    def state_dict(self) -> dict[str, Tensor]:
        """A copy of all that changes from epoch to epoch; meant for between epochs."""
        moments = self._optimizer.state_dict()["state"]
        state = {
            "epoch": torch.tensor(self.epoch),
            "generator": self._generator.get_state(),
            **{f"network.{name}": t for name, t in self.network.state_dict().items()},
            **{f"optimizer.{i}.{name}": t for i, own in moments.items() for name, t in own.items()},
        }
        return {name: t.detach().clone() for name, t in state.items() if t is not None}

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

    def train_batch(self, batch: Batch) -> Score:
        """One step of the optimiser; returns the batch's score before it.

        Raises:
            TrainingDivergedError: the loss became NaN or infinite.
        """
        if self._config.schedule != "constant":
            n_steps = self._steps_an_epoch() * self._budget.epochs
            share = rate_share(self._config.schedule, self._step, n_steps)
            for group in self._optimizer.param_groups:
                group["lr"] = self._config.learning_rate * share
        self._step += 1
        self._optimizer.zero_grad()
        outputs, target = self._outputs(self._forward, batch)
        loss = self._loss(outputs, target)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return Score(self._finite(loss.item(), "training"), self._accuracy(outputs, target))

    def shuffled_batches(self) -> Iterator[Batch]:
        """The training images, or their latent maps, once in a new random order."""
        images = self._seen.train
        order = torch.randperm(len(images), generator=self._generator)
        return images.batches(self._config.batch_size, order, joins_single=True)

    def _prepare_epoch(self) -> None:
        """Freeze what the next epoch does not train, and look up what that makes of the images."""
        if not isinstance(self._config, ClassifierConfig):
            return
        assert isinstance(self.network, Classifier)
        n_frozen = self._config.n_frozen_blocks(self.epoch + 1)
        self.network.freeze(n_frozen)
        all_frozen = n_frozen == self._config.encoder.n_blocks and not self._config.is_augmented
        if all_frozen and self._features is None:
            encode, folder = self.network.encoder, self._features_folder
            self._features = Split(*(encoded(encode, images, folder) for images in self._split))
        elif not all_frozen:
            self._features = None
        self._seen = self._features or self._split

    def _train_on_all(self, should_stop: Callable[[], bool]) -> Score:
        self.network.train()
        self._step = self.epoch * self._steps_an_epoch()
        loss = n_right = 0.0
        for batch in self.shuffled_batches():
            if should_stop():
                raise Stopped
            score = self.train_batch(batch)
            loss += score.loss * len(batch.labels)
            n_right += (score.accuracy or 0.0) * len(batch.labels)
        n = len(self._seen.train)
        return Score(loss / n, n_right / n if self._classifies() else None)

    def evaluate(self, images: Images) -> Score:
        """The score over any images in evaluation mode, without label smoothing."""
        self.network.eval()
        with torch.inference_mode():
            forward = accelerate_fixed(self.network, self._generator)
            outputs = partial(self._outputs, forward)
            score, predicted = evaluation.score(images, outputs, self._classifies())
        if predicted is not None:
            self._predictions = predicted.to(torch.uint8).clone()
        return score

    def _outputs(self, forward: Forward, batch: Batch) -> tuple[Tensor, Tensor]:
        """The network's outputs for a batch, and what they should be."""
        if batch.pixels.is_floating_point():
            assert isinstance(self.network, Classifier)
            return run(self.network.head, batch.pixels, self._generator), batch.labels
        seen = whole = batch.pixels
        if self._config.is_augmented and self.network.training:
            seen, whole = augment(batch.pixels, self._config, self._generator)
        images = scale_pixels(laid_out(seen) if self.network.training else seen)
        outputs = forward(images)
        if self._classifies():
            return outputs, batch.labels
        return outputs, images if whole is seen else scale_pixels(laid_out(whole))

    def _loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        if not isinstance(self._config, ClassifierConfig):
            return functional.mse_loss(outputs, target)
        smoothing = self._config.label_smoothing
        return functional.cross_entropy(outputs, target, label_smoothing=smoothing)

    def _accuracy(self, outputs: Tensor, target: Tensor) -> float | None:
        if not self._classifies():
            return None
        return int((outputs.detach().argmax(1) == target).sum()) / len(target)

    def _classifies(self) -> bool:
        return isinstance(self._config, ClassifierConfig)

    def _steps_an_epoch(self) -> int:
        n_whole, rest = divmod(len(self._split.train), self._config.batch_size)
        return max(1, n_whole + (rest > 1))

    def _finite(self, loss: float, phase: str) -> float:
        if not math.isfinite(loss):
            raise TrainingDivergedError(
                f"the {phase} loss became {loss} in epoch {self.epoch + 1}; "
                "a smaller learning rate may help"
            )
        return loss


def _initial_network(
    config: Configuration, seed: int
) -> tuple[Autoencoder | Classifier, torch.Generator]:
    """Initial weights from the seed, and the generator that goes on with the same stream.

    PyTorch's initialisation draws from the process's own generator, which is left as it was.
    """
    generator = torch.Generator()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(config)
        generator.set_state(torch.get_rng_state())
    return network, generator
