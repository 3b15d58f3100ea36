"""Learning curves of classifiers drawn at random from the wide space, trained once and kept.

    python -m benchmarks.wide_curves --data-dir /usr/share/datasets/fashion-mnist

The wide space is far too large to be trained whole, and thinning it out would take away what makes
it hard: schedules that look bad early, blocks that join late, step sizes over three decades. So a
pool of its configurations is drawn at random, and searches choose among these.

A schedule's first epochs depend on its length. So that short runs whose schedule fits their length
can be judged too, every configuration with a schedule is also trained for each of ``SHORTER``.
"""

import argparse
import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.recorded_curves import add, cache_file, records, tell, timed
from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.classifier import WIDE_SPACE, ClassifierConfig, with_encoder
from spaces.errors import TrainingDivergedError
from spaces.space import fingerprint
from studies.data.fetch import ensure_data
from studies.data.images import Split, load_split
from studies.engine.samplers import derived_seed
from studies.training.loop import Training
from studies.training.metrics import EpochMetrics

N_CONFIGURATIONS = 240
"""Drawn for the pool; a search takes 50 of those that are recorded."""
SHORTER = (1, 3)
"""Epochs of the shorter trainings whose schedule fits their length."""


class WideReduction(NamedTuple):
    """How a classifier is trained in a five-hundredth of its real time; all 30 epochs stay."""

    epochs: int = 30
    n_train: int = 2_000
    n_validation: int = 2_000
    batch_divisor: int = 2
    """What batches are divided by, to make up for the few images."""
    encoder: AutoencoderConfig = AutoencoderConfig(
        batchnorm=True, pool2="avg", conv1_channels=16, conv2_channels=32
    )
    """The paper's best with fewer channels; classifiers start from its weights."""
    encoder_epochs: int = 5
    seed: int = 0

    def configurations(self) -> list[ClassifierConfig]:
        """The pool, in the order in which it is drawn and trained."""
        rng, space = random.Random(self.seed), with_encoder(WIDE_SPACE, self.encoder)
        drawn = (space.sample(rng) for _ in range(2 * N_CONFIGURATIONS))
        return list(dict.fromkeys(drawn))[:N_CONFIGURATIONS]

    def file_name(self) -> str:
        """Another reduction, or another space, has another file."""
        said = self._asdict() | {"encoder": fingerprint(self.encoder)}
        text = repr((said, WIDE_SPACE.describe()))
        return f"wide-curves-{hashlib.sha256(text.encode()).hexdigest()[:8]}.jsonl"


class Curve(NamedTuple):
    """One configuration's training; shorter than its budget if it diverged."""

    config: ClassifierConfig
    epochs: list[EpochMetrics]
    """Seconds are of processor time on one core."""
    shorter: dict[int, list[EpochMetrics]]
    """By number of epochs, with the schedule that fits it; of those that have a schedule."""


Curves = dict[str, Curve]
"""By the configuration's fingerprint, in the order of the pool."""


def read(path: Path) -> Curves:
    """The curves that the file holds so far."""
    curves: Curves = {}
    for record in records(path):
        epochs = [EpochMetrics(*epoch) for epoch in record["epochs"]]
        if record["shorter"] is None:
            config = ClassifierConfig.from_dict(record["config"])
            curves[record["fingerprint"]] = Curve(config, epochs, {})
        else:
            curves[record["fingerprint"]].shorter[record["shorter"]] = epochs
    return curves


def complete(
    path: Path, reduction: WideReduction, data_folder: Path, say: Callable[[str], None]
) -> Curves:
    """Train what the file lacks, in this process, a line as soon as it is trained.

    The full trainings come first, in the order of the pool, so that a file that was left
    unfinished is of use too.
    """
    todo = list(_missing(read(path), reduction))
    made = (_train(reduction, data_folder, config, shorter) for config, shorter in todo)
    add(path, made, len(todo), say)
    return read(path)


def _missing(
    done: Curves, reduction: WideReduction
) -> Iterator[tuple[ClassifierConfig, int | None]]:
    pool = reduction.configurations()
    yield from ((config, None) for config in pool if fingerprint(config) not in done)
    for n_epochs in SHORTER:
        for config in pool:
            known = done.get(fingerprint(config))
            if config.schedule != "constant" and not (known and n_epochs in known.shorter):
                yield config, n_epochs


def _train(
    reduction: WideReduction, data_folder: Path, config: ClassifierConfig, shorter: int | None
) -> dict[str, Any]:
    split, encoder = _prepared(data_folder, reduction)
    seed = derived_seed("trial", reduction.seed, fingerprint(config))
    reduced = replace(config, batch_size=config.batch_size // reduction.batch_divisor)
    budget = Budget(shorter or reduction.epochs)
    epochs: list[EpochMetrics] = []
    with suppress(TrainingDivergedError):
        for metrics in timed(Training(reduced, split, seed, budget, encoder)):
            epochs.append(metrics)
    return {
        "fingerprint": fingerprint(config),
        "shorter": shorter,
        "config": config.to_dict(),
        "epochs": epochs,
    }


@cache
def _prepared(data_folder: Path, reduction: WideReduction) -> tuple[Split, dict[str, Tensor]]:
    """The images, and the weights that encoders start from."""
    train = load_split(data_folder, Budget(subset=reduction.n_train * 6 // 5)).train
    validation = load_split(data_folder, Budget(subset=reduction.n_validation * 6)).validation
    split = Split(train, validation)
    budget = Budget(reduction.encoder_epochs)
    training = Training(reduction.encoder, split, reduction.seed, budget)
    list(training)
    weights = training.network.encoder.state_dict()
    return split, {name: tensor.detach() for name, tensor in weights.items()}


def main() -> None:
    """Train what is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="folder with Fashion-MNIST")
    parser.add_argument("--curves", type=Path, help="file for the curves")
    options = parser.parse_args()
    torch.set_num_threads(1)
    path = options.curves or cache_file(WideReduction().file_name())
    data_folder = ensure_data(options.data_dir, print)
    complete(path, WideReduction(), data_folder, tell)
    print(path)


if __name__ == "__main__":
    main()
