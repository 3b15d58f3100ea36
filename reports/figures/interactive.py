"""Figures that answer to the mouse: plotly's ``data`` and ``layout``, as plain JSON values.

Colours of text, axes and background are the page's, in light and in dark, and are put in there.
"""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

from reports.analysis.chosen_studies import Source
from reports.document.texts import Texts
from reports.figures.drawings import Labels
from reports.figures.figure_data import Curve, Finished, Front, Point, chosen
from reports.figures.image_drawings import CLASS_COLORS, component
from reports.figures.style import BLUE, GREY, ORANGE, RED
from reports.models.on_validation import LatentMap
from spaces.dimensions import LogRange, format_value
from spaces.safe_text import plotly
from studies.data.images import CLASS_NAMES
from studies.records import trials

Spec = dict[str, Any]

SCALE = [[0, RED], [0.5, GREY], [1, BLUE]]
"""From the worst to the best, seen on light and on dark."""

PLOTLY_MARKERS = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "triangle-down",
    "pentagon",
    "x",
    "star",
    "triangle-left",
    "triangle-right",
)


def history(finished: Finished, labels: Labels, texts: Texts) -> Spec:
    """As :func:`reports.figures.drawings.history`; a point says its configuration."""
    data = [
        _points(finished.complete, texts("states.complete"), BLUE, "circle"),
        _points(finished.pruned, texts("states.pruned"), GREY, "x"),
        _points(finished.paper, texts("states.paper"), ORANGE, "diamond"),
        {
            "x": [number for number, _ in finished.best_so_far],
            "y": [_short(100 * value) for _, value in finished.best_so_far],
            "name": texts("search.best_so_far"),
            "mode": "lines",
            "line": {"shape": "hv", "color": RED},
            "hoverinfo": "skip",
        },
    ]
    return {"data": data, "layout": _layout(labels.number, labels.value, finished.is_loss)}


