"""An option for each dimension of a stage's spaces, made from the dimension's one definition."""

from spaces.dimensions import Dimension
from spaces.stages import Stage
from studies.records.fields import Field, Option
from studies.records.request import SPACE_PANEL

WIDE_PANEL = "Further dimensions of --space wide"


def dimension_fields(stage: Stage) -> dict[str, Field]:
    """The options, by dimension; those of the ``paper`` space come first."""
    paper = {d.name: d for d in stage.spaces["paper"].dimensions}
    wide = {d.name: d for d in stage.spaces["wide"].dimensions}
    return {name: _field(paper.get(name), wide.get(name)) for name in {**paper, **wide}}


def _field(paper: Dimension | None, wide: Dimension | None) -> Field:
    dimension = wide or paper
    assert dimension is not None
    condition = f" Only where {dimension.when}." if dimension.when else ""
    values = _spaced(paper or dimension)
    if paper and wide and str(wide) != str(paper):
        values += f"; wide: {_spaced(wide)}"
    option = Option(
        dimension.help + condition,
        "study",
        otherwise=values,
        metavar=dimension.metavar,
        parse=lambda text: str(dimension.narrowed(text)),
        panel=SPACE_PANEL if paper else WIDE_PANEL,
    )
    return Field(dimension.name, str | None, None, option)


def _spaced(dimension: Dimension) -> str:
    """The values, with room for a line to end between them."""
    return str(dimension).replace(",", ", ")
