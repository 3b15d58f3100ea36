"""The options of the searching commands: declared once, for every stage.

Each becomes a field of :class:`studies.request.SearchRequest`; a dimension of the stage's space
becomes an option of its own.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

from search.data import DataDir
from spaces.budget import N_TRAIN_FILE, Budget, Protocol
from spaces.dimensions import Dimension
from spaces.errors import ConfigurationError
from spaces.space import SearchSpace

SPACE_PANEL = "Search space"
BUDGET_PANEL = "Budget of a trial"
STUDY_PANEL = "Study and storage"

Sampler = Literal["tpe", "random", "cmaes", "gp", "grid", "qmc"]
Pruner = Literal["hyperband", "median", "halving", "none"]


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

_SEARCH: dict[str, tuple[Any, Any]] = {
    "trials": (
        Annotated[
            int | None,
            typer.Option(
                min=0,
                help="Searched trials the study shall have IN ALL, besides the paper's: the same "
                "command again goes on to this number.  [default: 50]",
                show_default=False,
            ),
        ],
        None,
    ),
    "more": (
        Annotated[
            int | None,
            typer.Option(min=1, help="Add so many trials, instead of --trials.", metavar="N"),
        ],
        None,
    ),
    "promote": (
        Annotated[
            int,
            typer.Option(
                min=0,
                metavar="TOP_K",
                help="Train the best so many pruned trials to the end; they go on from where they "
                "were pruned.",
            ),
        ],
        0,
    ),
    "sampler": (
        Annotated[Sampler, typer.Option(help="Optuna's sampler; cmaes models dropout alone.")],
        "tpe",
    ),
    "pruner": (Annotated[Pruner, typer.Option(help="Optuna's pruner.")], "halving"),
    "timeout_s": (
        Annotated[
            float | None,
            typer.Option(
                "--timeout",
                parser=seconds,
                metavar="TIME",
                help="Start no further trial after this time, such as 90s, 15m or 2h.",
            ),
        ],
        None,
    ),
    "patience": (
        Annotated[
            int | None,
            typer.Option(min=1, help="Stop after so many trials without a better one."),
        ],
        None,
    ),
    "target": (
        Annotated[
            float | None,
            typer.Option(help="Stop when the best value is at least as good, such as 0.016."),
        ],
        None,
    ),
    "threads": (
        Annotated[
            int | None,
            typer.Option(
                min=1,
                help="Threads a trial trains with.  [default: one per physical core]",
                show_default=False,
            ),
        ],
        None,
    ),
    "data_dir": (DataDir, None),
}

_BUDGET: dict[str, tuple[Any, Any]] = {
    "epochs": (
        Annotated[
            int | None,
            typer.Option(
                min=1,
                help=f"Passes over the training images.  [default: {Budget().epochs}]",
                show_default=False,
                rich_help_panel=BUDGET_PANEL,
            ),
        ],
        None,
    ),
    "subset": (
        Annotated[
            int | None,
            typer.Option(
                min=600,
                max=N_TRAIN_FILE,
                help="Images, training and validation together.  [default: all]",
                show_default=False,
                rich_help_panel=BUDGET_PANEL,
            ),
        ],
        None,
    ),
    "protocol": (
        Annotated[
            Protocol | None,
            typer.Option(
                help="search: judge by 10,000 images held out of the training set. paper: by the "
                "test images, as the paper did; runs the paper's configurations alone."
                "  [default: search]",
                show_default=False,
                rich_help_panel=BUDGET_PANEL,
            ),
        ],
        None,
    ),
    "seed": (
        Annotated[
            int | None,
            typer.Option(
                min=0,
                max=2**31 - 1,
                help="Decides the draws and every trial's weights.  [default: 0]",
                show_default=False,
                rich_help_panel=BUDGET_PANEL,
            ),
        ],
        None,
    ),
}

_STUDY: dict[str, tuple[Any, Any]] = {
    "study": (
        Annotated[
            str | None,
            typer.Option(
                metavar="NAME",
                help="Name of the study.  [default: made from stage and budget, such as ae]",
                show_default=False,
                rich_help_panel=STUDY_PANEL,
            ),
        ],
        None,
    ),
    "new": (
        Annotated[
            bool,
            typer.Option(
                "--new",
                help="Start a fresh study; results of the old one that still fit are taken over.",
                rich_help_panel=STUDY_PANEL,
            ),
        ],
        False,
    ),
    "storage": (StorageOption, None),
    "artifacts": (
        Annotated[
            Path | None,
            typer.Option(
                metavar="DIR",
                help="Folder for trials' weights.  [default: artifacts, beside the SQLite file]",
                show_default=False,
                rich_help_panel=STUDY_PANEL,
            ),
        ],
        None,
    ),
    "keep_weights": (
        Annotated[
            Any,
            typer.Option(
                parser=weights_kept,
                metavar="N|all|none",
                help="Keep the weights of the best N searched trials and of the paper's, of all "
                "trials, or of none.",
                rich_help_panel=STUDY_PANEL,
            ),
        ],
        "10",
    ),
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
    dimensions = {d.name: (_dimension_option(d), None) for d in space.dimensions}

    def decorate(command: Callable[[SearchOptions], None]) -> Callable[..., None]:
        def with_options(dry_run: bool, **values: Any) -> None:
            narrowed = {n: values[n] for n in dimensions if values[n] is not None}
            request = {n: values[n] for n in declared}
            command(SearchOptions({**request, "space": narrowed}, dry_run))

        parameters = {**dimensions, **declared, "dry_run": (_DRY_RUN, False)}
        with_options.__name__ = command.__name__
        with_options.__doc__ = command.__doc__
        with_options.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=a)
                for n, (a, default) in parameters.items()
            ]
        )
        with_options.__annotations__ = {n: a for n, (a, _) in parameters.items()}
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
