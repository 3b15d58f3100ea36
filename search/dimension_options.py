"""An option for each dimension of a stage's spaces, made from the dimension's one definition."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from spaces.dimensions import Dimension
from spaces.errors import ConfigurationError
from spaces.stages import Stage

SPACE_PANEL = "Search space"
WIDE_PANEL = "Further dimensions of --space wide"


def dimension_options(stage: Stage) -> dict[str, Any]:
    """Annotations of the options, by dimension; those of the ``paper`` space come first."""
    paper = {d.name: d for d in stage.spaces["paper"].dimensions}
    wide = {d.name: d for d in stage.spaces["wide"].dimensions}
    return {name: _option(paper.get(name), wide.get(name)) for name in {**paper, **wide}}


def _option(paper: Dimension | None, wide: Dimension | None) -> Any:
    dimension = wide or paper
    assert dimension is not None
    return Annotated[
        str | None,
        typer.Option(
            f"--{dimension.name.replace('_', '-')}",
            parser=_parser(dimension),
            metavar=dimension.metavar,
            help=_help(paper, wide, dimension),
            show_default=False,
            rich_help_panel=SPACE_PANEL if paper else WIDE_PANEL,
        ),
    ]


def _help(paper: Dimension | None, wide: Dimension | None, dimension: Dimension) -> str:
    condition = f" Only where {dimension.when}." if dimension.when else ""
    values = _spaced(paper or dimension)
    if paper and wide and str(wide) != str(paper):
        values += f"; wide: {_spaced(wide)}"
    return f"{dimension.help}{condition}  [default: {values}]"


def _spaced(dimension: Dimension) -> str:
    """The values, with room for a line to end between them."""
    return str(dimension).replace(",", ", ")


def _parser(dimension: Dimension) -> Callable[[str], str]:
    def values(text: str) -> str:
        try:
            return str(dimension.narrowed(text))
        except ConfigurationError as error:
            raise typer.BadParameter(str(error)) from error

    return values
