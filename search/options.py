"""Options as Typer declares them, made from what the requests' fields say of themselves."""

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from spaces.errors import ConfigurationError
from studies.records.fields import Field, fields_of
from studies.records.request import Machine


def typer_option(field: Field) -> Any:
    """The option of a request's field."""
    option = field.option
    least, most = (None, None) if option.parse else option.within
    return typer.Option(
        f"--{field.flag}",
        help=option.help + (f"  [default: {option.otherwise}]" if option.otherwise else ""),
        show_default=option.otherwise is None,
        metavar=option.metavar,
        min=least,
        max=most,
        parser=_refusing(option.parse) if option.parse else None,
        exists=option.is_file,
        dir_okay=not option.is_file,
        rich_help_panel=option.panel,
    )


def annotations(fields: Iterable[Field]) -> dict[str, Any]:
    """Parameters for options, by name, as a command annotates them."""
    return {
        field.name: Annotated[
            Any if field.option.parse else field.option.typed_as or field.kind, typer_option(field)
        ]
        for field in fields
    }


def defaults(fields: Iterable[Field]) -> dict[str, Any]:
    """What options are where nothing is said, by name; as text where text is read."""
    return {
        field.name: str(field.default) if field.option.parse and field.default else field.default
        for field in fields
    }


def declared(
    function: Callable[..., None],
    command: Callable[..., None],
    parameters: dict[str, Any],
    given: dict[str, Any],
) -> Callable[..., None]:
    """The function with a command's name and help, and with parameters as Typer reads them.

    Args:
        function: called with all of them by name.
        command: whose name and help it gets.
        parameters: annotations by name, in order.
        given: defaults by name; those of the others are None.
    """
    function.__name__ = command.__name__
    function.__doc__ = command.__doc__
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=given.get(name),
                annotation=annotation,
            )
            for name, annotation in parameters.items()
        ]
    )
    function.__annotations__ = parameters
    return function


def typed(context: typer.Context, *names: str) -> list[str]:
    """Those of the parameters that were typed, not taken from a file, the environment or a default.

    Args:
        context: the command's.
        names: of its parameters.
    """
    sources = {name: context.get_parameter_source(name) for name in names}
    return [name for name, source in sources.items() if source and source.name == "COMMANDLINE"]


def _refusing(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """The same, refusing as Typer expects it."""

    def read(text: str) -> Any:
        try:
            return parse(text)
        except ConfigurationError as error:
            raise typer.BadParameter(str(error)) from error

    return read


_OF_MACHINE = fields_of(Machine)

StorageOption = Annotated[str | None, typer_option(_OF_MACHINE["storage"])]
ArtifactsOption = Annotated[str | None, typer_option(_OF_MACHINE["artifacts"])]
DataDir = Annotated[Path | None, typer_option(_OF_MACHINE["data_dir"])]
"""The option of every command that needs the data."""
