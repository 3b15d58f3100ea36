"""One run of a search as the user asked for it: every option's one home.

A field says of itself what it belongs to, its bounds and its help, see ``studies.records.fields``.
Imports nothing heavy, as the command line reads its options from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from spaces.budget import N_TRAIN_FILE, Budget, StudyProtocol
from spaces.recipe import MOST_EPOCHS, MOST_PARAMETERS
from spaces.space import Configuration
from spaces.stages import SpaceName
from studies.records import parsers
from studies.records.fields import check, option
from studies.workers.pool import Scheduler

SamplerName = Literal["tpe", "random", "gp", "grid", "qmc"]
PrunerName = Literal["promotion", "halving", "hyperband", "median", "none"]

Keep = Literal["all", "none"] | int
"""Whose weights and states stay: all trials', none, or those of the paper's trials, of the best so
many that were trained to the end, and of as many of the best pruned ones."""

MetricName = Literal["accuracy", "loss"]

Cost = Literal["params", "macs", "latency"]
"""What a model costs: parameters, multiply-adds, or milliseconds per 100 images on one thread."""

DEFAULT_TRIALS = 50
"""Searched trials of a study; under the paper's protocol there are none."""

# Far more than anybody needs; a slip above them would end in a crash or a machine without memory.
MOST_TRIALS = 1_000_000
MOST_PROCESSES = 1024
MOST_THREADS = 512

BUDGET_PANEL = "Budget of a trial"
STUDY_PANEL = "Study and storage"
SPACE_PANEL = "Search space"

_PEM: dict[str, Any] = {
    "otherwise": "from Dask's own configuration",
    "metavar": "FILE.pem",
    "is_file": True,
}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where and with what a run works; by none of it a study is another."""

    jobs: int | None = option(
        "Trainings in parallel. Each has its own process.",
        "machine",
        otherwise="one per core",
        within=(1, MOST_PROCESSES),
        in_short_help=True,
    )
    threads: int = option(
        "Threads per trial.",
        "machine",
        default=1,
        within=(1, MOST_THREADS),
        decides=True,
    )
    dask: str | None = option(
        "Train on the workers of this Dask cluster, such as tls://host:8786.",
        "machine",
        metavar="ADDRESS",
        parse=parsers.address,
    )
    dask_ca: Path | None = option(
        "Certificate authority that a tls:// cluster must be certified by.", "machine", **_PEM
    )
    dask_cert: Path | None = option(
        "Certificate to present to a tls:// cluster.", "machine", **_PEM
    )
    dask_key: Path | None = option("Key of that certificate.", "machine", **_PEM)
    storage: str | None = option(
        "SQLite file or Optuna storage URL.",
        "machine",
        otherwise="studies.db in your data folder",
        metavar="FILE|URL",
        panel=STUDY_PANEL,
        in_short_help=True,
    )
    artifacts: Path | str | None = option(
        "Folder for trials' weights, or s3://bucket/prefix.",
        "machine",
        otherwise="a folder beside the SQLite file",
        metavar="DIR|URL",
        typed_as=str | None,
        panel=STUDY_PANEL,
    )
    data_dir: Path | None = option(
        "Folder with Fashion-MNIST's four files, plain or .gz; it is only read. Without it the "
        "cache is used, and filled if necessary.",
        "machine",
    )

    def __post_init__(self) -> None:
        """Refuse values out of their bounds."""
        check(self)

    def scheduler(self) -> Scheduler | None:
        """The Dask scheduler whose workers are to train; None: this machine's processes."""
        if self.dask is None:
            return None
        return Scheduler(self.dask, self.dask_ca, self.dask_cert, self.dask_key)


