"""A table as LaTeX that fits a page of the class ``article``, whatever its columns.

A table that is too wide has its cells broken into lines; one that is wider still is set in parts,
one below the other, each with the names of its rows.
"""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from reports.document.parts import Column, Table
from reports.document.texts import Texts
from spaces.safe_text import latex

TEXT_WIDTH = 345.0
"""Points of a line in ``article`` at its usual 10 points, on letter paper and on A4."""
MOST_LINES = 48
"""Of ``footnotesize`` on such a page, beside a caption and a note."""

_SIZE = 8.0
_GAP = 4.0
"""Points between two columns."""
_READABLE = 64.0
"""Points that a column of sentences has at least."""
_LONGEST_WORD = 16
"""Characters of a word that is not broken."""

_PACKAGES = r"% \usepackage{array,booktabs,longtable}"
_SMALL = (r"\footnotesize", r"\setlength{\tabcolsep}{2pt}")


class _Size(NamedTuple):
    """Points that a column takes."""

    least: float
    """With its text broken wherever it can be."""
    natural: float
    """With all of its text in one line."""


class _Part(NamedTuple):
    """Some of a table's columns, which fit beside each other."""

    columns: list[Column]
    rows: list[list[str]]
    """The titles first."""
    widths: list[float] | None
    """Points of each column; None where all fit as they are."""


def latex_table(table: Table, texts: Texts) -> str:
    r"""The table as shown, with a caption, a label and its note; ready for ``\input``."""
    parts = _parts(table, texts)
    caption = rf"\caption{{{latex(table.caption)}}}\label{{tab:{table.name}}}"
    note = [rf"\par\smallskip\raggedright {latex(table.note)}"] if table.note else []
    if sum(map(_n_lines, parts)) > MOST_LINES:
        first, *others = parts
        body = [_longtable(first, caption), *map(_longtable, others), *note]
        lines = [r"\begingroup", *_SMALL, *body, r"\par\endgroup"]
    else:
        body = [line for part in parts for line in (_tabular(part), r"\par\medskip")][:-1]
        begin = [r"\begin{table}[tbp]", r"\centering", caption, *_SMALL]
        lines = [*begin, *body, *note, r"\end{table}"]
    return "\n".join([_PACKAGES, *lines, ""])


def _parts(table: Table, texts: Texts) -> list[_Part]:
    """The table in as few parts as fit; each begins with the first column."""
    rows = [[column.title for column in table.columns], *table.shown(texts)]
    cells = zip(*rows, strict=True)
    sizes = [_size(column, own) for column, own in zip(table.columns, cells, strict=True)]
    return [
        _Part(
            [table.columns[i] for i in places],
            [[row[i] for i in places] for row in rows],
            _widths([sizes[i] for i in places]),
        )
        for places in _places(sizes)
    ]


def _size(column: Column, cells: Sequence[str]) -> _Size:
    natural = max(map(_width, cells))
    title, *values = cells
    words = [word for cell in ([title] if column.is_number else cells) for word in _words(cell)]
    least = max(map(_width, words), default=0.0)
    if column.is_number:
        least = max([least, *map(_width, values)])
    elif natural > _READABLE:
        least = max(least, _READABLE)
    return _Size(least, natural)


def _places(sizes: Sequence[_Size]) -> list[list[int]]:
    """Which columns stand in which part: as few parts as fit, about as wide as each other."""
    fewest = _filled(sizes, TEXT_WIDTH)
    narrower = (_filled(sizes, TEXT_WIDTH * percent / 100) for percent in range(50, 100, 5))
    return next((parts for parts in narrower if len(parts) == len(fewest)), fewest)


def _filled(sizes: Sequence[_Size], width: float) -> list[list[int]]:
    """Parts up to the width, one after the other."""
    parts, used = [[0]], sizes[0].least
    for place, size in enumerate(sizes[1:], start=1):
        if used + _GAP + size.least > width and len(parts[-1]) > 1:
            parts.append([0])
            used = sizes[0].least
        parts[-1].append(place)
        used += _GAP + size.least
    return parts


def _widths(sizes: Sequence[_Size]) -> list[float] | None:
    """Points of each column; None where all fit as they are."""
    room = TEXT_WIDTH - _GAP * (len(sizes) - 1)
    wanted = sum(size.natural - size.least for size in sizes)
    spare = room - sum(size.least for size in sizes)
    if wanted <= spare:
        return None
    share = max(0.0, spare) / wanted
    return [size.least + share * (size.natural - size.least) for size in sizes]


def _n_lines(part: _Part) -> int:
    """About how many lines it takes."""
    if part.widths is None:
        return len(part.rows) + 1
    most = [
        max(_width(cell) / width for cell, width in zip(row, part.widths, strict=True))
        for row in part.rows
    ]
    return 1 + sum(math.ceil(1.1 * width) for width in most)


def _tabular(part: _Part) -> str:
    head, *body = _rows(part)
    lines = [rf"\begin{{tabular}}{{{_form(part)}}}", *_head(head), *body]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _longtable(part: _Part, caption: str = "") -> str:
    """A table that goes on over pages, with its head on each."""
    head, *body = _rows(part)
    lines = [rf"\begin{{longtable}}{{{_form(part)}}}"]
    if caption:
        lines += [rf"{caption}\\", *_head(head), r"\endfirsthead"]
    lines += [*_head(head), r"\endhead", *body]
    return "\n".join([*lines, r"\bottomrule", r"\end{longtable}"])


def _head(titles: str) -> list[str]:
    return [r"\toprule", titles, r"\midrule"]


def _form(part: _Part) -> str:
    """What the columns are to LaTeX."""
    if part.widths is None:
        form = ["r" if column.is_number else "l" for column in part.columns]
    else:
        sides = ["left" if column.is_number else "right" for column in part.columns]
        form = [
            rf">{{\ragged{side}\arraybackslash}}p{{{width:.1f}pt}}"
            for side, width in zip(sides, part.widths, strict=True)
        ]
    return rf"@{{}}{''.join(form)}@{{}}"


def _rows(part: _Part) -> list[str]:
    cells = [map(_cell, row, part.columns) for row in part.rows]
    return [rf"{' & '.join(row)} \\" for row in cells]


def _cell(text: str, column: Column) -> str:
    words = (r"\allowbreak{}".join(map(latex, _pieces(word))) for word in text.split(" "))
    shown = " ".join(words)
    return rf"\textit{{{shown}}}" if column.is_faint and shown else shown


def _words(text: str) -> list[str]:
    """What of a text stays together in a line."""
    return [piece for word in re.split(r" |(?<=-)", text) for piece in _pieces(word)]


def _pieces(word: str) -> list[str]:
    """A word in pieces that are not too long."""
    n_pieces = math.ceil(len(word) / _LONGEST_WORD)
    ends = [len(word) * n // n_pieces for n in range(n_pieces + 1)] if n_pieces else [0, 0]
    return [word[start:end] for start, end in pairwise(ends)]


def _width(text: str) -> float:
    """Points that a text takes in ``footnotesize``, a little too many rather than too few."""
    return _SIZE * sum(map(_ems, text))


def _ems(character: str) -> float:
    if character in " iljfrst.,:;'|!()[]/·":
        return 0.42
    return 0.8 if character in "mw%×±−→" or character.isupper() else 0.55
