"""Colours and markers, in print and under the mouse. Nothing is loaded to draw with.

The colours are Okabe and Ito's, which colour-blind people can tell apart; lines that would lie
close differ in dash and marker too.
"""

from typing import NamedTuple

INK = "#1b1d22"
"""Text and axes; a page in dark colours puts its own in its place."""
FAINT = "#d9dbe0"
"""Grids; likewise."""

BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PURPLE, SKY, GREY = "#cc79a7", "#56b4e9", "#7f8590"
SERIES = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
"""Of the ten classes, or of as many models."""
PLOTLY_MARKERS = (
    *("circle", "square", "triangle-up", "diamond", "triangle-down"),
    *("pentagon", "x", "star", "triangle-left", "triangle-right"),
)
"""Likewise, by plotly's names."""
CLASS_COLORS = (
    *(BLUE, ORANGE, GREEN, RED, PURPLE, SKY, GREY),
    *("#b5a400", "#a6611a", "#9467bd"),
)
"""Okabe and Ito's and three more; markers differ as well."""

TOOLBAR = {
    "orientation": "v",
    "bgcolor": "rgba(0, 0, 0, 0)",
    "color": GREY,
    "activecolor": BLUE,
    "remove": ["autoscale", "lasso", "select", "sendChartToCloud"],
}
"""Plotly's, in a figure's right margin, where it covers nothing; no tool sends a figure away."""


class Look(NamedTuple):
    """One kind of trials, alike in all figures."""

    text: str
    """Its name's key among the report's texts."""
    color: str
    marker: str
    symbol: str
    """The marker by plotly's name."""


COMPLETE = Look("states.complete", BLUE, "o", "circle")
PRUNED = Look("states.pruned", GREY, "x", "x")
EARLY = Look("search.epochs.early", GREY, "o", "circle")
PAPER = Look("states.paper", ORANGE, "D", "diamond")
OTHERS = Look("search.pareto.others", GREY, "o", "circle")
FRONT = Look("search.pareto.front", BLUE, "o", "circle")
