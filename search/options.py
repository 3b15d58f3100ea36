"""The options of the searching commands beside those of the space: declared once, for every stage.

Each becomes the field of :class:`studies.records.request.SearchRequest` whose name it stands under.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from search.data_command import DataDir
from search.parsers import (
    address,
    finite,
    milliseconds,
    seconds,
    weights_kept,
)
from spaces.budget import N_TRAIN_FILE, Budget, StudyProtocol
from spaces.recipe import MOST_EPOCHS, MOST_PARAMETERS
from studies.records.request import DEFAULT_TRIALS, MetricName, PrunerName, SamplerName

BUDGET_PANEL = "Budget of a trial"
STUDY_PANEL = "Study and storage"

# Far more than anybody needs; a slip above them would end in a crash or a machine without memory.
MOST_TRIALS = 1_000_000
MOST_PROCESSES = 1024
MOST_THREADS = 512


DASK = ("dask", "dask_ca", "dask_cert", "dask_key")
"""The options that name a cluster."""


def _pem(what: str) -> Any:
    """An option for a file of Dask's own security."""
    option = typer.Option(
        exists=True,
        dir_okay=False,
        metavar="FILE.pem",
        help=f"{what}  [default: as Dask's own configuration says]",
        show_default=False,
    )
    return Annotated[Path | None, option]


StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="FILE|URL",
        help="SQLite file or Optuna storage URL.  [default: studies.db in your data folder]",
        show_default=False,
        rich_help_panel=STUDY_PANEL,
    ),
]

ArtifactsOption = Annotated[
    str | None,
    typer.Option(
        "--artifacts",
        metavar="DIR|URL",
        help="Folder for trials' weights, or s3://bucket/prefix.  "
        "[default: artifacts, beside the SQLite file]",
        show_default=False,
        rich_help_panel=STUDY_PANEL,
    ),
]
"""The option of every command that reads or writes trials' weights."""

SEARCH: dict[str, Any] = {
    "trials": Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MOST_TRIALS,
            help="Searched trials the study shall have IN ALL, besides the paper's: the same "
            f"command again goes on to this number.  [default: {DEFAULT_TRIALS}]",
            show_default=False,
        ),
    ],
    "more": Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_TRIALS,
            help="Add so many trials, instead of --trials.",
            metavar="N",
        ),
    ],
    "promote": Annotated[
        int,
        typer.Option(
            min=0,
            max=MOST_TRIALS,
            metavar="TOP_K",
            help="Train the best so many pruned trials to the end; they go on from where they "
            "were pruned.",
        ),
    ],
    "sampler": Annotated[SamplerName, typer.Option(help="Optuna's sampler.")],
    "pruner": Annotated[PrunerName, typer.Option(help="Optuna's pruner.")],
    "timeout_s": Annotated[
        float | None,
        typer.Option(
            "--timeout",
            parser=seconds,
            metavar="TIME",
            help="Start no further trial after this time, such as 90s, 15m or 2h.",
        ),
    ],
    "patience": Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_TRIALS, help="Stop after so many trials without a better one."
        ),
    ],
    "target": Annotated[
        float | None,
        typer.Option(
            parser=finite,
            metavar="VALUE",
            help="Stop when the best value is at least as good, such as 0.016.",
        ),
    ],
    "jobs": Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_PROCESSES,
            help="Trials trained side by side, each in a process.  [default: one per core]",
            show_default=False,
        ),
    ],
    "threads": Annotated[
        int, typer.Option(min=1, max=MOST_THREADS, help="Threads each trial trains with.")
    ],
    "dask": Annotated[
        str | None,
        typer.Option(
            parser=address,
            metavar="ADDRESS",
            help="Train on the workers of this Dask cluster, such as tls://host:8786.",
            show_default=False,
        ),
    ],
    "dask_ca": _pem("The authority whose certificates a tls:// cluster has to show."),
    "dask_cert": _pem("The certificate to show to a tls:// cluster."),
    "dask_key": _pem("That certificate's key."),
    "checkpoint_every": Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_EPOCHS,
            metavar="EPOCHS",
            help="Store a running trial's state so often.  [default: as costs under 1 %]",
            show_default=False,
        ),
    ],
    "max_params": Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_PARAMETERS,
            metavar="N",
            help="Train no searched model with more parameters. The paper's are trained all the "
            "same, but above the limit none of them is the best.",
            show_default=False,
        ),
    ],
    "max_latency_ms": Annotated[
        float | None,
        typer.Option(
            "--max-latency",
            parser=milliseconds,
            metavar="MS",
            help="Train no searched model that takes longer over 100 images on one thread, as "
            "measured before its training; the paper's as with --max-params.",
            show_default=False,
        ),
    ],
    "enqueue": Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE|STUDY#TRIAL",
            help="Train this configuration (.json or .toml, or a trial's, also of one that was "
            "given up) as one of the searched trials, in the space or not; may be given several "
            "times, and again on resuming.",
            show_default=False,
        ),
    ],
    "data_dir": DataDir,
}

BUDGET: dict[str, Any] = {
    "epochs": Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_EPOCHS,
            help=f"Passes over the training images.  [default: {Budget().epochs}]",
            show_default=False,
            rich_help_panel=BUDGET_PANEL,
        ),
    ],
    "subset": Annotated[
        int | None,
        typer.Option(
            min=600,
            max=N_TRAIN_FILE,
            help="Images, training and validation together.  [default: all]",
            show_default=False,
            rich_help_panel=BUDGET_PANEL,
        ),
    ],
    "protocol": Annotated[
        StudyProtocol | None,
        typer.Option(
            help="search: judge by 10,000 images held out of the training set. paper: by the "
            "test images, as the paper did; runs the paper's configurations alone."
            "  [default: search]",
            show_default=False,
            rich_help_panel=BUDGET_PANEL,
        ),
    ],
    "seed": Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**31 - 1,
            help="Decides the draws and every trial's weights.  [default: 0]",
            show_default=False,
            rich_help_panel=BUDGET_PANEL,
        ),
    ],
}

STUDY: dict[str, Any] = {
    "study": Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the study.  [default: made from stage and budget, such as ae]",
            show_default=False,
            rich_help_panel=STUDY_PANEL,
        ),
    ],
    "new": Annotated[
        bool,
        typer.Option(
            "--new",
            help="Start a fresh study; results of the old one that still fit are taken over.",
            rich_help_panel=STUDY_PANEL,
        ),
    ],
    "storage": StorageOption,
    "artifacts": ArtifactsOption,
    "keep_weights": Annotated[
        Any,
        typer.Option(
            parser=weights_kept,
            metavar="N|all|none",
            help="Keep the weights of the best N searched trials and of the paper's, of all "
            "trials, or of none.",
            rich_help_panel=STUDY_PANEL,
        ),
    ],
}

CLASSIFIER_ONLY: dict[str, Any] = {
    "encoder": Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Where encoders start from: a study, study#trial, an exported folder, paper, or "
            "scratch for random weights.  [default: best trial of the last autoencoder study]",
            show_default=False,
        ),
    ],
    "metric": Annotated[
        MetricName | None,
        typer.Option(help="What trials are judged by.  [default: accuracy]", show_default=False),
    ],
}


def typed(context: typer.Context, *names: str) -> list[str]:
    """Those of the parameters that were typed, not taken from a file, the environment or a default.

    Args:
        context: the command's.
        names: of its parameters.
    """
    sources = {name: context.get_parameter_source(name) for name in names}
    return [name for name, source in sources.items() if source and source.name == "COMMANDLINE"]
