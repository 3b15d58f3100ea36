"""From options to a search's request: the decorator of the commands that search.

Each option becomes a field of :class:`studies.records.request.SearchRequest`; a dimension of the
stage's space becomes an option of its own, and a space's file gives those options defaults.
"""

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from search.command import nearness
from search.dimension_options import SPACE_PANEL, dimension_options
from search.options import BUDGET, CLASSIFIER_ONLY, SEARCH, STUDY
from search.output import JsonOption, Output, QuietOption, VerboseOption
from search.parsers import given_configurations, objectives_of
from spaces.space_file import read_space
from spaces.stages import SpaceName, Stage
from studies.records.request import SearchRequest


class SearchOptions(NamedTuple):
    """What the command line said, as text and numbers; the names are the request's."""

    request: dict[str, Any]
    dry_run: bool
    output: Output = Output()
    in_force: Callable[[], dict[str, Any]] = dict
    """Gives the request of the same command where nothing is typed: by defaults, files and
    variables."""


_SPACE_NAME = Annotated[
    SpaceName | None,
    typer.Option(
        "--space",
        help="paper: what the paper changes. wide: far more.  [default: paper]",
        show_default=False,
        rich_help_panel=SPACE_PANEL,
    ),
]

_SPACE_FILE = Annotated[
    Path | None,
    typer.Option(
        "--space-file",
        metavar="FILE.toml",
        help='Read space and dimensions from a file: dropout = "0:0.2", batchnorm = true, '
        'space = "wide"; options that are typed win.',
        show_default=False,
        rich_help_panel=SPACE_PANEL,
    ),
]

_OUTPUT: dict[str, Any] = {
    "quiet": QuietOption,
    "verbose": VerboseOption,
    "as_json": JsonOption,
}

_DRY_RUN = Annotated[
    bool,
    typer.Option("--dry-run", help="Print plan, space and estimated time; start nothing."),
]


def with_search_options(
    stage: Stage,
) -> Callable[[Callable[[SearchOptions], None]], Callable[..., None]]:
    """Give a command the options of every search, and one for each dimension of its spaces.

    The command receives what the user said as :class:`SearchOptions`.
    """
    own = CLASSIFIER_ONLY if stage.name == "classifier" else {}
    declared = {**own, **SEARCH, **BUDGET, **STUDY, "space_name": _SPACE_NAME}
    dimensions = dimension_options(stage)
    defaults = {**_defaults(), "dry_run": False, "enqueue": None, **dict.fromkeys(_OUTPUT, False)}

    def asked(
        context: typer.Context, space_file: Path | None, values: dict[str, Any]
    ) -> dict[str, Any]:
        """The request's fields, but for the given configurations."""
        values = values | _of_file(context, space_file, stage)
        request = {n: values[n] for n in declared if n != "enqueue"}
        request["space"] = {n: values[n] for n in dimensions if values[n] is not None}
        request["objectives"] = None
        return request | _objectives(values["objectives"], values.get("metric"))

    def untyped(context: typer.Context) -> dict[str, Any]:
        """The same of the command where nothing is typed."""
        name = str(context.info_name)
        own: dict[str, Any] = {"parent": context.parent, "default_map": context.default_map}
        bare: Any = context.command.make_context(name, [], **own)
        return asked(bare, bare.params["space_file"], bare.params)

    def decorate(command: Callable[[SearchOptions], None]) -> Callable[..., None]:
        def with_options(
            context: typer.Context,
            dry_run: bool,
            space_file: Path | None,
            quiet: bool,
            verbose: bool,
            as_json: bool,
            **values: Any,
        ) -> None:
            output = Output(quiet, verbose, as_json).checked()
            request = asked(context, space_file, values)
            given = given_configurations(values["enqueue"], stage, values["storage"])
            in_force = partial(untyped, context)
            command(SearchOptions({**request, "enqueue": given}, dry_run, output, in_force))

        parameters = {
            "context": typer.Context,
            **declared,
            "objectives": _objectives_option(stage),
            "space_file": _SPACE_FILE,
            **dimensions,
            "dry_run": _DRY_RUN,
            **_OUTPUT,
        }
        return _declared(with_options, command, parameters, defaults)

    return decorate


def with_some_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command some of the options of every search, between its own and those of output.

    The command receives them first, as a dict by the names of the request's fields.

    Args:
        names: fields of the request.
    """
    every = {**SEARCH, **BUDGET, **STUDY}
    declared = {name: every[name] for name in names}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[1:]

        def with_options(**values: Any) -> None:
            command({name: values.pop(name) for name in names}, **values)

        annotations = {option.name: option.annotation for option in own}
        first = {name: annotations[name] for name in annotations if name not in _OUTPUT}
        parameters = {**first, **declared, **annotations}
        defaults = {**_defaults(), **{option.name: option.default for option in own}}
        return _declared(with_options, command, parameters, defaults)

    return decorate


def _defaults() -> dict[str, Any]:
    """The request's, as options have them."""
    defaults = {field.name: field.default for field in fields(SearchRequest)}
    defaults["keep_weights"] = str(defaults["keep_weights"])  # parsed like what a user types
    return defaults


def _declared(
    function: Callable[..., None],
    command: Callable[..., None],
    parameters: dict[str, Any],
    defaults: dict[str, Any],
) -> Callable[..., None]:
    """The function with the command's name and help, and with options as Typer reads them."""
    function.__name__ = command.__name__
    function.__doc__ = command.__doc__
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
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
    function.__annotations__ = parameters
    return function


def _objectives(named: tuple[str, ...] | None, metric: str | None) -> dict[str, Any]:
    """The request's fields that ``--objectives`` decides, where it was given."""
    if named is None:
        return {}
    if metric not in (None, named[0]):
        raise typer.BadParameter(f"--metric {metric} and --objectives {named[0]},… contradict")
    return {"metric": named[0], "objectives": named[1:]}


def _objectives_option(stage: Stage) -> Any:
    metrics = " or ".join(stage.metrics)
    return Annotated[
        Any,
        typer.Option(
            parser=objectives_of(stage),
            metavar="METRIC,COST,…",
            help=f"{metrics}, then costs to keep low beside it: params, macs, latency. Makes a "
            "study of several objectives, in which Optuna cannot prune; the Pareto front is shown "
            "without this too.",
            show_default=False,
        ),
    ]


def _of_file(context: typer.Context, path: Path | None, stage: Stage) -> dict[str, Any]:
    """What a space's file says, but for what is said at least as near to the user as the file."""
    if path is None:
        return {}
    file = read_space(path, stage)
    said = {**file.narrowed, "space_name": file.space_name}
    near = nearness(context, "space_file")
    return {n: v for n, v in said.items() if v is not None and nearness(context, n) < near}