def intermediate(
    complete: Sequence[Curve], pruned: Sequence[Curve], labels: Labels, texts: Texts
) -> Spec:
    """As :func:`reports.figures.drawings.intermediate`; a curve says its trial."""
    paper = [c for c in complete if c.is_paper]
    searched = [c for c in complete if not c.is_paper]
    groups = (
        (pruned, texts("states.pruned"), GREY),
        (searched, texts("states.complete"), BLUE),
        (paper, texts("states.paper"), ORANGE),
    )
    data = [_joined(group, name, color) for group, name, color in groups if group]
    if pruned:
        ends = {
            "x": [c.epochs[-1] for c in pruned],
            "y": [_short(100 * c.raw[-1]) for c in pruned],
            "mode": "markers",
            "marker": {"color": GREY, "symbol": "x", "size": 6},
            "hoverinfo": "skip",
            "showlegend": False,
        }
        data.append(ends)
    is_loss = any(c.is_loss for c in (*complete, *pruned))
    layout = _layout(labels.epoch, labels.value, is_loss)
    last = max((c.epochs[-1] for c in (*complete, *pruned)), default=1)
    layout["xaxis"]["dtick"] = max(1, last // 10)
    return {"data": data, "layout": layout}


def parallel(source: Source, labels: Labels) -> Spec | None:
    """Completed trials as lines across the dimensions that each of them has.

    Left out are trials outside the space, such as some of the paper's in a narrowed one. None where
    nothing varies.
    """
    space = source.settings.search_space()
    always = [d for d in space.dimensions if d.when is None]
    drawn = [t for t in source.completed() if all(chosen(t, d.name) is not None for d in always)]
    dimensions = []
    for dimension in always:
        known = [chosen(t, dimension.name) for t in drawn]
        if len(set(known)) < 2:
            continue
        title = dimension.name.replace("_", "-")
        if isinstance(dimension, LogRange):
            dimensions.append({"label": f"log10 {title}", "values": [math.log10(v) for v in known]})
            continue
        grid = [v for v in dimension.grid() if v in known]
        dimensions.append(
            {
                "label": title,
                "values": [grid.index(v) for v in known],
                "tickvals": list(range(len(grid))),
                "ticktext": [format_value(v) for v in grid],
            }
        )
    if not dimensions:
        return None
    values = [_short(100 * trials.value_of(t)) for t in drawn]
    reverse = source.settings.direction == "minimize"
    data = {
        "type": "parcoords",
        "dimensions": [*dimensions, {"label": labels.short, "values": values}],
        "line": {"color": values, "colorscale": SCALE, "reversescale": reverse},
        "labelangle": -12,
    }
    return {"data": [data], "layout": {"margin": {"l": 50, "r": 50, "t": 70, "b": 30}}}


def pareto(front: Front, labels: Labels, texts: Texts) -> Spec:
    """As :func:`reports.figures.drawings.pareto`, for one cost."""
    ordered = sorted(front.front, key=lambda p: p.cost)
    joined = {
        "x": [p.cost for p in ordered],
        "y": [_short(100 * p.value) for p in ordered],
        "mode": "lines",
        "line": {"shape": "hv", "color": BLUE, "width": 1},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    groups = (
        (front.others, texts("search.pareto.others"), GREY, "circle"),
        (front.front, texts("search.pareto.front"), BLUE, "circle"),
        (front.paper, texts("states.paper"), ORANGE, "diamond"),
    )
    data = [
        {
            "x": [p.cost for p in points],
            "y": [_short(100 * p.value) for p in points],
            "text": [plotly(p.label) for p in points],
            "name": name,
            **_markers(color, symbol),
        }
        for points, name, color, symbol in groups
        if points
    ]
    layout = _layout(texts(f"axes.{front.cost}"), labels.value, front.is_loss)
    layout["xaxis"]["type"] = "log"
    return {"data": [joined, *data], "layout": layout}


def latent_map(shown: LatentMap, texts: Texts) -> Spec:
    """As :func:`reports.figures.image_drawings.latent_map`; a class can be hidden by its name."""
    data = []
    for label, name in enumerate(CLASS_NAMES):
        own = shown.points[shown.labels == label]
        data.append(
            {
                "type": "scatter",
                "x": [_short(v) for v in own[:, 0].tolist()],
                "y": [_short(v) for v in own[:, 1].tolist()],
                "name": name,
                "mode": "markers",
                "hoverinfo": "name",
                "marker": {
                    "color": CLASS_COLORS[label],
                    "symbol": PLOTLY_MARKERS[label],
                    "size": 5,
                    "opacity": 0.7,
                },
            }
        )
    layout = _layout(component(texts, shown, 1), component(texts, shown, 2), is_log=False)
    return {"data": data, "layout": layout}


def _points(points: Sequence[Point], name: str, color: str, symbol: str) -> Spec:
    return {
        "x": [p.number for p in points],
        "y": [_short(100 * p.value) for p in points],
        "text": [plotly(p.label) for p in points],
        "name": name,
        **_markers(color, symbol),
    }


def _markers(color: str, symbol: str) -> Spec:
    return {
        "mode": "markers",
        "marker": {"color": color, "symbol": symbol, "size": 7},
        "hovertemplate": "%{text}<br>%{y:.3f} %<extra></extra>",
    }


def _joined(curves: Sequence[Curve], name: str, color: str) -> Spec:
    """Many curves as one line with gaps, which is far quicker to draw."""
    return {
        "x": list(chain.from_iterable([*c.epochs, None] for c in curves)),
        "y": list(chain.from_iterable([*map(_short, c.values(100)), None] for c in curves)),
        "text": list(chain.from_iterable([plotly(c.label)] * (len(c.epochs) + 1) for c in curves)),
        "name": name,
        "mode": "lines+markers",
        "line": {"color": color, "width": 1},
        "marker": {"size": 3},
        "hovertemplate": "%{text}<br>%{y:.3f} %<extra></extra>",
    }


def _layout(x_title: str, y_title: str, is_log: bool) -> Spec:
    return {
        "xaxis": {"title": {"text": x_title}},
        "yaxis": {"title": {"text": y_title}, "type": "log" if is_log else "linear"},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "margin": {"l": 60, "r": 10, "t": 10, "b": 50},
        "hovermode": "closest",
    }


def _short(value: float) -> float:
    """Five digits are more than a figure shows."""
    return float(f"{value:.5g}")
