"""Figures of numbers: losses by epoch, and what a search did."""

from collections.abc import Sequence
from textwrap import fill
from typing import Any, NamedTuple

from reports.analysis.effects import Estimate
from reports.analysis.importance import Importances
from reports.document.parts import Picture
from reports.document.texts import Texts
from reports.figures.figure_data import Curve, Finished, Front, Slice, TimeSpent
from reports.figures.matplotlib_alone import Line2D
from reports.figures.style import (
    BLUE,
    DASHES,
    FAINT,
    GREEN,
    GREY,
    INK,
    MARKERS,
    ORANGE,
    RED,
    SERIES,
    log_across,
    log_percent,
    panels,
    picture,
    whole_numbers,
)
from spaces.safe_text import drawn

PERCENT = 100.0


class Labels(NamedTuple):
    """What the axes of a study's figures say."""

    value: str
    """The study's metric with its unit."""
    short: str = ""
    """The same in fewer words."""
    number: str = ""
    epoch: str = ""


def learning_curves(
    name: str, curves: Sequence[Curve], metrics: Sequence[tuple[str, str]], texts: Texts
) -> Picture:
    """Metrics by epoch, a panel each, a line for each model.

    Args:
        name: the figure's.
        curves: the models.
        metrics: an epoch's metric and the panel's title, for each panel.
        texts: the report's language.
    """
    with panels(len(metrics), 0.6 + 2.3 * len(metrics)) as (figure, axes):
        for ax, (metric, title) in zip(axes, metrics, strict=True):
            for i, curve in enumerate(curves):
                values = curve.metrics.get(metric, [])
                style: dict[str, Any] = {"color": SERIES[i % 6], "linestyle": DASHES[i % 6]}
                marker = MARKERS[i % len(MARKERS)]
                every = max(1, len(values) // 6)
                epochs = curve.metrics.get("epoch", range(1, len(values) + 1))
                ax.plot(
                    epochs,
                    [PERCENT * v for v in values],
                    marker=marker,
                    markevery=every,
                    label=drawn(curve.label),
                    **style,
                )
            ax.set_title(title)
            ax.set_ylabel("%")
            whole_numbers(ax)
            if metric.endswith("loss"):
                log_percent(ax)
        axes[-1].set_xlabel(texts("axes.epoch"))
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
        return picture(figure, name)


def history(name: str, finished: Finished, labels: Labels, texts: Texts) -> Picture:
    """Each trial's value in the order of trials, and the best so far."""
    with panels(1, 3.2) as (figure, (ax,)):
        for points, color, marker, label in (
            (finished.complete, BLUE, "o", texts("states.complete")),
            (finished.pruned, GREY, "x", texts("states.pruned")),
            (finished.paper, ORANGE, "D", texts("states.paper")),
        ):
            if points:
                x, y = [p.number for p in points], [PERCENT * p.value for p in points]
                ax.scatter(x, y, s=18, label=label, linewidths=0.9, color=color, marker=marker)
        if finished.best_so_far:
            numbers = [n for n, _ in finished.best_so_far]
            values = [PERCENT * v for _, v in finished.best_so_far]
            ax.step(numbers, values, where="post", color=RED, label=texts("search.best_so_far"))
        if finished.is_loss:
            log_percent(ax)
        ax.set(xlabel=labels.number, ylabel=labels.value)
        whole_numbers(ax)
        figure.legend(loc="outside upper left", ncols=2)
        return picture(figure, name)


def intermediate(
    name: str, complete: Sequence[Curve], pruned: Sequence[Curve], labels: Labels, texts: Texts
) -> Picture:
    """Every trial's metric by epoch; pruned ones end where they were cut."""
    with panels(1, 3.2) as (figure, (ax,)):
        for curve in pruned:
            ax.plot(curve.epochs, curve.values(PERCENT), color=GREY, linewidth=0.6, alpha=0.7)
            ax.plot(curve.epochs[-1:], curve.values(PERCENT)[-1:], "x", color=GREY, markersize=4)
        for curve in complete:
            color = ORANGE if curve.is_paper else BLUE
            ax.plot(curve.epochs, curve.values(PERCENT), color=color, linewidth=1.0, alpha=0.85)
        handles = [
            Line2D([], [], color=BLUE, label=texts("states.complete")),
            Line2D([], [], color=GREY, marker="x", label=texts("states.pruned")),
            Line2D([], [], color=ORANGE, label=texts("states.paper")),
        ]
        if labels.value and any(c.is_loss for c in (*complete, *pruned)):
            log_percent(ax)
        ax.set(xlabel=labels.epoch, ylabel=labels.value)
        whole_numbers(ax)
        figure.legend(handles=handles, loc="outside upper left", ncols=3)
        return picture(figure, name)


def importance(name: str, found: Importances, texts: Texts) -> Picture:
    """A bar for each dimension with its interval."""
    rows = found.rows[::-1]
    with panels(1, 0.9 + 0.27 * len(rows)) as (figure, (ax,)):
        shares = [PERCENT * row.share for row in rows]
        below = [max(0.0, PERCENT * (row.share - row.low)) for row in rows]
        above = [max(0.0, PERCENT * (row.high - row.share)) for row in rows]
        ax.barh([row.name.replace("_", "-") for row in rows], shares, color=BLUE, height=0.6)
        ax.errorbar(
            shares, range(len(rows)), xerr=[below, above], fmt="none", ecolor=INK, capsize=2.5
        )
        ax.grid(axis="y", visible=False)
        ax.set(xlabel=texts("axes.importance"), xlim=(0, None))
        return picture(figure, name)


def slices(name: str, found: Sequence[Slice], labels: Labels, texts: Texts) -> Picture:
    """The value against each dimension, two panels a row."""
    n_rows = (len(found) + 1) // 2
    with panels(n_rows, 0.5 + 1.75 * n_rows, n_columns=2) as (figure, axes):
        for ax in axes[len(found) :]:
            ax.set_visible(False)
        figure.supylabel(labels.value, fontsize=8.5)
        for ax, part in zip(axes, found, strict=False):
            for points, color, marker in (
                (part.points, BLUE, "o"),
                (part.paper_points, ORANGE, "D"),
            ):
                if points:
                    x, y = zip(*points, strict=True)
                    ax.scatter(x, [PERCENT * v for v in y], s=10, color=color, marker=marker)
            ax.set_title(part.name.replace("_", "-"), fontsize=8.5)
            if part.ticks is not None:
                turned = sum(map(len, part.ticks)) > 24
                ax.set_xticks(range(len(part.ticks)), part.ticks, rotation=45 if turned else 0)
                ax.set_xlim(-0.6, len(part.ticks) - 0.4)
            elif part.is_log:
                log_across(ax)
            if part.is_loss:
                log_percent(ax, sparse=True)
            ax.tick_params(labelsize=7.5)
        handles = [
            Line2D([], [], color=BLUE, marker="o", ls="", label=texts("states.complete")),
            Line2D([], [], color=ORANGE, marker="D", ls="", label=texts("states.paper")),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
        return picture(figure, name)


def pareto(name: str, fronts: Sequence[Front], labels: Labels, texts: Texts) -> Picture:
    """Quality against each cost, the trials that nothing beats in both joined by a line."""
    with panels(len(fronts), 0.5 + 2.5 * len(fronts)) as (figure, axes):
        for ax, front in zip(axes, fronts, strict=True):
            for points, color, marker, label in (
                (front.others, GREY, "o", texts("search.pareto.others")),
                (front.front, BLUE, "o", texts("search.pareto.front")),
                (front.paper, ORANGE, "D", texts("states.paper")),
            ):
                if points:
                    x, y = [p.cost for p in points], [PERCENT * p.value for p in points]
                    ax.scatter(x, y, s=18, label=label, color=color, marker=marker)
            line = sorted((p.cost, PERCENT * p.value) for p in front.front)
            ax.step(*zip(*line, strict=True), where="post", color=BLUE, linewidth=1.0)
            log_across(ax)
            ax.set(xlabel=texts(f"axes.{front.cost}"), ylabel=fill(labels.value, 30))
            if front.is_loss:
                log_percent(ax)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
        return picture(figure, name)


def time_spent(name: str, spent: Sequence[TimeSpent], texts: Texts) -> Picture:
    """Minutes of training by what became of the trials, a bar for each study."""
    with panels(1, 1.2 + 0.4 * len(spent)) as (figure, (ax,)):
        names = [drawn(row.study) for row in spent]
        left = [0.0] * len(spent)
        for state, color, hatch in (
            ("paper", ORANGE, ".."),
            ("complete", BLUE, ""),
            ("pruned", GREY, "//"),
            ("failed", RED, "xx"),
        ):
            minutes = [getattr(row, f"{state}_s") / 60 for row in spent]
            ax.barh(
                names,
                minutes,
                left=left,
                color=color,
                hatch=hatch,
                edgecolor="white",
                height=0.55,
                label=texts(f"states.{state}"),
            )
            left = [a + b for a, b in zip(left, minutes, strict=True)]
        ax.grid(axis="y", visible=False)
        ax.set_xlabel(texts("axes.minutes"))
        figure.legend(loc="outside upper left", ncols=2)
        return picture(figure, name)


def effects(name: str, rows: Sequence[tuple[str, Estimate, bool | None]], unit: str) -> Picture:
    """Estimates with their intervals around a line of no effect.

    Args:
        name: the figure's.
        rows: label, effect, and whether the paper claims that it is above zero.
        unit: of the effects, in percent.
    """
    with panels(1, 0.9 + 0.36 * len(rows)) as (figure, (ax,)):
        ax.axvline(0, color=INK, linewidth=0.8)
        for y, (_, found, raises) in enumerate(reversed(rows)):
            value, low, high = (PERCENT * v for v in (found.value, found.low, found.high))
            decided = raises is not None and not low <= 0 <= high
            color = GREY if not decided else GREEN if (low > 0) == raises else RED
            ax.errorbar(
                value, y, xerr=[[value - low], [high - value]], fmt="o", color=color, capsize=3
            )
        ax.set_yticks(range(len(rows)), [label for label, _, _ in reversed(rows)])
        ax.set_ylim(-0.6, len(rows) - 0.4)
        ax.set_xlabel(unit)
        ax.grid(axis="y", color=FAINT)
        return picture(figure, name)


def parallel(name: str, spec: dict[str, Any], less_is_better: bool) -> Picture:
    """Trials as lines across all dimensions, fainter for worse, and blue for the best.

    Args:
        name: the figure's.
        spec: as :func:`reports.figures.interactive.parallel` makes it.
        less_is_better: which trials are the best.
    """
    (data,) = spec["data"]
    dimensions, values = data["dimensions"], data["line"]["color"]
    low, high = min(values), max(values)
    turned = [(v - low) / ((high - low) or 1) for v in values]
    shades = [1 - t if less_is_better else t for t in turned]
    with panels(1, 3.4) as (figure, (ax,)):
        scaled = [_scaled(d["values"]) for d in dimensions]
        for i in sorted(range(len(values)), key=shades.__getitem__):
            color = BLUE if shades[i] > 0.9 else GREY
            opacity = 0.2 + 0.7 * shades[i] ** 2
            ax.plot([column[i] for column in scaled], color=color, linewidth=1, alpha=opacity)
        for x, dimension in enumerate(dimensions):
            marks = dimension.get("ticktext") or [f"{v:.3g}" for v in _ends(dimension["values"])]
            places = _scaled(dimension.get("tickvals") or _ends(dimension["values"]))
            for text, y in zip(marks, places, strict=True):
                ax.text(x + 0.04, y, text, fontsize=6.5, va="center")
        ax.set_xticks(
            range(len(dimensions)), [d["label"] for d in dimensions], rotation=30, ha="right"
        )
        ax.tick_params(axis="x", labelsize=7)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.grid(axis="x", color=FAINT)
        return picture(figure, name)


def _ends(values: Sequence[float]) -> list[float]:
    return [min(values), max(values)]


def _scaled(values: Sequence[float]) -> list[float]:
    """From 0 to 1."""
    low, high = _ends(values)
    return [(v - low) / ((high - low) or 1) for v in values]
