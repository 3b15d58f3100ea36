"""Options as Typer declares them, made from what the requests' fields say of themselves."""

from collections.abc import Callable, Iterable
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import typer

from search.completion import Completer, encoders, studies, trials, values
from spaces.errors import ConfigurationError
from studies.records.fields import Field, fields_of
from studies.records.request import Machine

_COMPLETED = {"study": studies, "encoder": encoders, "enqueue": trials}
"""What completes options that name studies and trials, by the request's field."""


def typer_option(field: Field) -> Any:
    """The option of a request's field."""
    option = field.option
    least, most = (None, None) if option.parse else option.within
    return typer.Option(
        f"--{field.flag}",
        help=option.help + (f"  [default: {option.otherwise}]" if option.otherwise else ""),
        show_default=option.otherwise is None,
        metavar=option.metavar or ("N" if option.within != (None, None) else None),
        min=least,
        max=most,
        parser=_refusing(option.parse) if option.parse else None,
        exists=option.is_file,
        dir_okay=not option.is_file,
        rich_help_panel=option.panel,
        hidden=not option.in_short_help,
        autocompletion=_completer(field),
    )


def _completer(field: Field) -> Completer | None:
    known = field.option.values
    return values(known) if known else _COMPLETED.get(field.name)


def parameter(name: str, annotation: Any, default: Any = None) -> Parameter:
    """A command's parameter."""
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def parameters(fields: Iterable[Field]) -> list[Parameter]:
    """A command's parameters for fields of a request."""
    return [parameter(field.name, *_annotated(field)) for field in fields]


def _annotated(field: Field) -> tuple[Any, Any]:
    """A parameter's annotation and default; where text is read, that is text too."""
    option, default = field.option, field.default
    if option.parse is not None:
        return Annotated[Any, typer_option(field)], default and str(default)
    if option.typed_as is not None:
        return Annotated[option.typed_as, typer_option(field)], None
    return Annotated[field.kind, typer_option(field)], default


def declared(
    function: Callable[..., None], command: Callable[..., None], parameters: list[Parameter]
) -> Callable[..., None]:
    """The function with a command's name and help, and with parameters as Typer reads them."""
    function.__name__, function.__doc__ = command.__name__, command.__doc__
    function.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {one.name: one.annotation for one in parameters}
    return function


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
