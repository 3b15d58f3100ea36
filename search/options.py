"""The options of the searching commands: declared once, for every stage.

Each becomes a field of :class:`studies.request.SearchRequest`; a dimension of the stage's space
becomes an option of its own.
"""

import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from search.data import DataDir
from spaces.budget import N_TRAIN_FILE, Budget, Protocol
from spaces.dimensions import Dimension
from spaces.errors import ConfigurationError
from spaces.space import SearchSpace
from studies.request import DEFAULT_TRIALS, PrunerName, SamplerName, SearchRequest

SPACE_PANEL = "Search space"
BUDGET_PANEL = "Budget of a trial"
STUDY_PANEL = "Study and storage"


class SearchOptions(NamedTuple):
    """What the command line said, as text and numbers; the names are the request's."""

    request: dict[str, Any]
    dry_run: bool


def seconds(text: str) -> float:
    """A time such as ``90``, ``90s``, ``15m`` or ``2h`` in seconds."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    unit = units.get(text[-1:].lower())
    try:
        value = float(text[:-1] if unit else text) * (unit or 1.0)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"{text!r} is not a time above 0; write 90s, 15m or 2h")
    return value


def weights_kept(text: str) -> str | int:
    """Whose weights to keep: ``all``, ``none`` or how many of the best."""
    if text in ("all", "none"):
        return text
    if text.isdecimal():
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither all, none nor a number of trials")


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

_SEARCH: dict[str, Any] = {
    "trials": Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Searched trials the study shall have IN ALL, besides the paper's: the same "
            f"command again goes on to this number.  [default: {DEFAULT_TRIALS}]",
            show_default=False,
        ),
    ],
    "more": Annotated[
        int | None,
        typer.Option(min=1, help="Add so many trials, instead of --trials.", metavar="N"),
    ],
    "promote": Annotated[
        int,
        typer.Option(
            min=0,
            metavar="TOP_K",
            help="Train the best so many pruned trials to the end; they go on from where they "
            "were pruned.",
        ),
    ],
    "sampler": Annotated[
        SamplerName, typer.Option(help="Optuna's sampler; cmaes models dropout alone.")
    ],
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
        typer.Option(min=1, help="Stop after so many trials without a better one."),
    ],
    "target": Annotated[
        float | None,
        typer.Option(help="Stop when the best value is at least as good, such as 0.016."),
    ],
    "threads": Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Threads a trial trains with.  [default: one per physical core]",
            show_default=False,
        ),
    ],
    "data_dir": DataDir,
}

_BUDGET: dict[str, Any] = {
    "epochs": Annotated[
        int | None,
        typer.Option(
            min=1,
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
        Protocol | None,
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

_STUDY: dict[str, Any] = {
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
    "artifacts": Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for trials' weights.  [default: artifacts, beside the SQLite file]",
            show_default=False,
            rich_help_panel=STUDY_PANEL,
        ),
    ],
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

_DRY_RUN = Annotated[
    bool,
    typer.Option("--dry-run", help="Print plan, space and estimated time; start nothing."),
]


def with_search_options(
    space: SearchSpace[Any],
) -> Callable[[Callable[[SearchOptions], None]], Callable[..., None]]:
    """Give a command the options of every search, and one for each dimension of ``space``.

    The command receives what the user said as :class:`SearchOptions`.
    """
    declared = {**_SEARCH, **_BUDGET, **_STUDY}
    dimensions = {d.name: _dimension_option(d) for d in space.dimensions}
    defaults = {field.name: field.default for field in fields(SearchRequest)}
    defaults["keep_weights"] = str(defaults["keep_weights"])  # parsed like what a user types

    def decorate(command: Callable[[SearchOptions], None]) -> Callable[..., None]:
        def with_options(dry_run: bool, **values: Any) -> None:
            narrowed = {n: values[n] for n in dimensions if values[n] is not None}
            request = {n: values[n] for n in declared}
            command(SearchOptions({**request, "space": narrowed}, dry_run))

        parameters = {**dimensions, **declared, "dry_run": _DRY_RUN}
        defaults["dry_run"] = False
        with_options.__name__ = command.__name__
        with_options.__doc__ = command.__doc__
        with_options.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(
                    name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=defaults.get(name),
                    annotation=annotation,
                )
                for name, annotation in parameters.items()
            ]
        )
        with_options.__annotations__ = parameters
        return with_options

    return decorate


def _dimension_option(dimension: Dimension) -> Any:
    def check(text: str | None) -> str | None:
        try:
            return text if text is None else str(dimension.narrowed(text))
        except ConfigurationError as error:
            raise typer.BadParameter(str(error)) from error

    return Annotated[
        str | None,
        typer.Option(
            f"--{dimension.name.replace('_', '-')}",
            callback=check,
            metavar=dimension.metavar,
            help=f"{dimension.help}  [default: {dimension}]",
            show_default=False,
            rich_help_panel=SPACE_PANEL,
        ),
    ]
