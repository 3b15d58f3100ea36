"""What the figures of a search show, worked out from its trials. Nothing is drawn here."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from reports.figures.axes import ValueAxis
from reports.figures.looks import COMPLETE, FRONT, OTHERS, PAPER, PRUNED, Look
from spaces.dimensions import LogRange, format_value
from spaces.space import values_of
from spaces.stages import Direction
from studies.records import attributes, pareto, trials

if TYPE_CHECKING:
    from reports.analysis.chosen_studies import Source  # the dashboard is up sooner without

MAX_CURVES = 250
"""Curves beyond which a figure is only ink; of more, every so many are shown."""

MAX_RUNGS = 6
"""Epochs at which trials end, beyond which a figure does not count them one by one."""

COSTS = tuple(trials.COST_ATTRS.values())


@dataclass(frozen=True)
class Curve:
    """A trial by epoch."""

    label: str
    metrics: dict[str, list[float]]
    """Every epoch's, with ``epoch``."""
    epochs: list[int]
    values: list[float]
    """The study's metric."""
    is_paper: bool


class EpochCurves(NamedTuple):
    """A search's trials by epoch."""

    complete: list[Curve]
    early: list[Curve]
    """Of trials that rest, or were pruned."""
    n_ended: dict[int, int]
    """After how many epochs how many trials ended or rest, in order."""

    def few_ends(self) -> dict[int, int]:
        """The same where it is few numbers, far enough apart to be read; else none."""
        crowded = any(later < 1.2 * epoch for epoch, later in pairwise(self.n_ended))
        return {} if crowded or len(self.n_ended) > MAX_RUNGS else self.n_ended


class Point(NamedTuple):
    """A trial's value, by what it is shown against: its number, a cost, a place on an axis."""

    x: float
    value: float
    words: str = ""
    """The trial and its configuration."""
    label: str = ""
    """The trial alone."""


Groups = tuple[tuple[Look, list[Point]], ...]


class History(NamedTuple):
    """All trials with a value."""

    complete: list[Point]
    pruned: list[Point]
    """At the last epoch they reached."""
    paper: list[Point]
    best_so_far: list[Point]
    """Of those trained to the end, by number."""

    def groups(self) -> Groups:
        """The points by what became of the trials."""
        return (COMPLETE, self.complete), (PRUNED, self.pruned), (PAPER, self.paper)


class Slice(NamedTuple):
    """Completed trials along one dimension."""

    name: str
    groups: Groups
    """The points by who chose the trials."""
    ticks: list[str] | None
    """Of a dimension with named values, at 0, 1, 2, …"""
    is_log: bool


class Coordinate(NamedTuple):
    """One of the axes that a parallel plot's lines run across."""

    label: str
    values: list[float]
    """One of each trial."""
    ticks: list[str] | None = None
    """Of a dimension with named values, at 0, 1, 2, …"""


class Front(NamedTuple):
    """Completed trials by one cost."""

    cost: str
    """The trial attribute that holds it."""
    front: list[Point]
    """Those that none beats in both, the cheapest first."""
    others: list[Point]
    paper: list[Point]
    """The paper's, whether on the front or not."""

    def groups(self) -> Groups:
        """The points by where they lie."""
        return (OTHERS, self.others), (FRONT, self.front), (PAPER, self.paper)


def curve(source: "Source", trial: FrozenTrial, label: str = "") -> Curve:
    """A trial's metrics by epoch; without a label of its own it is known by its number."""
    reported = sorted(trials.by_epoch(trial, source.settings.metric).items())
    usable = [(step, value) for step, value in reported if math.isfinite(value)]
    return Curve(
        label=label or trials.label(trial),
        metrics=attributes.of(trial).get(trials.EPOCHS, {}),
        epochs=[step for step, _ in usable],
        values=[value for _, value in usable],
        is_paper=trials.is_paper(trial),
    )


def epoch_curves(source: "Source") -> EpochCurves:
    """The curves of all trials, or of every so many where there are too many."""
    complete, early = (
        [t for t in source.own() if t.state == state and trials.by_epoch(t, source.settings.metric)]
        for state in (TrialState.COMPLETE, TrialState.PRUNED)
    )
    last = Counter(max(trials.by_epoch(t, source.settings.metric)) for t in (*complete, *early))
    return EpochCurves(
        _some_curves(source, complete), _some_curves(source, early), dict(sorted(last.items()))
    )


def _some_curves(source: "Source", own: Sequence[FrozenTrial]) -> list[Curve]:
    step = max(1, math.ceil(len(own) / MAX_CURVES))
    chosen = [t for i, t in enumerate(own) if i % step == 0 or trials.is_paper(t)]
    return [c for c in (curve(source, t) for t in chosen) if c.epochs]


