"""Tables whose rows are lines of a terminal: columns give way before a cell is cut or folded."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from spaces.wording import cut

_GAP = 2
"""Columns of the terminal between two of the table."""
_LEAST_FILLED = 32
"""Columns that others give way for where a column is cut."""


class FittingColumn(NamedTuple):
    """A column with all its cells."""

    heading: str
    cells: Sequence[str]
    gives_way: int = 0
    """Where there is no room the column with the greatest goes first; one of 0 stays."""
    is_number: bool = True
    short: Sequence[str] | None = None
    """The cells in fewer words, shown before any column gives way."""
    fills: bool = False
    """It takes what room is left; what is longer than that is cut."""

    @property
    def width(self) -> int:
        """What its cells need, or its heading; of one that is cut the least."""
        longest = max(map(cell_len, (self.heading, *self.cells)))
        return min(longest, _LEAST_FILLED) if self.fills else longest


def print_fitting(
    console: Console, columns: Sequence[FittingColumn], greyed: str = ""
) -> list[FittingColumn]:
    """Print the columns that the terminal has room for, and return them; no cell is folded.

    Args:
        console: where to.
        columns: in their order.
        greyed: a pattern of what is to be dim in the cells.
    """
    shown = fitting(columns, console.width)
    headings = _line([column.heading for column in shown], shown)
    rows = zip(*(column.cells for column in shown), strict=True)
    console.print(headings.rstrip(), style="bold", soft_wrap=True)
    console.print("─" * min(len(headings), console.width), style="dim")
    for cells in rows:
        line = Text(_line(cells, shown).rstrip())
        if greyed:
            line.highlight_regex(greyed, "dim")
        console.print(line, soft_wrap=True)
    return shown


def fitting(columns: Sequence[FittingColumn], width: int) -> list[FittingColumn]:
    """Those of the columns that stay side by side in so many columns of a terminal."""
    shown = list(columns)
    if _needed(shown) > width:
        shown = [c if c.short is None else c._replace(cells=c.short) for c in shown]
    while _needed(shown) > width and any(c.gives_way for c in shown):
        shown.remove(max(shown, key=lambda c: c.gives_way))
    left = width - _needed(shown)
    return [
        c._replace(cells=[cut(cell, c.width + left) for cell in c.cells], fills=False)
        if c.fills
        else c
        for c in shown
    ]


def _needed(columns: Sequence[FittingColumn]) -> int:
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)


def _line(cells: Sequence[str], columns: Sequence[FittingColumn]) -> str:
    return (" " * _GAP).join(map(_padded, cells, columns))


def _padded(cell: str, column: FittingColumn) -> str:
    room = " " * (column.width - cell_len(cell))
    return f"{room}{cell}" if column.is_number else f"{cell}{room}"
