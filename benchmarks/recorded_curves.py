"""Learning curves of every configuration of a small space, trained once and kept in a file.

Training is a pure function of its configuration and seed, so a search replayed on these curves
makes the decisions it would make while training, in a thousandth of the time.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache, partial
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs
import torch

from benchmarks.no_training import NoTraining
from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.dimensions import Choices, FloatRange
from spaces.space import Configuration, SearchSpace, fingerprint
from studies.data.images import Split, load_split
from studies.engine.samplers import derived_seed
from studies.training.loop import Training
from studies.training.metrics import EpochMetrics

SPACE = SearchSpace(
    "reduced",
    AutoencoderConfig(),
    (
        FloatRange("dropout", "Dropout before each pooling.", 0.0, 0.4, step=0.2),
        Choices("batchnorm", "Batch norm after each convolution.", (False, True)),
        Choices("pool1", "First pooling.", ("max", "avg")),
        Choices("pool2", "Second pooling.", ("max", "avg")),
        Choices("conv1_channels", "Channels of the first convolution.", (8, 16, 32, 64)),
        Choices("conv2_channels", "Channels of the second convolution.", (16, 32, 96)),
    ),
)
"""288 configurations: the paper's five and the product of their choices, thinned out."""


class Reduction(NamedTuple):
    """How a configuration is trained in a five-hundredth of its real time.

    All 30 epochs stay, so that a pruner decides at the epochs it really decides at. Smaller
    batches and a larger step make up for the few images: the losses fall through the same range
    and spread as widely as in full training, only noisier, which makes it harder for a pruner.
    """

    epochs: int = 30
    subset: int = 720
    """600 images to train on, 120 to validate on."""
    batch_size: int = 30
    learning_rate: float = 2e-3
    width_divisor: int = 2
    """What the numbers of channels are divided by."""
    seed: int = 0

    @property
    def budget(self) -> Budget:
        """Epochs and images."""
        return Budget(self.epochs, self.subset)

    def applied_to(self, config: AutoencoderConfig) -> AutoencoderConfig:
        """What is trained in place of ``config``."""
        return replace(
            config,
            conv1_channels=config.conv1_channels // self.width_divisor,
            conv2_channels=config.conv2_channels // self.width_divisor,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
        )

    def file_name(self) -> str:
        """Another reduction, or another space, has another file."""
        text = repr((self, SPACE.describe()))
        return f"curves-{hashlib.sha256(text.encode()).hexdigest()[:8]}.jsonl"


Curves = dict[str, list[EpochMetrics]]
"""By the configuration's fingerprint; seconds are of processor time on one core."""


class Replay(NoTraining):
    """Takes the place of real training with the epochs that it once gave; has no network."""

    def __init__(self, curves: Curves, config: Configuration, seed: int) -> None:
        super().__init__(0.0, config, seed)
        self._curve = curves[fingerprint(config)]

    def train_epoch(self, should_stop: Callable[[], bool] = bool) -> EpochMetrics:  # noqa: ARG002
        """The next epoch's metrics, at once."""
        self.epoch += 1
        return self._curve[self.epoch - 1]


def tell(text: str) -> None:
    """Show progress at once, also in a file."""
    print(text, flush=True)


def workers() -> Pool:
    """A process for each core, with one thread of PyTorch."""
    return get_context("spawn").Pool(os.cpu_count(), torch.set_num_threads, (1,))


def cache_file(file_name: str) -> Path:
    """Where curves are kept unless another file is named."""
    return platformdirs.user_cache_path("fmnist-search") / "benchmarks" / file_name


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The file's lines so far; a last one cut short by a kill is left out."""
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        yield record


def add(
    path: Path, made: Iterable[dict[str, Any]], n_todo: int, say: Callable[[str], None]
) -> None:
    """Write each record as soon as it is made, into a file that is made or added to.

    Args:
        path: of the file.
        made: the records, each made when it is asked for.
        n_todo: how many there will be.
        say: told of the progress.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with path.open("a") as file:
        file.write("\n" if file.tell() else "")  # in case the last line was cut short
        for n_done, record in enumerate(made, 1):
            file.write(json.dumps(record) + "\n")
            file.flush()
            left_s = (time.monotonic() - start) / n_done * (n_todo - n_done)
            say(f"{n_done} of {n_todo} done, {left_s / 60:.0f} min left")


def timed(training: Training) -> Iterator[EpochMetrics]:
    """The training's epochs, by processor time: what else the machine does must not count."""
    before = time.process_time()
    for metrics in training:
        now = time.process_time()
        yield metrics._replace(seconds=now - before)
        before = now


def read(path: Path) -> Curves:
    """The curves that the file holds so far."""
    return {
        record["fingerprint"]: [EpochMetrics(*epoch) for epoch in record["epochs"]]
        for record in records(path)
    }


def complete(
    path: Path, reduction: Reduction, data_folder: Path, say: Callable[[str], None]
) -> Curves:
    """Train what the file lacks, one process a core, and return all curves.

    Args:
        path: made or added to, one line for each configuration as soon as it is trained.
        reduction: how they are trained.
        data_folder: holds verified data.
        say: told of the progress.
    """
    curves = read(path)
    todo = [config for config in SPACE if fingerprint(config) not in curves]
    todo.sort(key=fingerprint)  # mixes slow and fast ones, so that the time left can be told early
    if not todo:
        return curves
    train = partial(_train, reduction, data_folder)
    with workers() as pool:
        add(path, pool.imap_unordered(train, todo), len(todo), say)
    return read(path)


def _train(reduction: Reduction, data_folder: Path, config: AutoencoderConfig) -> dict[str, Any]:
    seed = derived_seed("trial", reduction.seed, fingerprint(config))
    split = _split(data_folder, reduction.budget)
    training = Training(reduction.applied_to(config), split, seed, reduction.budget)
    epochs = list(timed(training))
    return {"fingerprint": fingerprint(config), "config": config.to_dict(), "epochs": epochs}


@cache
def _split(data_folder: Path, budget: Budget) -> Split:
    """Verifying the files takes longer than reading them; once a process is enough."""
    return load_split(data_folder, budget)
