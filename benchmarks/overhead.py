"""What a trial costs beside its training, by how many trials the study has already.

    python -m benchmarks.overhead

A study on SQLite gets so many trials, most of them pruned, by a search without training; then the
engine runs some more whose training takes no time, each the best so far, so that none is pruned and
all have their weights kept: 30 epochs of reporting and asking the pruner, which is the most a trial
can cost. The columns are milliseconds a trial, mean over the trials: until its training begins
(ask, sampler, attributes), its 30 epochs (report and pruner), until it is over (weights, tell, best
so far); and all of it, of the time that a full trial of the paper's smallest network takes.
"""

import argparse
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any, NamedTuple

import optuna
import torch

from benchmarks.no_training import NoTraining
from spaces import autoencoder, paper
from spaces.budget import Budget
from spaces.dimensions import FloatRange
from spaces.space import Configuration, SearchSpace
from studies.data.images import Images, Split
from studies.engine.coordinator import Search
from studies.engine.progress import Event, TrialEnded, TrialStarted
from studies.records import settings
from studies.records.open_study import OpenStudy
from studies.records.request import SearchRequest
from studies.records.settings import StudySettings
from studies.storage.artifacts import ArtifactFolder
from studies.storage.databases import open_storage, storage_url
from studies.training.loop import Training
from studies.training.metrics import EpochMetrics
from studies.workers.in_process import InProcess
from studies.workers.pool import EpochDone, MakeTraining
from studies.workers.stopping import StopSignal

SPACE = replace(
    autoencoder.PAPER_SPACE,
    dimensions=(
        *autoencoder.PAPER_SPACE.dimensions,
        FloatRange("learning_rate", "Step size.", 1e-3, 2e-3, step=1e-6),
    ),
)
"""Large enough that a configuration hardly ever comes up again, which would not be trained."""
BLOCK = 100
"""Trials that a search made without training; the others are their copies."""


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
    return parser.parse_args()


def measure(n_trials: int, options: argparse.Namespace) -> Cost:
    """What the next trials of a study of ``n_trials`` cost on average."""
    request = SearchRequest(trials=n_trials + options.repeats, sampler=options.sampler)
    clock = Clock()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        study = filled_study(Path(folder) / "studies.db", n_trials)
        search_of(study, request, Path(folder), partial(BestSoFar, clock), clock.listen).run()
    return clock.mean_cost()


def search_of(
    study: optuna.Study,
    request: SearchRequest,
    folder: Path,
    make_training: MakeTraining,
    on_event: Callable[[Event], None],
) -> Search:
    """A search over the study in this process, whose trainings are made so."""
    store = ArtifactFolder(folder / "artifacts")
    opened = OpenStudy(study, WideSettings("autoencoder"), store)
    pool, validation = InProcess(make_training), blank_split().validation
    return Search(opened, request, validation, pool, on_event, StopSignal())


class Clock:
    """Notes when a trial goes from one part to the next."""

    def __init__(self) -> None:
        self._last = perf_counter()
        self._parts: list[list[float]] = []

    def listen(self, event: Event) -> None:
        """Count the time since the last event for the part that ends with this one."""
        match event:
            case TrialStarted():
                self._parts.append([self.lap(), 0.0, 0.0])
            case EpochDone():
                self._parts[-1][1] += self.lap()
            case TrialEnded(outcome="complete"):
                self._parts[-1][2] += self.lap()
            case _:
                self.lap()

    @property
    def n_trials(self) -> int:
        """Trials that have begun."""
        return len(self._parts)

    def mean_cost(self) -> Cost:
        """Of all trials but the first, which pays for what is loaded once."""
        sums = (fmean(part) * 1000 for part in zip(*self._parts[1:], strict=True))
        return Cost(*sums)

    def lap(self) -> float:
        """Seconds since the last event, which are counted by whoever asks for them, or not."""
        before, self._last = self._last, perf_counter()
        return self._last - before


class BestSoFar(Training):
    """Epochs that take no time, of a network that saw one batch; better than any trial before."""

    def __init__(self, clock: "Clock", config: Configuration, seed: int) -> None:
        split = blank_split()
        super().__init__(config, split, seed, Budget())
        self.train_batch(next(split.train.batches(100)))  # gives the optimiser its state
        self._made_up_loss = 0.01 / clock.n_trials
        clock.lap()

    def train_epoch(self, should_stop: Callable[[], bool] = bool) -> EpochMetrics:  # noqa: ARG002
        """Metrics that no pruner stops."""
        self.epoch += 1
        loss = self._made_up_loss
        return EpochMetrics(self.epoch, loss, loss * (1 + 1 / self.epoch), 3.1415926, 0.2718281)


def filled_study(path: Path, n_trials: int) -> optuna.Study:
    """A study with the paper's trials and so many searched ones, as a search leaves them."""
    storage = open_storage(storage_url(str(path)))
    study = optuna.create_study(storage=storage, study_name="ae", direction="minimize")
    settings.write(study, StudySettings("autoencoder"))
    request = SearchRequest(trials=min(n_trials, BLOCK), sampler="random", keep_weights="none")
    search_of(study, request, path.parent, partial(NoTraining, 0.0), lambda _: None).run()
    with closing(sqlite3.connect(path)) as database, database:
        for n_there in range(BLOCK, n_trials, BLOCK):
            copy_rows(database, n_there, min(BLOCK, n_trials - n_there))
    return optuna.load_study(study_name="ae", storage=storage)


def copy_rows(database: sqlite3.Connection, offset: int, n_trials: int) -> None:
    """Append a copy of the first searched trials, row by row; adding 10,000 would take minutes."""
    first = len(paper.AUTOENCODER_RUN_ORDER)  # trials are numbered from 0, their rows from 1
    which = f"trial_id > {first} AND trial_id <= {first + n_trials}"
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'trial%'"
    for (table,) in database.execute(tables).fetchall():
        key, *others = (row[1] for row in database.execute(f"PRAGMA table_info({table})"))
        moved = {key: "NULL", "trial_id": f"trial_id + {offset}", "number": f"number + {offset}"}
        values = ", ".join(moved.get(column, column) for column in (key, *others))
        database.execute(f"INSERT INTO {table} SELECT {values} FROM {table} WHERE {which}")


def blank_split() -> Split:
    """Images enough for a batch."""
    images = Images(torch.zeros(100, 28, 28, dtype=torch.uint8), torch.zeros(100).long())
    return Split(images, images)


if __name__ == "__main__":
    main()
