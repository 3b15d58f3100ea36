"""One style for all figures, and their way to PNG and SVG.

Figures are as wide as a column of a printed page, or a telephone's screen: panels stand below each
other.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from textwrap import wrap
from typing import Any

from reports.document.parts import Drawing
from reports.document.texts import Texts
from reports.figures.axes import ValueAxis, epoch_marks
from reports.figures.looks import FAINT, INK
from reports.figures.matplotlib_alone import Axes, Axis, Figure, mpl, ticker
from spaces.safe_text import drawn, visible
from spaces.wording import UNITS

WIDTH = 4.8
"""Inches."""

_STEPS = ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))
"""Round numbers from one to ten, from many to few."""

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.linewidth": 0.8,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "path",
    "text.parse_math": False,  # a study may be named with dollar signs
    "figure.constrained_layout.use": True,
}


@contextmanager
def panels(n_rows: int, height: float, n_columns: int = 1) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure so many inches high, of panels in the report's style: their axes row by row."""
    with mpl.rc_context(_RC):
        figure = Figure(figsize=(WIDTH, height))
        yield figure, list(figure.subplots(n_rows, n_columns, squeeze=False).flat)


def picture(figure: Figure, name: str) -> Drawing:
    """The figure as PNG, on white at 200 dots an inch, and as SVG on nothing.

    A sign that the font lacks, as in a study's name, is drawn as a box, without a warning.

    Args:
        figure: drawn within :func:`panels`.
        name: makes the SVG's inner names unlike those of the page's other figures.
    """
    png, svg = io.BytesIO(), io.StringIO()
    with warnings.catch_warnings(), mpl.rc_context({"svg.hashsalt": name}):
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(png, format="png", dpi=200, facecolor="white")
        figure.set_layout_engine("none")  # the panels have their places
        figure.savefig(
            svg, format="svg", transparent=True, metadata={"Date": None, "Creator": "fmnist-search"}
        )
    return Drawing(png.getvalue(), svg.getvalue())


def study_label(name: str, width: int = 26) -> str:
    """A study's name in two lines at most; of a long one both ends, which tell it apart.

    Args:
        name: the study's.
        width: of a line, in characters; by default as beside bars, to which it leaves most of the
            figure.
    """
    shown = visible(name)
    if len(shown) > 2 * width:
        return f"{drawn(shown[: width - 1])}…\n{drawn(shown[-width:])}"
    return "\n".join(map(drawn, wrap(shown, width)[:2]))


def whole_numbers(ax: Axes) -> None:
    """An axis of trials, of which there are no halves."""
    ax.xaxis.set_major_locator(
        ticker.MaxNLocator(integer=True, nbins=8, min_n_ticks=1, steps=(1, 2, 5, 10))
    )


def epochs_across(ax: Axes, last: int) -> None:
    """A logarithmic axis of epochs, as most of a search happens in the first ones."""
    ax.set_xscale("log")
    marks = epoch_marks(last)
    ax.set_xticks(marks, [str(mark) for mark in marks])
    ax.set_xticks([], minor=True)


def numbers(axis: Axis, texts: Texts, unit: str = "") -> None:
    """An axis whose numbers have the language's decimal mark, and a unit after them."""
    axis.set_major_formatter(_Numbers(texts, unit))


def log_across(ax: Axes, texts: Texts, most: int = 6) -> None:
    """A logarithmic axis from left to right that says 20k, or 0.001, in so many places at most."""
    low, high = map(float, ax.dataLim.intervalx)
    if 0 < low <= high < float("inf"):
        ax.set_xscale("log")
        ax.set_xlim(low / 1.15, high * 1.15)
        _mark(ax.xaxis, _log_marks(low / 1.1, high * 1.1, most), texts)


def value_upwards(ax: Axes, shown: ValueAxis, texts: Texts, sparse: bool = False) -> None:
    """The study's metric from below to above: a loss by its logarithm, 0.02 and not 2·10⁻²."""
    if shown.is_loss:
        _log_upwards(ax, texts, sparse)
    else:
        numbers(ax.yaxis, texts, shown.unit)


def _log_upwards(ax: Axes, texts: Texts, sparse: bool) -> None:
    low, high = map(float, ax.dataLim.intervaly)
    if 0 < low <= high < float("inf"):
        low, high = low / 1.08, high * 1.08
        ax.set_yscale("log")
        ax.set_ylim(low, high)
        _mark(ax.yaxis, _log_marks(low, high, 4 if sparse else 7), texts)


def _log_marks(low: float, high: float, most: int) -> list[float]:
    """From three to so many round numbers between two positive ones."""
    for steps in _STEPS:
        marks = (step * 10.0**power for power in range(-9, 13) for step in steps)
        inside = [mark for mark in marks if low <= mark <= high]
        if 3 <= len(inside) <= most:
            return inside
    if high > 1e3 * low:  # powers of ten, of which there are too many
        return inside[:: -(-len(inside) // most)]
    even = ticker.MaxNLocator(nbins=most - 1, min_n_ticks=2).tick_values(low, high)
    return [float(mark) for mark in even if low <= mark <= high]


def _mark(axis: Axis, marks: Sequence[float], texts: Texts) -> None:
    axis.set_ticks(marks, [texts.decimals(_in_few_digits(mark)) for mark in marks])
    axis.set_ticks([], minor=True)


def _in_few_digits(value: float) -> str:
    for name, unit in UNITS:
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


class _Numbers(ticker.ScalarFormatter):
    def __init__(self, texts: Texts, unit: str) -> None:
        super().__init__(useOffset=False)
        self._texts, self._unit_after = texts, unit

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self._texts.decimals(super().__call__(x, pos)) + self._unit_after
