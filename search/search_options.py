"""From options to a search's request: the decorator of the commands that search.

Each option becomes a field of :class:`studies.records.request.SearchRequest`; a dimension of the
stage's space becomes an option of its own, and a space's file gives those options defaults.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

import typer

from search.command import nearness
from search.naming import exactly
from search.options import declared, parameter, parameters
from search.output import JsonOption, Output, QuietOption, VerboseOption
from spaces.config_files import read_config
from spaces.dimensions import Dimension, format_value
from spaces.errors import ConfigurationError
from spaces.space import Configuration
from spaces.space_file import read_space
from spaces.stages import SpaceName, Stage
from studies.files import places
from studies.records.fields import Field, Option, fields_of
from studies.records.request import SPACE_PANEL, Cost, Machine, SearchRequest

WIDE_PANEL = "Further dimensions of --space wide"

_PANELS: Mapping[SpaceName, str] = {
    "paper": SPACE_PANEL,
    "wide": WIDE_PANEL,
    "whole": "The encoder's dimensions, of --space whole",
}

_AFTER = {
    "target": ("jobs", "threads", "dask", "dask_ca", "dask_cert", "dask_key"),
    "enqueue": ("data_dir",),
    "new": ("storage", "artifacts"),
}
"""Where the machine's options stand among the others in the help; more of them stand at the end."""


class SearchOptions(NamedTuple):
    """What the command line said, as text and numbers; the names are the request's."""

    request: dict[str, Any]
    dry_run: bool
    output: Output = Output()
    in_force: Callable[[], dict[str, Any]] = dict
    """Gives the request of the same command where nothing is typed: by defaults, files and
    variables."""


_SPACE_FILE = Annotated[
    Path | None,
    typer.Option(
        "--space-file",
        metavar="FILE.toml",
        help='Read space and dimensions from a file, such as dropout = "0:0.2", batchnorm = true, '
        'space = "wide". Options that you type take precedence.',
        show_default=False,
        hidden=True,
        rich_help_panel=SPACE_PANEL,
    ),
]

_OUTPUT = [
    parameter("quiet", QuietOption, default=False),
    parameter("verbose", VerboseOption, default=False),
    parameter("as_json", JsonOption, default=False),
]

_DRY_RUN = Annotated[
    bool,
    typer.Option("--dry-run", help="Print the plan and the estimated time; train nothing."),
]


def with_search_options(
    stage: Stage,
) -> Callable[[Callable[[SearchOptions], None]], Callable[..., None]]:
    """Give a command the options of every search, and one for each dimension of its spaces.

    The command receives what the user said as :class:`SearchOptions`.
    """
    taken = [
        parameter("context", typer.Context),
        *parameters(_fields(stage).values()),
        parameter("space_file", _SPACE_FILE),
        *parameters(_dimension_fields(stage).values()),
        parameter("dry_run", _DRY_RUN, default=False),
        *_OUTPUT,
    ]

    def decorate(command: Callable[[SearchOptions], None]) -> Callable[..., None]:
        def with_them(
            *, context: typer.Context, quiet: bool, verbose: bool, as_json: bool, **values: Any
        ) -> None:
            output = Output(quiet, verbose, as_json).checked()
            now = partial(in_force, context, stage)
            request = request_of(context, stage)
            command(SearchOptions(request, values["dry_run"], output, now))

        return declared(with_them, command, taken)

    return decorate