def history(source: "Source") -> History:
    """Every trial that has a value, by what became of it."""
    valued = [t for t in source.own() if t.values and math.isfinite(trials.value_of(t))]
    complete = [t for t in valued if t.state == TrialState.COMPLETE]
    return History(
        complete=[_point(t, t.number) for t in complete if not trials.is_paper(t)],
        pruned=[_point(t, t.number) for t in valued if t.state == TrialState.PRUNED],
        paper=[_point(t, t.number) for t in complete if trials.is_paper(t)],
        best_so_far=_best_so_far(
            [t for t in complete if trials.is_feasible(t)], source.settings.direction
        ),
    )


def slices(source: "Source") -> list[Slice]:
    """Completed trials along each dimension that they vary."""
    complete = [(chosen(trial), trial) for trial in source.completed()]
    found = []
    for dimension in source.space.dimensions:
        name = dimension.name
        pairs = [(values[name], t) for values, t in complete if name in values]
        if len({value for value, _ in pairs}) < 2:
            continue
        ticks = None
        if not all(_is_real(value) for value, _ in pairs):
            grid = [format_value(v) for v in dimension.grid()]
            ticks = [v for v in grid if any(format_value(p) == v for p, _ in pairs)]
        elif len(dimension.grid()) <= 8 and not isinstance(dimension, LogRange):
            ticks = [format_value(v) for v in dimension.grid()]
        points, paper = (
            [_point(t, _place(v, ticks)) for v, t in pairs if trials.is_paper(t) == is_paper]
            for is_paper in (False, True)
        )
        title, groups = name.replace("_", "-"), ((COMPLETE, points), (PAPER, paper))
        found.append(Slice(title, groups, ticks, isinstance(dimension, LogRange)))
    return found


def parallel(source: "Source", axis: ValueAxis) -> list[Coordinate]:
    """Completed trials across the dimensions that each of them has, and last by their values.

    Left out are trials outside the space, such as some of the paper's in a narrowed one. Empty
    where nothing varies.
    """
    always = [d for d in source.space.dimensions if d.when is None]
    complete = ((chosen(trial), trial) for trial in source.completed())
    shown = [(values, t) for values, t in complete if all(d.name in values for d in always)]
    axes = []
    for dimension in always:
        known = [values[dimension.name] for values, _ in shown]
        if len(set(known)) < 2:
            continue
        title = dimension.name.replace("_", "-")
        if isinstance(dimension, LogRange):
            axes.append(Coordinate(f"log10 {title}", [math.log10(v) for v in known]))
        else:
            grid = [v for v in dimension.grid() if v in known]
            ticks = [format_value(v) for v in grid]
            axes.append(Coordinate(title, [grid.index(v) for v in known], ticks))
    last = [axis.shown(trials.value_of(t)) for _, t in shown]
    return [*axes, Coordinate(axis.short, last)] if axes else []


def chosen(trial: FrozenTrial) -> dict[str, Any]:
    """What a trial's configuration has in each dimension that means something in it.

    Optuna's own parameters carry the rounding noise of steps.
    """
    values = values_of(attributes.of(trial).get(trials.CONFIG, trial.params))
    return {name: values[name] for name in trial.params if values[name] is not None}


def fronts(source: "Source") -> list[Front]:
    """Quality against each cost that the completed trials have."""
    direction, found = source.settings.direction, []
    ranked = trials.ranked(source.own(), direction)
    for cost in COSTS:
        known = [t for t in ranked if t.user_attrs.get(cost)]
        if len(known) > 1:
            found.append(front_of(known, direction, cost))
    return found


def front_of(ranked: Sequence[FrozenTrial], direction: Direction, cost: str) -> Front:
    """Quality against one cost, of completed trials that have it, the best first."""
    numbers = {trial.number for trial in pareto.front_against(ranked, direction, cost)}
    points = [(t, _point(t, t.user_attrs[cost])) for t in ranked]
    return Front(
        cost,
        sorted(p for t, p in points if t.number in numbers),
        [p for t, p in points if t.number not in numbers and not trials.is_paper(t)],
        [p for t, p in points if trials.is_paper(t)],
    )


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _place(value: Any, ticks: list[str] | None) -> float:
    return float(value) if ticks is None else float(ticks.index(format_value(value)))


def _point(trial: FrozenTrial, x: float) -> Point:
    label = trials.label(trial)
    words = f"{label}: {trial.user_attrs.get(trials.WORDS, '')}"
    return Point(x, trials.value_of(trial), words, label)


def _best_so_far(complete: Sequence[FrozenTrial], direction: Direction) -> list[Point]:
    own = sorted(complete, key=lambda t: t.number)
    best = accumulate(map(trials.value_of, own), min if direction == "minimize" else max)
    return [Point(trial.number, value) for trial, value in zip(own, best, strict=True)]
