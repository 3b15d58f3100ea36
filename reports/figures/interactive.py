"""Figures that answer to the mouse: plotly's ``data`` and ``layout``, as plain JSON values.

Colours of text, axes and background are the page's, in light and in dark, and are put in there.
"""

import math
from collections.abc import Sequence
from itertools import chain
from textwrap import wrap
from typing import Any

from reports.document.texts import Texts
from reports.figures import looks
from reports.figures.axes import ValueAxis, epoch_marks, log_axis, short
from reports.figures.figure_data import Coordinate, Curve, EpochCurves, Front, History, Point
from reports.figures.image_drawings import component
from reports.models.on_validation import LatentMap
from spaces.safe_text import plotly
from studies.data.images import CLASS_NAMES

Spec = dict[str, Any]

SCALE = [[0, looks.RED], [0.5, looks.GREY], [1, looks.BLUE]]
"""From the worst to the best, seen on light and on dark."""
WIDEST_WORDS = 32
"""Characters on a line of what a point says, which a telephone has room for."""


def history(finished: History, axis: ValueAxis, texts: Texts) -> Spec:
    """As :func:`reports.figures.drawings.history`; a point says its configuration."""
    data = [_points(points, look, axis, texts) for look, points in finished.groups() if points]
    name = texts("search.best_so_far")
    data.append({**_steps(finished.best_so_far, axis, {"color": looks.RED}), "name": name})
    return _figure(data, {"title": texts("axes.trial"), "nticks": 8}, axis, texts)


def epochs(found: EpochCurves, axis: ValueAxis, texts: Texts) -> Spec:
    """As :func:`reports.figures.drawings.epochs`; a curve says its trial."""
    groups = (
        (looks.EARLY, found.early),
        (looks.COMPLETE, [c for c in found.complete if not c.is_paper]),
        (looks.PAPER, [c for c in found.complete if c.is_paper]),
    )
    data = [_joined(group, look, axis, texts) for look, group in groups if group]
    if found.early:
        data.append(
            {
                "x": [c.epochs[-1] for c in found.early],
                "y": [axis.shown(c.values[-1]) for c in found.early],
                "mode": "markers",
                "marker": {"color": looks.GREY, "size": 6},
                "hoverinfo": "skip",
                "showlegend": False,
            }
        )
    last = max(found.n_ended, default=1)
    across = {"title": texts("axes.epoch"), "type": "log", "tickvals": epoch_marks(last)}
    spec = _figure(data, across, axis, texts)
    spec["layout"]["legend"]["y"] = 1.07  # above the numbers
    spec["layout"]["annotations"] = [
        {
            **{"x": math.log10(epoch), "y": 1, "yref": "paper", "yanchor": "bottom"},
            **{"text": f"<b>{n}</b>", "showarrow": False},
            "font": {"color": looks.GREY if epoch < last else looks.BLUE},
        }
        for epoch, n in found.few_ends().items()
    ]
    return spec


def parallel(axes: Sequence[Coordinate], less_is_better: bool, texts: Texts) -> Spec:
    """As :func:`reports.figures.drawings.parallel`, of the worst and the best in other colours."""
    dimensions: list[Spec] = []
    for axis in axes:
        ticks = axis.ticks and {"tickvals": [*range(len(axis.ticks))], "ticktext": axis.ticks}
        dimensions.append({"label": axis.label, "values": axis.values, **(ticks or {})})
    line = {"color": axes[-1].values, "colorscale": SCALE, "reversescale": less_is_better}
    data = {"type": "parcoords", "dimensions": dimensions, "line": line, "labelangle": -20}
    layout = {"margin": {"l": 60, "r": 70, "t": 80, "b": 30}, **_manners(texts)}
    return {"data": [data], "layout": layout}


def pareto(front: Front, axis: ValueAxis, texts: Texts) -> Spec:
    """As :func:`reports.figures.drawings.pareto`."""
    joined = {**_steps(front.front, axis, {"color": looks.BLUE, "width": 1.5}), "showlegend": False}
    data = [_points(points, look, axis, texts) for look, points in front.groups() if points]
    costs = [point.x for _, points in front.groups() for point in points]
    across = {"title": texts(f"axes.{front.cost}"), **log_axis(costs, room=2.0)}
    return _figure([joined, *data], across, axis, texts)


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
    across, upwards = ({"title": component(texts, shown, number)} for number in (1, 2))
    return {"data": data, "layout": _layout(across, upwards, texts)}


def _points(points: Sequence[Point], look: looks.Look, axis: ValueAxis, texts: Texts) -> Spec:
    return {
        "x": [p.x for p in points],
        "y": [axis.shown(p.value) for p in points],
        "text": [_on_lines(p.words) for p in points],
        "name": texts(look.text),
        "mode": "markers",
        "marker": {"color": look.color, "symbol": look.symbol, "size": 7},
        "hovertemplate": _said(axis),
    }


def _steps(points: Sequence[Point], axis: ValueAxis, line: Spec) -> Spec:
    return {
        "x": [p.x for p in points],
        "y": [axis.shown(p.value) for p in points],
        "mode": "lines",
        "line": {"shape": "hv", **line},
        "hoverinfo": "skip",
    }


def _joined(curves: Sequence[Curve], look: looks.Look, axis: ValueAxis, texts: Texts) -> Spec:
    """Many curves as one line with gaps, which is far quicker to draw."""
    y = chain.from_iterable([*map(axis.shown, c.values), None] for c in curves)
    return {
        "x": list(chain.from_iterable([*c.epochs, None] for c in curves)),
        "y": list(y),
        "text": list(chain.from_iterable([plotly(c.label)] * (len(c.epochs) + 1) for c in curves)),
        "name": texts(look.text),
        "mode": "lines+markers",
        "line": {"color": look.color, "width": 1},
        "marker": {"size": 3},
        "hovertemplate": _said(axis),
    }


def _on_lines(words: str) -> str:
    return "<br>".join(map(plotly, wrap(words, WIDEST_WORDS)))


def _said(axis: ValueAxis) -> str:
    """What stands beside the mouse: a loss with four decimals, an accuracy with two."""
    return f"%{{text}}<br>%{{y:.{4 if axis.is_loss else 2}f}}{axis.unit}<extra></extra>"


def _figure(data: list[Spec], across: Spec, axis: ValueAxis, texts: Texts) -> Spec:
    """Of an axis of trials, epochs or costs, and the study's metric upwards."""
    upwards: Spec = {"title": "<br>".join(axis.lines), "ticksuffix": axis.unit}
    if axis.is_loss:
        values = chain.from_iterable(trace["y"] for trace in data)
        upwards |= log_axis(v for v in values if v is not None)
    return {"data": data, "layout": _layout(across, upwards, texts)}


def _layout(across: Spec, upwards: Spec, texts: Texts) -> Spec:
    return {
        "xaxis": {**across, "title": {"text": across["title"]}},
        "yaxis": {**upwards, "title": {"text": upwards["title"], "standoff": 10}},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "margin": {"l": 60, "r": 36, "t": 10, "b": 50},
        "hovermode": "closest",
        "hoverlabel": {"align": "left"},
        **_manners(texts),
    }


def _manners(texts: Texts) -> Spec:
    return {"separators": texts.decimals(".") + " ", "modebar": looks.TOOLBAR}