def with_options(
    *names: str, of: type = SearchRequest
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command options of a request and those of output, after its own.

    The command receives the former first, if there are any, as a dict by the names of the request's
    fields; what the latter say comes as ``output``.

    Args:
        names: of the fields.
        of: the request.
    """
    taken = parameters(fields_of(of)[name] for name in names)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [p for p in inspect.signature(command).parameters.values() if p.name != "output"]
        own = [p.replace(kind=p.KEYWORD_ONLY) for p in own[bool(names) :]]

        def with_them(*, quiet: bool, verbose: bool, as_json: bool, **values: Any) -> None:
            output = Output(quiet, verbose, as_json).checked()
            values = {name: _expanded(value) for name, value in values.items()}
            request = [{name: values.pop(name) for name in names}] if names else []
            command(*request, output=output, **values)

        return declared(with_them, command, [*own, *taken, *_OUTPUT])

    return decorate


def _expanded(value: Any) -> Any:
    """A path whose ``~`` no shell has replaced, as in ``--out=~/report``, with the home."""
    return places.expanded(value) if isinstance(value, Path) else value


def request_of(context: typer.Context, stage: Stage) -> dict[str, Any]:
    """A search's request, as a command line says it that has been read.

    Args:
        context: of the command that searches the stage.
        stage: which model is searched.

    Raises:
        ConfigurationError, StudyError: a file or a trial that is named cannot be read, or is of the
            other stage.
    """
    values = context.params
    given = _given_configurations(values["enqueue"], stage, values["storage"])
    return {**_asked(context, stage, values), "enqueue": given}


def in_force(context: typer.Context, stage: Stage) -> dict[str, Any]:
    """A search's request where nothing is typed: by defaults, files and variables.

    Args:
        context: of a command that searches, one stage or both.
        stage: whose command it is that nobody types anything to.
    """
    command, parent = context.command, context.parent
    if parent is not None:
        command = parent.command.commands[stage.short]  # type: ignore[attr-defined]
    own: dict[str, Any] = {} if parent else {"default_map": context.default_map}
    bare: Any = command.make_context(stage.short, [], parent=parent, **own)
    return _asked(bare, stage, bare.params)


def _fields(stage: Stage) -> dict[str, Field]:
    """The request's options, by name, in the order of the help."""
    every = {
        n: f for n, f in fields_of(SearchRequest).items() if f.option.stage in (None, stage.name)
    }
    own = [name for name in every if name not in fields_of(Machine)]
    names = [n for name in own for n in (name, *_AFTER.get(name, ()))]
    every["objectives"] = _with_metrics(every["objectives"], stage)
    every["space_name"] = _with_spaces(every["space_name"], stage)
    return {name: every[name] for name in dict.fromkeys([*names, *every])}


def _dimension_fields(stage: Stage) -> dict[str, Field]:
    """An option for each dimension, from its one definition; the ``paper`` space's come first."""
    found: dict[str, dict[SpaceName, Dimension]] = {}
    for space_name, space in stage.spaces.items():
        for dimension in space.dimensions:
            found.setdefault(dimension.name, {})[space_name] = dimension
    return {name: _dimension_field(of_spaces) for name, of_spaces in found.items()}


def _dimension_field(of_spaces: Mapping[SpaceName, Dimension]) -> Field:
    """The option of one dimension, as the spaces have it, the narrowest first."""
    (first_name, first), *others = of_spaces.items()
    dimension = [*of_spaces.values()][-1]
    condition = f" Only where {dimension.when}." if dimension.when else ""
    values = _spaced(first)
    values += "".join(f"; {n}: {_spaced(d)}" for n, d in others if str(d) != str(first))
    option = Option(
        dimension.help + condition,
        "study",
        otherwise=values,
        metavar=dimension.metavar,
        parse=lambda text: str(dimension.narrowed(text)),
        values=tuple(map(format_value, dimension.grid())),
        panel=_PANELS[first_name],
    )
    return Field(dimension.name, str | None, None, option)


def _spaced(dimension: Dimension) -> str:
    """The values, with room for a line to end between them."""
    return str(dimension).replace(",", ", ")


def _asked(context: typer.Context, stage: Stage, values: dict[str, Any]) -> dict[str, Any]:
    """The request's fields, but for the given configurations."""
    values = values | _of_file(context, values["space_file"], stage)
    request = {name: values[name] for name in _fields(stage) if name != "enqueue"}
    request["space"] = {n: values[n] for n in _dimension_fields(stage) if values[n] is not None}
    return request | _objectives(values["objectives"], values.get("metric"))


def _objectives(named: tuple[str, ...] | None, metric: str | None) -> dict[str, Any]:
    """The request's fields that ``--objectives`` decides, where it was given."""
    if named is None:
        return {}
    if metric not in (None, named[0]):
        raise typer.BadParameter(f"--metric {metric} and --objectives {named[0]},… contradict")
    return {"metric": named[0], "objectives": named[1:]}


def _with_spaces(space_name: Field, stage: Stage) -> Field:
    """The option of a stage, which has the spaces of that alone."""
    option = space_name.option
    if "whole" in stage.spaces:
        option = replace(option, help=f"{option.help} whole: the encoder's shape too.")
    return space_name._replace(kind=Literal[tuple(stage.spaces)] | None, option=option)


def _with_metrics(objectives: Field, stage: Stage) -> Field:
    """The option of a stage, which reads ``accuracy,params``: a metric, then costs, each once."""

    def parse(text: str) -> tuple[str, ...]:
        metric, *costs = (name.strip() for name in text.split(","))
        if metric not in stage.metrics:
            raise ConfigurationError(f"the first objective must be {metrics}; got {metric!r}")
        for cost in costs:
            if cost not in get_args(Cost) or costs.count(cost) > 1:
                several = ", ".join(get_args(Cost))
                raise ConfigurationError(
                    f"after {metric} list each cost once: {several}; got {cost!r}"
                )
        return (metric, *costs)

    metrics, option = " or ".join(stage.metrics), objectives.option
    option = replace(option, help=option.help.format(metrics=metrics), parse=parse)
    return objectives._replace(option=option)


def _of_file(context: typer.Context, path: Path | None, stage: Stage) -> dict[str, Any]:
    """What a space's file says, but for what is said at least as near to the user as the file."""
    if path is None:
        return {}
    file = read_space(path, stage)
    said = {**file.narrowed, "space_name": file.space_name}
    near = nearness(context, "space_file")
    return {n: v for n, v in said.items() if v is not None and nearness(context, n) < near}


def _given_configurations(
    sources: list[Path] | None, stage: Stage, storage: str | None
) -> tuple[Configuration, ...]:
    """The configurations of files, or of trials as ``study#12``, that must be of the stage.

    Raises:
        ConfigurationError: a file cannot be read or is of the other stage; names it.
        StudyError: there is no such trial in the storage.
    """
    given = []
    for source in sources or ():
        of, config = _given(source, storage)
        if of is not stage:
            raise ConfigurationError(
                f"{source} is a configuration of the {of.name}; this command searches the "
                f"{stage.name}; try fmnist-search {of.short} --enqueue"
            )
        given.append(config)
    return tuple(given)


def _given(source: Path, storage: str | None) -> tuple[Stage, Configuration]:
    name, _, number = str(source).rpartition("#")
    if not (name and number.isdecimal()) or source.exists():
        file = read_config(source)
        return file.stage, file.config
    from studies.records.references import configuration_of
    from studies.storage.databases import open_existing

    existing = open_existing(storage)
    return configuration_of(existing, exactly(existing, str(source)))
