"""Figures that answer to the mouse: plotly's ``data`` and ``layout``, as plain JSON values.

Colours of text, axes and background are the page's, in light and in dark, and are put in there.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from reports.document.texts import Texts
from reports.figures import looks
from reports.figures.figure_data import Coordinate, Curve, Front, History, Point, ValueAxis, short
from reports.figures.image_drawings import component
from reports.models.on_validation import LatentMap
from spaces.safe_text import plotly
from studies.data.images import CLASS_NAMES

Spec = dict[str, Any]

SCALE = [[0, looks.RED], [0.5, looks.GREY], [1, looks.BLUE]]
"""From the worst to the best, seen on light and on dark."""


def history(finished: History, axis: ValueAxis, texts: Texts) -> Spec:
    """As :func:`reports.figures.drawings.history`; a point says its configuration."""
    data = [_points(points, look, texts) for look, points in finished.groups()]
    name = texts("search.best_so_far")
    data.append({**_steps(finished.best_so_far, {"color": looks.RED}), "name": name})
    return {"data": data, "layout": _layout(texts("axes.trial"), axis.title, axis.is_log)}


def intermediate(
    complete: Sequence[Curve], pruned: Sequence[Curve], axis: ValueAxis, texts: Texts
) -> Spec:
    """As :func:`reports.figures.drawings.intermediate`; a curve says its trial."""
    groups = (
        (looks.PRUNED, pruned),
        (looks.COMPLETE, [c for c in complete if not c.is_paper]),
        (looks.PAPER, [c for c in complete if c.is_paper]),
    )
    data = [_joined(group, texts(look.text), look.color) for look, group in groups if group]
    if pruned:
        ends = {
            "x": [c.epochs[-1] for c in pruned],
            "y": [short(c.percent[-1]) for c in pruned],
            "mode": "markers",
            "marker": {"color": looks.GREY, "symbol": "x", "size": 6},
            "hoverinfo": "skip",
            "showlegend": False,
        }
        data.append(ends)
    layout = _layout(texts("axes.epoch"), axis.title, axis.is_log)
    last = max((c.epochs[-1] for c in (*complete, *pruned)), default=1)
    layout["xaxis"]["dtick"] = max(1, last // 10)
    return {"data": data, "layout": layout}


def parallel(axes: Sequence[Coordinate], less_is_better: bool) -> Spec:
    """As :func:`reports.figures.drawings.parallel`, of the worst and the best in other colours."""
    dimensions: list[Spec] = []
    for axis in axes:
        ticks = axis.ticks and {"tickvals": [*range(len(axis.ticks))], "ticktext": axis.ticks}
        dimensions.append({"label": axis.label, "values": axis.values, **(ticks or {})})
    line = {"color": axes[-1].values, "colorscale": SCALE, "reversescale": less_is_better}
    data = {"type": "parcoords", "dimensions": dimensions, "line": line, "labelangle": -12}
    return {"data": [data], "layout": {"margin": {"l": 50, "r": 50, "t": 70, "b": 30}}}


def pareto(front: Front, axis: ValueAxis, texts: Texts) -> Spec:
    """As :func:`reports.figures.drawings.pareto`."""
    joined = {**_steps(front.front, {"color": looks.BLUE, "width": 1}), "showlegend": False}
    data = [_points(points, look, texts) for look, points in front.groups() if points]
    layout = _layout(texts(f"axes.{front.cost}"), axis.title, axis.is_log)
    layout["xaxis"]["type"] = "log"
    return {"data": [joined, *data], "layout": layout}


def latent_map(shown: LatentMap, texts: Texts) -> Spec:
    """As :func:`reports.figures.image_drawings.latent_map`; a class can be hidden by its name."""
    data = [
        {
            "type": "scatter",
            "x": [short(v) for v in x],
            "y": [short(v) for v in y],
            "name": name,
            "mode": "markers",
            "hoverinfo": "name",
            "marker": {"color": color, "symbol": symbol, "size": 5, "opacity": 0.7},
        }
        for (x, y), name, color, symbol in zip(
            shown.by_class(), CLASS_NAMES, looks.CLASS_COLORS, looks.PLOTLY_MARKERS, strict=True
        )
    ]
    layout = _layout(component(texts, shown, 1), component(texts, shown, 2), is_log=False)
    return {"data": data, "layout": layout}


def _points(points: Sequence[Point], look: looks.Look, texts: Texts) -> Spec:
    return {
        "x": [p.x for p in points],
        "y": [short(p.percent) for p in points],
        "text": [plotly(p.words) for p in points],
        "name": texts(look.text),
        "mode": "markers",
        "marker": {"color": look.color, "symbol": look.symbol, "size": 7},
        "hovertemplate": "%{text}<br>%{y:.3f} %<extra></extra>",
    }


def _steps(points: Sequence[Point], line: Spec) -> Spec:
    return {
        "x": [p.x for p in points],
        "y": [short(p.percent) for p in points],
        "mode": "lines",
        "line": {"shape": "hv", **line},
        "hoverinfo": "skip",
    }


def _joined(curves: Sequence[Curve], name: str, color: str) -> Spec:
    """Many curves as one line with gaps, which is far quicker to draw."""
    return {
        "x": list(chain.from_iterable([*c.epochs, None] for c in curves)),
        "y": list(chain.from_iterable([*map(short, c.percent), None] for c in curves)),
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
