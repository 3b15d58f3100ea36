"""Figures of numbers: losses by epoch, and what a search did."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from reports.analysis.effects import Effect
from reports.analysis.importance import Importances
from reports.analysis.time_spent import TimeSpent
from reports.document.numbers import UNIT
from reports.document.parts import Drawing
from reports.document.texts import Texts
from reports.figures import looks
from reports.figures.axes import ValueAxis
from reports.figures.figure_data import (
    Coordinate,
    Curve,
    EpochCurves,
    Front,
    Groups,
    History,
    Point,
    Slice,
)
from reports.figures.matplotlib_alone import Axes, Line2D
from reports.figures.style import (
    epochs_across,
    log_across,
    numbers,
    panels,
    picture,
    study_label,
    value_upwards,
    whole_numbers,
)
from spaces.safe_text import drawn

PERCENT = 100.0


def learning_curves(
    name: str, curves: Sequence[Curve], axis_of: Mapping[str, ValueAxis], texts: Texts
) -> Drawing:
    """Metrics by epoch, a panel with its title for each, a line for each model."""
    with panels(len(axis_of), 0.6 + 2.3 * len(axis_of)) as (figure, axes):
        for ax, (metric, axis) in zip(axes, axis_of.items(), strict=True):
            styles = cycle(looks.SERIES), cycle(looks.DASHES), cycle(looks.MARKERS)
            for curve, color, dashes, marker in zip(curves, *styles, strict=False):
                values = [axis.shown(v) for v in curve.metrics.get(metric, [])]
                epochs = curve.metrics.get("epoch", range(1, len(values) + 1))
                style: dict[str, Any] = {"color": color, "linestyle": dashes, "marker": marker}
                style |= {"markevery": max(1, len(values) // 6), "label": drawn(curve.label)}
                ax.plot(epochs, values, **style)
            ax.set_title(axis.title, fontsize=8.5)
            whole_numbers(ax)
            value_upwards(ax, axis, texts)
        axes[-1].set_xlabel(texts("axes.epoch"))
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
        return picture(figure, name)


def history(name: str, finished: History, axis: ValueAxis, texts: Texts) -> Drawing:
    """Each trial's value in the order of trials, and the best so far."""
    with panels(1, 3.2) as (figure, (ax,)):
        _scatter(ax, finished.groups(), axis, texts, s=18, linewidths=0.9)
        if finished.best_so_far:
            label = texts("search.best_so_far")
            _step(ax, finished.best_so_far, axis, color=looks.RED, label=label)
        _titles(ax, texts("axes.trial"), axis, texts)
        whole_numbers(ax)
        figure.legend(loc="outside upper left", ncols=2)
        return picture(figure, name)


