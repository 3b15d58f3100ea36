"""How long a run will take, measured on the machine it will run on."""

import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from heapq import heapreplace
from itertools import count
from time import perf_counter
from typing import Any, NamedTuple

import torch

from spaces.autoencoder import IMAGE_SIZE
from spaces.budget import N_VALIDATION, PARTS, Budget
from spaces.classifier import ClassifierConfig, Freeze, classifier_layers
from spaces.recipe import TrainingRecipe
from spaces.space import Configuration, SearchSpace
from spaces.stages import SpaceName, StageName
from spaces.wording import duration
from studies.data.images import Images, Split
from studies.records.request import Machine, PrunerName
from studies.records.settings import StudySettings
from studies.training.loop import Training
from studies.workers.processes import n_side_by_side, pace

N_SAMPLES = 6
"""Configurations drawn from the space to learn what a searched trial costs on average."""

N_COUNTED = 500
"""Configurations drawn to learn how large the measured ones are, for their space."""

SAMPLE = 1_000
"""Training images at most that a measurement of time looks at; of others a tenth."""


DEARER: Mapping[tuple[StageName, SpaceName], float] = {
    ("autoencoder", "paper"): 1.3,
    ("autoencoder", "wide"): 1.3,
    ("classifier", "paper"): 1.6,
    ("classifier", "wide"): 1.1,
    ("classifier", "whole"): 1.3,
}
"""How much dearer the epochs are that promotion spends than those of an average configuration.

The networks that are promoted are the larger ones, and those with a frozen encoder, whose epochs
cost least, are hardly ever. Measured when one in four was promoted each time, by
``benchmarks/search.py`` for autoencoders of the paper's space, 1.33, and wide classifiers, 1.13;
for the paper's classifiers in one search of fifty trials. The figures of wide autoencoders and
whole classifiers are guesses.
"""


class Estimate(NamedTuple):
    """Seconds a run will take."""

    paper_s: float
    """Of them, for the paper's trials that are still to be trained."""
    searched_s: float
    """For the searched trials, with the share of epochs that the pruner usually leaves."""
    searched_at_most_s: float
    """For the searched trials if none were pruned."""
    searched_epochs: float
    """Epochs that the searched trials will take, with that share."""

    def in_words(self, n_jobs: int | None) -> str:
        """How long the run will take, with so many trainings at a time."""
        likely, most = self.paper_s + self.searched_s, self.paper_s + self.searched_at_most_s
        limit = f", {duration(most)} if nothing is pruned" if most > likely else ""
        return f"{time_in_words(likely, n_jobs)}{limit}"


def time_in_words(seconds: float, n_jobs: int | None) -> str:
    """A time that such an estimate found, in words.

    Args:
        seconds: what it takes with so many trainings at a time; with one, where that is not known.
        n_jobs: as :func:`n_at_once` says.
    """
    whose = "" if n_jobs is not None else ", for one worker like it"
    return f"measured on this machine{whose}: about {duration(seconds)}"


def n_at_once(request: Machine, n_trainings: int) -> int | None:
    """How many of so many trainings run at a time; None if a Dask cluster's workers decide that."""
    if request.dask is not None:
        return None
    return max(1, min(n_side_by_side(request.jobs, request.threads), n_trainings))


def side_by_side_s(trainings_s: Iterable[float], n_jobs: int) -> float:
    """How long trainings take, so many at a time, each begun as soon as another has ended.

    None is split: with more at a time than there are, they take as long as the longest.
    """
    ends = [0.0] * n_jobs
    for seconds in trainings_s:
        heapreplace(ends, ends[0] + seconds)
    return max(ends)


def estimate(
    settings: StudySettings,
    pruner: PrunerName,
    paper_configs: Sequence[Configuration],
    searched: Sequence[int],
    n_epochs: float,
    n_jobs: int,
    n_threads: int,
) -> Estimate:
    """Time a few batches of each kind of trial that is still to come, on made-up images.

    Args:
        settings: the study's.
        pruner: by which searched trials are stopped early.
        paper_configs: the paper's trials that are to come, in their order.
        searched: the epochs that are left to each of the searched ones until its end.
        n_epochs: how many these are expected to take in all.
        n_jobs: trainings at a time.
        n_threads: of each.
    """
    budget = settings.budget
    images = _blank_split(budget)
    rng = random.Random(0)
    space = settings.search_space()
    samples = [space.sample(rng) for _ in range(N_SAMPLES if searched else 0)]
    clock, longer = pace(n_jobs, n_threads)
    measured_s = partial(seconds_per_epoch, split=images, n_batches=1, n_before=0, clock=clock)
    for config in [*paper_configs, *samples][:1]:
        measured_s(config)  # libraries choose their kernels; what that takes is not counted
    training_s = partial(seconds_of_training, n_epochs=budget.epochs, epoch_s=measured_s)
    mean_s = _mean_seconds(space, rng, samples, training_s, budget.epochs) if samples else 0.0

    epoch_s = longer * mean_s / budget.epochs
    paper = [longer * training_s(config) for config in paper_configs]
    at_most = [epoch_s * n for n in searched]
    key = settings.stage, settings.space_name
    dearer = DEARER[key] if pruner == "promotion" else 1.0
    share = min(1.0, dearer * n_epochs / max(1, sum(searched)))
    likely = [share * seconds for seconds in at_most]
    # Whatever is pruned, somebody is trained to the end.
    longest_s = epoch_s * min(n_epochs, max(searched, default=0))

    likely_s = max(side_by_side_s([*paper, *likely], n_jobs), longest_s)
    at_most_s = side_by_side_s([*paper, *at_most], n_jobs)
    paper_s = likely_s * (sum(paper) / (sum(paper) + sum(likely) or 1.0))
    return Estimate(paper_s, likely_s - paper_s, at_most_s - paper_s, n_epochs)