@dataclass(frozen=True)
class SearchRequest(Machine):
    """What the command line says; None means: as the study was made, else the default."""

    encoder: str | None = option(
        "Encoder that classifiers start from. A study, STUDY#TRIAL, an exported folder, paper, or "
        "scratch for random weights.",
        "study",
        otherwise="best trial of the newest autoencoder study",
        metavar="SOURCE",
        stage="classifier",
        in_short_help=True,
    )
    metric: MetricName | None = option(
        "What trials are judged by.",
        "study",
        otherwise="accuracy",
        stage="classifier",
        in_short_help=True,
    )
    trials: int | None = option(
        "Total number of trials, not counting the paper's. The same command again goes on to it.",
        otherwise=str(DEFAULT_TRIALS),
        within=(0, MOST_TRIALS),
        in_short_help=True,
    )
    more: int | None = option(
        "Add this many trials, instead of --trials.", within=(1, MOST_TRIALS), metavar="N"
    )
    promote: int = option(
        "Train the best TOP_K pruned or resting trials to the end, from where they stopped.",
        default=0,
        within=(0, MOST_TRIALS),
        metavar="TOP_K",
        decides=True,
    )
    sampler: SamplerName = option("Optuna's sampler.", default="tpe", decides=True)
    pruner: PrunerName = option(
        "Which trials are trained further. promotion: with 30 epochs, trials rest after epochs 1 "
        "and 4; the best two of five go on to epoch 4, one of eight of those to the end. The "
        "others are Optuna's and stop a trial for good.",
        default="promotion",
        decides=True,
    )
    timeout_s: float | None = option(
        "Start or continue no trial after this time, such as 90s or 2h.",
        above_0="seconds",
        flag="timeout",
        metavar="TIME",
        parse=parsers.seconds,
        in_short_help=True,
    )
    trial_timeout_s: float | None = option(
        "Stop a searched trial after the epoch in which it exceeds this time, and keep its value "
        "so far. The paper's trials have no limit.",
        above_0="seconds",
        flag="trial-timeout",
        metavar="TIME",
        parse=parsers.seconds,
        decides=True,
    )
    patience: int | None = option(
        "Begin no more trials after this many without a better one.", within=(1, MOST_TRIALS)
    )
    target: float | None = option(
        "Stop when the best value is at least this good, such as 0.0175, 1.75% or 91.5%.",
        metavar="VALUE",
        parse=parsers.target,
    )
    checkpoint_every: int | None = option(
        "Store a running trial's state after this many epochs.",
        otherwise="as often as it costs under 1 % of the time",
        within=(1, MOST_EPOCHS),
        metavar="EPOCHS",
    )
    max_params: int | None = option(
        "Do not train searched models with more parameters. The paper's are trained in any case, "
        "but a model above the limit is never called the best.",
        "study",
        within=(1, MOST_PARAMETERS),
        metavar="N",
        only_chooses=True,
    )
    max_latency_ms: float | None = option(
        "Do not train searched models that take longer than this for 100 images on one thread, "
        "measured before training. The paper's models: as with --max-params.",
        "study",
        above_0="milliseconds",
        flag="max-latency",
        metavar="MS",
        parse=parsers.milliseconds,
        only_chooses=True,
    )
    enqueue: tuple[Configuration, ...] = option(
        "Train this configuration as one of the searched trials. Name a .json or .toml file, or a "
        "trial, which may have been given up. It may lie outside the space. Repeat the option for "
        "more.",
        "once",
        default=(),
        metavar="FILE|STUDY#TRIAL",
        typed_as=list[Path] | None,
    )
    epochs: int | None = option(
        "Passes over the training images.",
        "study",
        otherwise=str(Budget.epochs),
        within=(1, MOST_EPOCHS),
        panel=BUDGET_PANEL,
        in_short_help=True,
    )
    subset: int | None = option(
        "Images for training and validation.",
        "study",
        otherwise="all",
        within=(600, N_TRAIN_FILE),
        panel=BUDGET_PANEL,
        in_short_help=True,
    )
    protocol: StudyProtocol | None = option(
        "search: validate on 10,000 images held out of the training set. paper: validate on the "
        "test images, as the paper did; trains only the paper's configurations.",
        "study",
        otherwise="search",
        panel=BUDGET_PANEL,
    )
    seed: int | None = option(
        "Seed of the sampler and of every trial's training.",
        "study",
        otherwise="0",
        within=(0, 2**31 - 1),
        panel=BUDGET_PANEL,
    )
    study: str | None = option(
        "Name of the study.",
        "once",
        otherwise="from stage and budget",
        metavar="NAME",
        panel=STUDY_PANEL,
        in_short_help=True,
    )
    new: bool = option(
        "Start a new study. It takes over results of the old one that still apply.",
        "once",
        default=False,
        panel=STUDY_PANEL,
        in_short_help=True,
    )
    keep_weights: Keep = option(
        "Keep the weights of the best N searched trials and the paper's trials, of all trials, or "
        "of none. With N, training states are kept for the paper's trials, the best three trained "
        "to the end, and the best three pruned.",
        default=10,
        within=(0, None),
        metavar="N|all|none",
        parse=parsers.weights_kept,
        panel=STUDY_PANEL,
    )
    space_name: SpaceName | None = option(
        "What the paper changes, or much more.",
        "study",
        otherwise="paper",
        flag="space",
        panel=SPACE_PANEL,
        only_chooses=True,
        in_short_help=True,
    )
    objectives: tuple[Cost, ...] | None = option(
        "{metrics}, then costs to minimise too: params, macs, latency. Optuna cannot prune a study "
        "with several objectives. The Pareto front is shown without this option too.",
        "study",
        metavar="METRIC,COST,…",
    )
    """Costs that are minimised beside the metric, which the option names first."""
    space: Mapping[str, str] = field(default_factory=dict)
    """Dimensions narrowed or fixed, as text; each has an option of its own."""
    only_paper: tuple[str, ...] | None = None
    """Names of the paper's configurations to train; None for all of them."""

    def __post_init__(self) -> None:
        """Refuse values out of their bounds, and a name that nobody could show or type."""
        super().__post_init__()
        if self.study is not None:
            parsers.check_study_name("--study", self.study)
