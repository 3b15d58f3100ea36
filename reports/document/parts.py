"""What a report is made of, before it becomes a page or files: text, tables, figures, sections."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas

from reports.document.numbers import Notation
from reports.document.texts import Texts
from spaces.wording import MISSING
from studies.records.runs import minute


class Column(NamedTuple):
    """A column of a table."""

    key: str
    """Its name in the data frame and in the CSV file."""
    title: str
    kind: Notation = "text"
    missing: str = MISSING
    """What stands where there is no value."""
    is_faint: bool = False
    """Whether its values cannot be set beside the others."""

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

    @property
    def anchor(self) -> str:
        """Where a link finds it."""
        return f"table-{self.name}"

    def shown(self, texts: Texts) -> list[list[str]]:
        """The cells as text, a list for each row."""
        return [
            [written(row[column.key], column, texts) for column in self.columns]
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

    @property
    def anchor(self) -> str:
        """Where a link finds it."""
        return self.name


class Link(NamedTuple):
    """Where in the report something is shown in full."""

    to: str
    """The anchor of a section, a figure or a table."""
    words: str


class Text(NamedTuple):
    """A paragraph."""

    text: str
    is_notice: bool = False
    """Something that the reader should not miss."""
    evidence: Link | None = None
    """What bears it out."""


class Answer(NamedTuple):
    """What was found of one model, at a glance."""

    title: str
    value: str
    """The figure that counts; empty where there is none yet."""
    unit: str
    """What it is a figure of."""
    claims: tuple[Text, ...]


class Code(NamedTuple):
    """Commands to type."""

    text: str


Block = Text | Code | Answer | Table | Figure


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


def written(value: Any, column: Column, texts: Texts) -> str:
    """A cell as text."""
    if isinstance(value, str) and not value:
        return ""  # a cell that means nothing in its row
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return column.missing
    if column.kind == "moment":
        return minute(str(value))
    return texts.number(value, column.kind) if column.is_number else str(value)
