"""One run of a search as the user asked for it: every option's one home.

Imports nothing heavy, as the command line reads its defaults and choices from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from spaces.budget import Protocol, StudyProtocol
from spaces.errors import ConfigurationError
from spaces.space import Configuration
from spaces.stages import SpaceName
from studies.workers.scheduler import Scheduler

SamplerName = Literal["tpe", "random", "gp", "grid", "qmc"]
PrunerName = Literal["halving", "hyperband", "median", "none"]

Keep = Literal["all", "none"] | int
"""Whose weights and states stay: all trials', none, or those of the paper's trials, of the best so
many that were trained to the end, and of as many of the best pruned ones."""

MetricName = Literal["accuracy", "loss"]

Cost = Literal["params", "macs", "latency"]
"""What a model costs: parameters, multiply-adds, or milliseconds per 100 images on one thread."""

LONGEST_NAME = 200
"""Characters of a study's name; a database holds 512, and what is derived from it has more."""

DEFAULT_TRIALS = 50
"""Searched trials of a study; under the paper's protocol there are none."""


@dataclass(frozen=True)
class SearchRequest:
    """What the command line says; None means: as the study was made, else the default."""

    trials: int | None = None
    """Searched trials the study shall have in all, besides the paper's; see ``DEFAULT_TRIALS``."""
    more: int | None = None
    """Searched trials to add to those there are, in place of ``trials``."""
    promote: int = 0
    """How many of the best pruned trials are trained to the end, besides the searched ones."""
    study: str | None = None
    """Name; by default from the stage and the budget."""
    storage: str | None = None
    """SQLite file or Optuna storage URL."""
    artifacts: Path | str | None = None
    """Folder for weights, or a bucket as ``s3://bucket/prefix``; by default beside the database."""
    new: bool = False
    """Start a fresh study, taking over the trials that fit, if the settings differ."""
    space_name: SpaceName | None = None
    """Which of the stage's spaces is searched."""
    space: Mapping[str, str] = field(default_factory=dict)
    """Dimensions narrowed or fixed, as text."""
    encoder: str | None = None
    """Where a classifier's encoder starts from: a study, ``study#trial``, an exported folder,
    ``paper`` or ``scratch``; None is the best trial of the last autoencoder study."""
    metric: MetricName | None = None
    """What a trial is judged by; by default the stage's first."""
    objectives: tuple[Cost, ...] | None = None
    """Costs that are minimised beside the metric, in a multi-objective study without pruning."""
    max_params: int | None = None
    """Models with more parameters are infeasible and not trained."""
    max_latency_ms: float | None = None
    """Models that take longer over 100 images on one thread are infeasible and not trained."""
    enqueue: tuple[Configuration, ...] = ()
    """Configurations to train as searched trials, in the space or not."""
    only_paper: tuple[str, ...] | None = None
    """Names of the paper's configurations to train; None for all of them."""
    epochs: int | None = None
    subset: int | None = None
    protocol: StudyProtocol | None = None
    seed: int | None = None
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "halving"
    timeout_s: float | None = None
    """Seconds after which this run starts no further trial."""
    patience: int | None = None
    """Searched trials in a row without a better one after which the search ends."""
    target: float | None = None
    """Value at which the search ends."""
    keep_weights: Keep = 10
    jobs: int | None = None
    """Trials trained side by side, each in a process; by default one per physical core."""
    threads: int = 1
    """Threads that each trial trains with."""
    dask: str | None = None
    """Address of a Dask cluster whose workers train, instead of processes of our own."""
    dask_ca: Path | None = None
    """With ``tls://``, as the next two, in PEM form: the authority that signed the certificates."""
    dask_cert: Path | None = None
    dask_key: Path | None = None
    checkpoint_every: int | None = None
    """Epochs between two stored states of a running trial; None is as often as costs under 1 %."""
    data_dir: Path | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that make no run."""
        for name, least in (
            ("trials", 0),
            ("more", 1),
            ("promote", 0),
            ("patience", 1),
            ("jobs", 1),
            ("threads", 1),
            ("max_params", 1),
            ("checkpoint_every", 1),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigurationError(f"{name} must be at least {least}; got {value}")
        for name, unit in (("timeout_s", "seconds"), ("max_latency_ms", "milliseconds")):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigurationError(f"{name} must be above 0 {unit}; got {value}")
        if self.study is not None:
            _check_name(self.study)
        if isinstance(self.keep_weights, int) and self.keep_weights < 0:
            raise ConfigurationError(f"keep-weights must not be negative; got {self.keep_weights}")


def _check_name(name: str) -> None:
    """Refuse a study's name that no table, line or command could show as it is."""
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise ConfigurationError(
            f"--study must be a name of 1 to {LONGEST_NAME} characters that can be seen; "
            f"got {name[:LONGEST_NAME]!r}"
        )


@dataclass(frozen=True)
class FinalRequest:
    """One final training as the command line says it."""

    source: str
    n_seeds: int = 5
    protocol: Protocol = "final"
    repeat: bool = False
    """Once more as it was trained before, by its own seed and budget, in place of the above."""
    epochs: int | None = None
    """None: as it was trained before, else the paper's."""
    subset: int | None = None
    encoder: str | None = None
    storage: str | None = None
    artifacts: Path | str | None = None
    out: Path | None = None
    jobs: int | None = None
    threads: int = 1
    dask: str | None = None
    dask_ca: Path | None = None
    dask_cert: Path | None = None
    dask_key: Path | None = None
    data_dir: Path | None = None
    not_typed: dict[str, str] = field(default_factory=dict)
    """Options that decide the figures, by name, whose values an environment variable or a file
    gave, and which it was."""


def scheduler(request: SearchRequest | FinalRequest) -> Scheduler | None:
    """The Dask scheduler whose workers are to train; None: this machine's processes."""
    if request.dask is None:
        return None
    return Scheduler(request.dask, request.dask_ca, request.dask_cert, request.dask_key)
