"""What a trial costs beside its training, by how many trials the study has already.

    python -m benchmarks.overhead

A study on SQLite gets so many trials, most of them pruned, as real studies have; then the engine
runs some more whose training takes no time, each the best so far, so that none is pruned and all
have their weights kept: 30 epochs of reporting and asking the pruner, which is the most a trial
can cost. The columns are milliseconds a trial, mean over the trials: until its training begins
(ask, sampler, attributes), its 30 epochs (report and pruner), until it is over (weights, tell, best
so far); and all of it, of the time that a full trial of the paper's smallest network takes.
"""

import argparse
import cProfile
import pstats
import random
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any, NamedTuple

import optuna
import torch
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from spaces import autoencoder, paper
from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.dimensions import FloatRange
from spaces.space import Configuration, SearchSpace, fingerprint
from spaces.stages import AUTOENCODER
from studies.data.images import Images, Split
from studies.engine import reuse
from studies.engine.coordinator import Search
from studies.engine.progress import Event, TrialEnded, TrialStarted
from studies.records import settings, trials
from studies.records.open_study import OpenStudy
from studies.records.request import SearchRequest
from studies.records.settings import StudySettings
from studies.storage.artifacts import ArtifactFolder
from studies.storage.databases import open_storage, storage_url
from studies.training.loop import Training
from studies.training.metrics import EpochMetrics
from studies.workers.in_process import InProcess
from studies.workers.pool import EpochDone
from studies.workers.stopping import StopSignal

SPACE = replace(
    autoencoder.PAPER_SPACE,
    dimensions=(
        *autoencoder.PAPER_SPACE.dimensions,
        FloatRange("learning_rate", "Step size.", 1e-3, 2e-3, step=1e-6),
    ),
)
"""Large enough that a configuration hardly ever comes up again, which would not be trained."""
EPOCHS = 30
N_EPOCHS = (1,) * 10 + (2,) * 4 + (4,) * 2 + (EPOCHS,) * 4
"""Epochs that earlier trials got: of twenty, so many were pruned after 1, 2 and 4."""
BLOCK = 100
"""Trials that are made one by one; the others are their copies."""
TABLES = {
    "trials": "",
    "trial_params": "param_id",
    "trial_values": "trial_value_id",
    "trial_intermediate_values": "trial_intermediate_value_id",
    "trial_user_attributes": "trial_user_attribute_id",
    "trial_system_attributes": "trial_system_attribute_id",
}
"""Optuna's tables of trials, and what numbers their rows where that is not the trial's number."""


class WideSettings(StudySettings):
    """Settings of a study over that space."""

    def search_space(self) -> SearchSpace[Any]:
        """The space."""
        return SPACE


class Cost(NamedTuple):
    """Milliseconds of a trial, by what they were spent on."""

    begin: float
    epochs: float
    end: float


def main() -> None:
    """Measure, and print a table."""
    options = parse_options()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    print(f"{'trials':>7}{'begin':>9}{'30 epochs':>11}{'end':>9}{'all, ms':>10}{'share':>9}")
    for n_trials in options.trials:
        cost = measure(n_trials, options)
        share = sum(cost) / 1000 / options.trial_s
        print(
            f"{n_trials:>7,}{cost.begin:>9.0f}{cost.epochs:>11.0f}{cost.end:>9.0f}"
            f"{sum(cost):>10.0f}{share:>9.2%}",
            flush=True,
        )
    print(f"share: of a trial of {options.trial_s:g} s; sampler {options.sampler}")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 100, 1_000, 10_000])
    parser.add_argument("--repeats", type=int, default=10, help="trials to measure (10)")
    parser.add_argument("--sampler", default=SearchRequest().sampler, help="as of the command ae")
    parser.add_argument("--trial-s", type=float, default=100, help="seconds of a full trial (100)")
    parser.add_argument("--folder", type=Path, help="where to make the databases")
    parser.add_argument("--profile", type=int, default=0, help="show so many slowest functions")
    return parser.parse_args()


def measure(n_trials: int, options: argparse.Namespace) -> Cost:
    """What the next trials of a study of ``n_trials`` cost on average."""
    request = SearchRequest(trials=n_trials + options.repeats, sampler=options.sampler)
    profile = cProfile.Profile()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        study = filled_study(Path(folder) / "studies.db", n_trials)
        clock = Clock()
        search = Search(
            OpenStudy(
                study, WideSettings("autoencoder"), ArtifactFolder(Path(folder) / "artifacts")
            ),
            request,
            blank_split().validation,
            InProcess(partial(BestSoFar, clock)),
            clock.listen,
            StopSignal(),
        )
        if options.profile:
            profile.runcall(search.run)
            pstats.Stats(profile).sort_stats("tottime").print_stats(options.profile)
        else:
            search.run()
    return clock.mean_cost()


class Clock:
    """Notes when a trial goes from one part to the next."""

    def __init__(self) -> None:
        self._last = perf_counter()
        self._parts: list[list[float]] = []

    def listen(self, event: Event) -> None:
        """Count the time since the last event for the part that ends with this one."""
        match event:
            case TrialStarted():
                self._parts.append([self._lap(), 0.0, 0.0])
            case EpochDone():
                self._parts[-1][1] += self._lap()
            case TrialEnded(outcome="complete"):
                self._parts[-1][2] += self._lap()
            case _:
                self._lap()

    @property
    def n_trials(self) -> int:
        """Trials that have begun."""
        return len(self._parts)

    def skip(self) -> None:
        """Not count the time since the last event."""
        self._lap()

    def mean_cost(self) -> Cost:
        """Of all trials but the first, which pays for what is loaded once."""
        sums = (fmean(part) * 1000 for part in zip(*self._parts[1:], strict=True))
        return Cost(*sums)

    def _lap(self) -> float:
        before, self._last = self._last, perf_counter()
        return self._last - before


