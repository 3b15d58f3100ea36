"""Drawings of searches beside each other, a line for each."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

from reports.analysis.searches_compared import Comparison, Searched
from reports.document.numbers import UNIT
from reports.document.parts import Drawing
from reports.document.texts import Texts
from reports.figures import looks
from reports.figures.axes import ValueAxis
from reports.figures.style import log_across, numbers, panels, picture, study_label, value_upwards


def quality_by_time(name: str, found: Comparison, axis: ValueAxis, texts: Texts) -> Drawing:
    """The best value so far against the training that it took."""
    with panels(1, 3.2) as (figure, (ax,)):
        for search, style in _styled(found):
            minutes = [seconds / 60 for seconds, _ in search.steps]
            values = [axis.shown(value) for _, value in search.steps]
            # The best stays what it is to the search's end.
            ax.step([*minutes, search.seconds / 60], [*values, values[-1]], where="post", **style)
        ax.set_xlabel(texts("axes.minutes"))
        ax.set_xlim(left=0)
        ax.set_ylabel("\n".join(axis.lines), fontsize=8.5)
        numbers(ax.xaxis, texts)
        value_upwards(ax, axis, texts)
        figure.legend(loc="outside upper left", ncols=1)
        return picture(figure, name)


def share_reaching(name: str, found: Comparison, axis: ValueAxis, texts: Texts) -> Drawing:
    """The share of each search's trials that ended at least as good as the value below it."""
    with panels(1, 3.2) as (figure, (ax,)):
        for search, style in _styled(found):
            values = [axis.shown(value) for value in search.values]
            shares = [100 * (n + 1) / search.n_trials for n in range(len(values))]
            ax.step(values, shares, where="post", **style)
        ax.set_xlabel("\n".join(axis.lines), fontsize=8.5)
        ax.set_ylabel(texts("comparison.share_axis"))
        ax.set_ylim(bottom=0)
        numbers(ax.yaxis, texts, UNIT)
        if axis.is_loss:
            log_across(ax, texts)
        else:
            numbers(ax.xaxis, texts, axis.unit)
            ax.invert_xaxis()  # the better to the left, as with losses
        figure.legend(loc="outside upper left", ncols=1)
        return picture(figure, name)


def _styled(found: Comparison) -> Iterator[tuple[Searched, dict[str, Any]]]:
    """Searches that found anything, with their lines' look."""
    styles = cycle(looks.SERIES), cycle(looks.DASHES), cycle(looks.MARKERS)
    for search, color, dashes, marker in zip(found.searches, *styles, strict=False):
        if search.steps:
            look = {"color": color, "linestyle": dashes, "marker": marker, "markersize": 3.5}
            yield search, {**look, "label": study_label(search.study, 50)}
