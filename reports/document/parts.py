"""What a report is made of, before it becomes a page or files: text, tables, figures, sections."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

import pandas

from spaces.wording import MISSING, count, duration, percent, points
from studies.records.runs import minute

Notation = Literal[
    "text", "moment", "percent", "points", "spread", "share", "change", "count", "number", "seconds"
]
"""How a column's values are written.

``percent`` writes 0.0158 as 1.58 %; ``points`` a difference of percentages with its sign and
``spread`` one without; ``share`` 0.31 as 31 %; ``change`` a relative difference with its sign,
−0.12 as −12 %; ``seconds`` 720 as 12 min 00 s; ``moment`` a time as people say it.
"""

UNIT = "\N{NO-BREAK SPACE}%"


class Column(NamedTuple):
    """A column of a table."""

    key: str
    """Its name in the data frame and in the CSV file."""
    title: str
    kind: Notation = "text"
    missing: str = MISSING
    """What stands where there is no value."""

    @property
    def is_number(self) -> bool:
        """Whether its values are set to the right."""
        return self.kind not in ("text", "moment")


@dataclass(frozen=True)
class Table:
    """Raw values, and how a person is shown them."""

    name: str
    """Its files' name."""
    caption: str
    frame: pandas.DataFrame
    columns: Sequence[Column]
    note: str = ""

    def shown(self) -> list[list[str]]:
        """The cells as text, a list for each row."""
        return [
            [written(row[column.key], column) for column in self.columns]
            for row in self.frame.to_dict("records")
        ]


class Drawing(NamedTuple):
    """One drawing in both formats."""

    png: bytes
    svg: str


@dataclass(frozen=True)
class Figure:
    """A drawing with its words."""

    name: str
    """Its files' name."""
    caption: str
    alt: str
    """What it shows, for those who cannot see it."""
    picture: Drawing
    interactive: dict[str, Any] | None = None
    """The same as plotly's ``data`` and ``layout``, where it helps."""
    wide: bool = False
    """Needs the page's full width."""

    def _repr_png_(self) -> bytes:
        """What a notebook shows of it."""
        return self.picture.png


class Text(NamedTuple):
    """A paragraph."""

    text: str
    is_notice: bool = False
    """Something that the reader should not miss."""


class Code(NamedTuple):
    """Commands to type."""

    text: str


Block = Text | Code | Table | Figure


@dataclass
class Section:
    """A heading and what stands under it; a whole report is one, its first screen the blocks."""

    name: str
    """Its anchor in the page."""
    title: str
    blocks: list[Block] = field(default_factory=list)
    sections: list["Section"] = field(default_factory=list)

    def all_blocks(self) -> Iterator[Block]:
        """Its own and those of the sections in it, in reading order."""
        yield from self.blocks
        for section in self.sections:
            yield from section.all_blocks()

    def figures(self) -> list[Figure]:
        """All of them, in reading order."""
        return [block for block in self.all_blocks() if isinstance(block, Figure)]

    def tables(self) -> list[Table]:
        """All of them, in reading order."""
        return [block for block in self.all_blocks() if isinstance(block, Table)]


def written(value: Any, column: Column) -> str:
    """A cell as text."""
    if isinstance(value, str) and not value:
        return ""  # a cell that means nothing in its row
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return column.missing
    if column.kind == "moment":
        return minute(str(value))
    return number(value, column.kind) if column.is_number else str(value)


def number(value: float, kind: Notation) -> str:
    """A number as text, with a real minus sign, and its unit on the same line."""
    return _WRITTEN.get(kind, str)(value).replace("-", "−").replace(" %", UNIT)


_WRITTEN: dict[Notation, Callable[[float], str]] = {
    "percent": percent,
    "points": partial(points, sign="+"),
    "spread": points,
    "share": partial(percent, digits=0),
    "change": partial(percent, digits=0, sign="+"),
    "count": count,
    "number": "{:.4g}".format,
    "seconds": duration,
}