def epochs(name: str, found: EpochCurves, axis: ValueAxis, texts: Texts) -> Drawing:
    """Every trial's metric by epoch, in grey with a dot at its end if that came early.

    Above stands how many trials ended there, unless they ended all over the place.
    """
    with panels(1, 3.6) as (figure, (ax,)):
        for curve in found.early:
            values = [axis.shown(v) for v in curve.values]
            ax.plot(curve.epochs, values, color=looks.GREY, linewidth=0.7, alpha=0.6)
            ax.plot(curve.epochs[-1:], values[-1:], "o", color=looks.GREY, markersize=3)
        for curve in found.complete:
            color = (looks.PAPER if curve.is_paper else looks.COMPLETE).color
            ax.plot(curve.epochs, [axis.shown(v) for v in curve.values], color=color, linewidth=1.1)
        last = max(found.n_ended, default=1)
        epochs_across(ax, last)
        for epoch, n in found.few_ends().items():
            color = looks.GREY if epoch < last else looks.COMPLETE.color
            place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "ha": "center"}
            ax.annotate(str(n), (epoch, 1.01), color=color, fontsize=8, weight="bold", **place)
        _titles(ax, texts("axes.epoch"), axis, texts)
        handles = [
            Line2D([], [], color=look.color, marker=marker, label=texts(look.text))
            for look, marker in ((looks.COMPLETE, ""), (looks.EARLY, "o"), (looks.PAPER, ""))
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
        return picture(figure, name)


def importance(name: str, found: Importances, label: str, texts: Texts) -> Drawing:
    """A bar for each dimension with its interval; the label says what the shares are of."""
    rows = found.rows[::-1]
    with panels(1, 0.9 + 0.27 * len(rows)) as (figure, (ax,)):
        shares = [PERCENT * row.share for row in rows]
        below = [max(0.0, PERCENT * (row.share - row.low)) for row in rows]
        above = [max(0.0, PERCENT * (row.high - row.share)) for row in rows]
        ax.barh([row.name.replace("_", "-") for row in rows], shares, color=looks.BLUE, height=0.6)
        ax.errorbar(
            shares, range(len(rows)), xerr=[below, above], fmt="none", ecolor=looks.INK, capsize=2.5
        )
        ax.grid(axis="y", visible=False)
        numbers(ax.xaxis, texts, UNIT)
        ax.set(xlabel=label, xlim=(0, None))
        return picture(figure, name)


def slices(name: str, found: Sequence[Slice], axis: ValueAxis, texts: Texts) -> Drawing:
    """The value against each dimension, two panels a row."""
    n_rows = (len(found) + 1) // 2
    with panels(n_rows, 0.5 + 1.75 * n_rows, n_columns=2) as (figure, axes):
        for ax in axes[len(found) :]:
            ax.set_visible(False)
        figure.supylabel("\n".join(axis.lines), fontsize=8.5)
        for ax, part in zip(axes, found, strict=False):
            _scatter(ax, part.groups, axis, texts, s=10)
            ax.set_title(part.name, fontsize=8.5)
            if part.ticks is not None:
                turned = sum(map(len, part.ticks)) > 20
                ax.set_xticks(range(len(part.ticks)), part.ticks, rotation=45 if turned else 0)
                ax.set_xlim(-0.6, len(part.ticks) - 0.4)
            elif part.is_log:
                log_across(ax, texts, most=4)
            else:
                numbers(ax.xaxis, texts)
            value_upwards(ax, axis, texts, sparse=True)
            ax.tick_params(labelsize=7.5)
        handles = [
            Line2D([], [], color=look.color, marker=look.marker, ls="", label=texts(look.text))
            for look in (looks.COMPLETE, looks.PAPER)
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
        return picture(figure, name)


def pareto(name: str, front: Front, axis: ValueAxis, texts: Texts) -> Drawing:
    """Quality against a cost, the trials that nothing beats in both joined by a line."""
    with panels(1, 3.2) as (figure, (ax,)):
        _scatter(ax, front.groups(), axis, texts, s=18)
        _step(ax, front.front, axis, color=looks.BLUE, linewidth=1.0)
        log_across(ax, texts)
        _titles(ax, texts(f"axes.{front.cost}"), axis, texts)
        figure.legend(loc="outside upper left", ncols=2)
        return picture(figure, name)


def time_spent(name: str, spent: Sequence[TimeSpent], texts: Texts) -> Drawing:
    """Minutes of training by what became of the trials, a bar for each study."""
    with panels(1, 1.2 + 0.4 * len(spent)) as (figure, (ax,)):
        rows = range(len(spent))
        left = [0.0] * len(spent)
        for state, color, hatch in (
            ("paper", looks.ORANGE, ".."),
            ("complete", looks.BLUE, ""),
            ("pruned", looks.GREY, "//"),
            ("failed", looks.RED, "xx"),
            ("paused", looks.SKY, "oo"),
        ):
            minutes = [getattr(row, f"{state}_s") / 60 for row in spent]
            if not any(minutes):
                continue
            ax.barh(
                rows,
                minutes,
                left=left,
                color=color,
                hatch=hatch,
                edgecolor="white",
                height=0.55,
                label=texts(f"states.{state}"),
            )
            left = [a + b for a, b in zip(left, minutes, strict=True)]
        ax.set_yticks(rows, [study_label(row.study) for row in spent])
        ax.grid(axis="y", visible=False)
        numbers(ax.xaxis, texts)
        ax.set_xlabel(texts("axes.minutes"))
        figure.legend(loc="outside upper left", ncols=2)
        return picture(figure, name)


def effects(
    name: str, rows: Sequence[tuple[str, Effect, bool | None]], unit: str, texts: Texts
) -> Drawing:
    """Estimates with their intervals around a line of no effect.

    Args:
        name: the figure's.
        rows: label, effect, and whether the paper claims that it is above zero.
        unit: of the effects, in percent.
        texts: the report's.
    """
    with panels(1, 0.9 + 0.36 * len(rows)) as (figure, (ax,)):
        ax.axvline(0, color=looks.INK, linewidth=0.8)
        for y, (_, found, raises) in enumerate(reversed(rows)):
            value, low, high = (PERCENT * v for v in (found.value, found.low, found.high))
            decided = raises is not None and not low <= 0 <= high
            color = looks.GREY if not decided else looks.GREEN if (low > 0) == raises else looks.RED
            ax.errorbar(
                value, y, xerr=[[value - low], [high - value]], fmt="o", color=color, capsize=3
            )
        ax.set_yticks(range(len(rows)), [label for label, _, _ in reversed(rows)])
        ax.set_ylim(-0.6, len(rows) - 0.4)
        numbers(ax.xaxis, texts)
        ax.set_xlabel(unit)
        ax.grid(axis="y", color=looks.FAINT)
        return picture(figure, name)


def parallel(name: str, axes: Sequence[Coordinate], less_is_better: bool, texts: Texts) -> Drawing:
    """Trials as lines across all dimensions, fainter for worse, and blue for the best."""
    shades = [1 - v if less_is_better else v for v in _scaled(axes[-1].values)]
    with panels(1, 3.4) as (figure, (ax,)):
        scaled = [_scaled(axis.values) for axis in axes]
        for i in sorted(range(len(shades)), key=shades.__getitem__):
            color = looks.BLUE if shades[i] > 0.9 else looks.GREY
            opacity = 0.2 + 0.7 * shades[i] ** 2
            ax.plot([column[i] for column in scaled], color=color, linewidth=1, alpha=opacity)
        for x, axis in enumerate(axes):
            ends = (min(axis.values), max(axis.values))
            marks = axis.ticks or [texts.decimals(f"{v:.3g}") for v in ends]
            for text, y in zip(marks, _scaled(range(len(marks))), strict=True):
                ax.text(x + 0.04, y, text, fontsize=6.5, va="center")
        names = [axis.label for axis in axes]
        ax.set_xticks(range(len(axes)), names, rotation=30, ha="right")
        ax.tick_params(axis="x", labelsize=7)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.grid(axis="x", color=looks.FAINT)
        return picture(figure, name)


def _titles(ax: Axes, across: str, axis: ValueAxis, texts: Texts) -> None:
    ax.set_xlabel(across)
    ax.set_ylabel("\n".join(axis.lines), fontsize=8.5)
    value_upwards(ax, axis, texts)


def _scatter(ax: Axes, groups: Groups, axis: ValueAxis, texts: Texts, **style: Any) -> None:
    for look, points in groups:
        if points:
            x, y = [p.x for p in points], [axis.shown(p.value) for p in points]
            names: dict[str, Any] = {"label": texts(look.text), "marker": look.marker}
            ax.scatter(x, y, color=look.color, **names, **style)


def _step(ax: Axes, points: Sequence[Point], axis: ValueAxis, **style: Any) -> None:
    ax.step([p.x for p in points], [axis.shown(p.value) for p in points], where="post", **style)


def _scaled(values: Sequence[float]) -> list[float]:
    """From 0 to 1."""
    low, high = min(values), max(values)
    return [(v - low) / ((high - low) or 1) for v in values]
