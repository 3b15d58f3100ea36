"""One style for all figures, and their way to PNG and SVG.

Figures are as wide as a column of a printed page, or a telephone's screen: panels stand below each
other.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reports.document.parts import Drawing
from reports.figures.looks import FAINT, INK
from reports.figures.matplotlib_alone import Axes, Figure, mpl, ticker

WIDTH = 4.8
"""Inches."""

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

    Args:
        figure: drawn within :func:`panels`.
        name: makes the SVG's inner names unlike those of the page's other figures.
    """
    png, svg = io.BytesIO(), io.StringIO()
    figure.savefig(png, format="png", dpi=200, facecolor="white")
    figure.set_layout_engine("none")  # the panels have their places
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(
            svg, format="svg", transparent=True, metadata={"Date": None, "Creator": "fmnist-search"}
        )
    return Drawing(png.getvalue(), svg.getvalue())


def whole_numbers(ax: Axes) -> None:
    """An axis of epochs or trials, of which there are no halves."""
    ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, nbins=8, min_n_ticks=1))


def log_across(ax: Axes) -> None:
    """A logarithmic axis from left to right that says 20k, or 0.001, and not 2·10⁴."""
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5), numticks=8))
    ax.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: _in_few_digits(value)))
    ax.xaxis.set_minor_locator(ticker.NullLocator())


def _in_few_digits(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if value >= 1e4 else f"{value:g}"


def log_percent(ax: Axes, sparse: bool = False) -> None:
    """A logarithmic axis that says 2 and not 2·10⁰."""
    low, high = ax.dataLim.intervaly
    if not 0 < low <= high < float("inf"):
        return
    low, high = float(low) / 1.08, float(high) * 1.08
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if high / low < 8 else (1, 2, 5)
    marks = [s * 10.0**e for e in range(-4, 5) for s in steps]
    inside = [m for m in marks if low <= m <= high]
    while len(inside) > (4 if sparse else 7):
        inside = inside[::2]
    if len(inside) < 2:
        inside = [low, high]
    ax.set_yticks(inside, [f"{m:.3g}" for m in inside])
    ax.set_yticks([], minor=True)