def _mean_seconds(
    space: SearchSpace[Any],
    rng: random.Random,
    samples: Sequence[Configuration],
    training_s: Callable[[Configuration], float],
    n_epochs: int,
) -> float:
    """Seconds of an average configuration, by what the measured ones took for each multiply-add."""
    drawn = (space.sample(rng) for _ in range(N_COUNTED))
    counted = statistics.fmean(_work(config, n_epochs) for config in drawn)
    return sum(map(training_s, samples)) * counted / sum(_work(c, n_epochs) for c in samples)


def _work(config: Configuration, n_epochs: int) -> float:
    """Multiply-adds that training takes for one image, backwards too."""
    return sum(
        n * _work_of_epoch(as_in_epoch) for as_in_epoch, n in _epochs(config, n_epochs).items()
    )


def _work_of_epoch(config: Configuration) -> int:
    n_all = n_trained = config.n_multiply_adds()
    if isinstance(config, ClassifierConfig):
        n_frozen = config.n_frozen_blocks(1) * config.encoder.convs_per_block
        convolutions = [layer for layer in classifier_layers(config) if layer.kind == "conv"]
        n_trained -= sum(layer.n_multiply_adds for layer in convolutions[:n_frozen])
        if n_frozen == len(convolutions) and not config.is_augmented:
            n_all = n_trained  # what the encoder makes of the images is computed once
    return n_all + 2 * n_trained


def _epochs(config: Configuration, n_epochs: int) -> Mapping[Configuration, int]:
    """How many epochs are trained with which blocks frozen."""
    if not isinstance(config, ClassifierConfig) or config.freeze != "gradual":
        return {config: n_epochs}
    # Two blocks of three have no name; one of them is the nearest that has.
    names: dict[int, Freeze] = {0: "none", config.encoder.n_blocks: "encoder"}
    n_frozen = (config.n_frozen_blocks(epoch) for epoch in range(1, n_epochs + 1))
    counts = Counter(names.get(n, "conv1") for n in n_frozen)
    return {replace(config, freeze=freeze): count for freeze, count in counts.items()}


def _blank_split(budget: Budget) -> Split:
    """As many images as a trial gets, all the same one, without the memory they would take."""
    n_images = budget.subset or N_VALIDATION * PARTS[budget.protocol]
    n_validation = n_images // PARTS[budget.protocol]
    generator = torch.Generator().manual_seed(0)
    size = (1, IMAGE_SIZE, IMAGE_SIZE)
    pixels = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)
    train, validation = (
        Images(pixels.expand(n, -1, -1), torch.zeros(1, dtype=torch.int64).expand(n))
        for n in (n_images - n_validation, n_validation)
    )
    return Split(train, validation)


def seconds_of_training(
    config: Configuration, n_epochs: int, epoch_s: Callable[[Configuration], float]
) -> float:
    """How long a training takes, whose epochs may differ as an encoder is unfrozen by and by.

    Args:
        config: what would be trained.
        n_epochs: for how long.
        epoch_s: the seconds that a configuration's first epoch takes.
    """
    epochs = _epochs(config, n_epochs)
    return sum(n * epoch_s(as_in_epoch) for as_in_epoch, n in epochs.items())


def seconds_per_epoch(
    config: Configuration,
    split: Split,
    n_batches: int,
    n_before: int = 1,
    clock: Callable[[], float] = perf_counter,
) -> float:
    """How long the first epoch will take, from a few real batches of a network that is thrown away.

    A frozen encoder's latent maps, which are computed once, are not counted.

    Args:
        config: what would be trained.
        split: the images it would be trained and judged on.
        n_batches: batches to measure.
        n_before: batches before them, in which libraries choose their kernels and take memory.
        clock: in seconds.
    """
    sample = Split(split.train.first(SAMPLE), split.validation.first(SAMPLE // 10))
    training = Training(config, sample, seed=0, budget=Budget(epochs=1))
    batches = (batch for _ in count() for batch in training.shuffled_batches())
    for _ in range(n_before):
        training.train_batch(next(batches))
    start = clock()
    for _ in range(n_batches):
        training.train_batch(next(batches))
    trained = clock()
    training.validate()
    evaluated = clock()
    assert isinstance(config, TrainingRecipe)
    batches_an_epoch = math.ceil(len(split.train) / config.batch_size)
    samples_an_epoch = len(split.validation) / max(1, len(sample.validation))
    batch_s, sample_s = (trained - start) / n_batches, evaluated - trained
    return batch_s * batches_an_epoch + sample_s * samples_an_epoch