class BestSoFar(Training):
    """Epochs that take no time, of a network that saw one batch; better than any trial before."""

    def __init__(self, clock: "Clock", config: Configuration, seed: int) -> None:
        split = blank_split()
        super().__init__(config, split, seed, Budget())
        self.train_batch(next(split.train.batches(100)))  # gives the optimiser its state
        self._made_up_loss = 1 / clock.n_trials
        clock.skip()

    def train_epoch(self, should_stop: Callable[[], bool] = bool) -> EpochMetrics:  # noqa: ARG002
        """Metrics that no pruner stops."""
        self.epoch += 1
        return made_up_epoch(self.epoch, self._made_up_loss)


def made_up_epoch(epoch: int, loss: float) -> EpochMetrics:
    """An epoch on the way down to ``loss``."""
    return EpochMetrics(epoch, loss, loss * (1 + 1 / epoch), 3.1415926, 0.2718281)


def filled_study(path: Path, n_trials: int) -> optuna.Study:
    """A study with the paper's trials, and so many searched ones with all that the engine notes."""
    study_settings = StudySettings("autoencoder")
    storage = open_storage(storage_url(str(path)))
    study = optuna.create_study(storage=storage, study_name="ae", direction="minimize")
    settings.write(study, study_settings)
    for name in paper.AUTOENCODER_RUN_ORDER:
        config = AUTOENCODER.paper_row(name).config
        study.add_trial(finished_trial(config, 2.0, EPOCHS, {trials.PAPER: name}))
    rng = random.Random(0)
    for number in range(min(n_trials, BLOCK)):
        n_epochs = N_EPOCHS[number % len(N_EPOCHS)]
        study.add_trial(finished_trial(SPACE.sample(rng), rng.uniform(2, 3), n_epochs, {}))
    with closing(sqlite3.connect(path)) as database, database:
        for n_there in range(BLOCK, n_trials, BLOCK):
            copy_rows(database, n_there, min(BLOCK, n_trials - n_there))
    return optuna.load_study(study_name="ae", storage=storage)


def copy_rows(database: sqlite3.Connection, offset: int, n_trials: int) -> None:
    """Append a copy of the first searched trials, row by row; adding 10,000 would take minutes."""
    first = len(paper.AUTOENCODER_RUN_ORDER)  # trials are numbered from 0, their rows from 1
    which = f"trial_id > {first} AND trial_id <= {first + n_trials}"
    for table, key in TABLES.items():
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        moved = {key: "NULL", "trial_id": f"trial_id + {offset}", "number": f"number + {offset}"}
        values = ", ".join(moved.get(column, column) for column in columns)
        database.execute(f"INSERT INTO {table} SELECT {values} FROM {table} WHERE {which}")


def finished_trial(
    config: AutoencoderConfig, loss: float, n_epochs: int, attrs: dict[str, Any]
) -> FrozenTrial:
    """A trial as it is stored after so many epochs."""
    epochs = [made_up_epoch(epoch, loss) for epoch in range(1, n_epochs + 1)]
    complete = n_epochs == EPOCHS
    trial = create_trial(
        state=TrialState.COMPLETE if complete else TrialState.PRUNED,
        value=epochs[-1].validation_loss if complete else None,
        params=SPACE.params(config),
        distributions=distributions(),
        user_attrs=user_attrs(config, epochs) | attrs,
        system_attrs={
            f"completed_rung_{rung}": epochs[step - 1].validation_loss
            for rung, step in enumerate((1, 2, 4, 8, 16))
            if step <= n_epochs
        },
        intermediate_values={metrics.epoch: metrics.validation_loss for metrics in epochs},
    )
    trial.datetime_start = datetime.now() - timedelta(minutes=n_epochs)
    return trial


@cache
def distributions() -> dict[str, BaseDistribution]:
    """The space's dimensions as Optuna stores them."""
    trial = optuna.create_study().ask()
    SPACE.suggest(trial)
    return trial.distributions


def user_attrs(config: AutoencoderConfig, epochs: list[EpochMetrics]) -> dict[str, Any]:
    """What the engine notes of a trial."""
    return {
        trials.FINGERPRINT: fingerprint(config),
        trials.CONFIG: config.to_dict(),
        trials.WORDS: config.in_words(),
        trials.SEED: 1,
        trials.N_PARAMETERS: config.n_parameters(),
        trials.MADE_WITH: settings.made_with(),
        trials.N_THREADS: 1,
        trials.EPOCHS: reuse.as_columns(epochs),
        trials.METRICS: epochs[-1]._asdict(),
        trials.SECONDS: sum(m.seconds for m in epochs),
    }


def blank_split() -> Split:
    """Images enough for a batch."""
    images = Images(torch.zeros(100, 28, 28, dtype=torch.uint8), torch.zeros(100).long())
    return Split(images, images)


if __name__ == "__main__":
    main()
