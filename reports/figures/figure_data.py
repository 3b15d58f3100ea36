"""What the figures of a search show, worked out from its trials. Nothing is drawn here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from reports.analysis.chosen_studies import Source
from spaces.dimensions import LogRange, format_value
from spaces.stages import Direction
from studies.records import trials

MAX_CURVES = 250
"""Curves beyond which a figure is only ink; of more, every so many are shown."""

COSTS = tuple(trials.COST_ATTRS.values())


@dataclass(frozen=True)
class Curve:
    """A trial by epoch."""

    label: str
    metrics: dict[str, list[float]]
    """Every epoch's, with ``epoch``."""
    epochs: list[int]
    raw: list[float]
    """The study's metric."""
    is_paper: bool
    is_loss: bool

    def values(self, scale: float) -> list[float]:
        """The study's metric times ``scale``."""
        return [scale * v for v in self.raw]


class Point(NamedTuple):
    """A trial's value."""

    number: int
    value: float
    label: str
    """The trial and its configuration in words."""


class Finished(NamedTuple):
    """All trials with a value."""

    complete: list[Point]
    pruned: list[Point]
    """At the last epoch they reached."""
    paper: list[Point]
    best_so_far: list[tuple[int, float]]
    """Trial number and value, of those trained to the end."""
    is_loss: bool


class Slice(NamedTuple):
    """Completed trials along one dimension."""

    name: str
    points: list[tuple[float, float]]
    """Position and value."""
    paper_points: list[tuple[float, float]]
    ticks: list[str] | None
    """Of a dimension with named values, at 0, 1, 2, …"""
    is_log: bool
    is_loss: bool


class Costed(NamedTuple):
    """A completed trial with one of its costs."""

    cost: float
    value: float
    label: str


class Front(NamedTuple):
    """Completed trials by one cost."""

    cost: str
    """The trial attribute that holds it."""
    front: list[Costed]
    """Those that none beats in both, the cheapest first."""
    others: list[Costed]
    paper: list[Costed]
    """The paper's, whether on the front or not."""
    is_loss: bool


class TimeSpent(NamedTuple):
    """Seconds of training in a study, and trials, by what became of them."""

    study: str
    paper_s: float
    complete_s: float
    pruned_s: float
    failed_s: float
    n_searched: int
    """Searched configurations that were trained; one promoted later is one."""
    n_paper: int
    n_complete: int
    n_pruned: int
    n_failed: int
    epochs_share: float | None
    """Epochs that searched trials were trained, of what all would have taken in full."""
    evaluation_share: float | None
    """Of the time of all epochs, what judging the validation images took."""


def curve(source: Source, trial: FrozenTrial) -> Curve:
    """A trial's metrics by epoch."""
    reported = sorted(trials.by_epoch(trial, source.settings.metric).items())
    usable = [(step, value) for step, value in reported if math.isfinite(value)]
    return Curve(
        label=str(trial.user_attrs.get(trials.PAPER) or trials.label(trial)),
        metrics=trial.user_attrs.get(trials.EPOCHS, {}),
        epochs=[step for step, _ in usable],
        raw=[value for _, value in usable],
        is_paper=trials.is_paper(trial),
        is_loss=is_loss(source),
    )


def curves(source: Source, state: TrialState) -> list[Curve]:
    """The curves of all trials in ``state``, or of every so many where there are too many."""
    metric = source.settings.metric
    own = [t for t in source.own() if t.state == state and trials.by_epoch(t, metric)]
    step = max(1, math.ceil(len(own) / MAX_CURVES))
    chosen = [t for i, t in enumerate(own) if i % step == 0 or trials.is_paper(t)]
    return [c for c in (curve(source, t) for t in chosen) if c.epochs]


def finished(source: Source) -> Finished:
    """Every trial that has a value, by what became of it."""
    valued = [t for t in source.own() if t.values and math.isfinite(trials.value_of(t))]
    complete = [t for t in valued if t.state == TrialState.COMPLETE]
    return Finished(
        complete=[_point(t) for t in complete if not trials.is_paper(t)],
        pruned=[_point(t) for t in valued if t.state == TrialState.PRUNED],
        paper=[_point(t) for t in complete if trials.is_paper(t)],
        best_so_far=_best_so_far(
            [t for t in complete if trials.is_feasible(t)], source.settings.direction
        ),
        is_loss=is_loss(source),
    )


def slices(source: Source) -> list[Slice]:
    """Completed trials along each dimension that they vary."""
    space = source.settings.search_space()
    found = []
    for dimension in space.dimensions:
        drawn = ((chosen(t, dimension.name), t) for t in source.completed())
        pairs = [(value, t) for value, t in drawn if value is not None]
        if len({value for value, _ in pairs}) < 2:
            continue
        ticks = None
        if not all(_is_real(value) for value, _ in pairs):
            grid = [format_value(v) for v in dimension.grid()]
            ticks = [v for v in grid if any(format_value(p) == v for p, _ in pairs)]
        elif len(dimension.grid()) <= 8 and not isinstance(dimension, LogRange):
            ticks = [format_value(v) for v in dimension.grid()]
        found.append(
            Slice(
                dimension.name,
                [
                    (_place(v, ticks), trials.value_of(t))
                    for v, t in pairs
                    if not trials.is_paper(t)
                ],
                [(_place(v, ticks), trials.value_of(t)) for v, t in pairs if trials.is_paper(t)],
                ticks,
                isinstance(dimension, LogRange),
                is_loss(source),
            )
        )
    return found


def chosen(trial: FrozenTrial, name: str) -> Any:
    """What a trial's configuration has in a dimension; None where that means nothing in it.

    Optuna's own parameters carry the rounding noise of steps.
    """
    if name not in trial.params:
        return None
    return trial.user_attrs.get(trials.CONFIG, trial.params)[name]


def fronts(source: Source, costs: Sequence[str] = COSTS) -> list[Front]:
    """Quality against each cost that the completed trials have."""
    found, direction = [], source.settings.direction
    for cost in costs:
        own = [t for t in trials.ranked(source.own(), direction) if t.user_attrs.get(cost)]
        if len(own) < 2:
            continue
        best = trials.front_against(own, direction, cost)
        numbers = {trial.number for trial in best}
        rest = [t for t in own if t.number not in numbers]
        found.append(
            Front(
                cost,
                sorted(_costed(t, cost) for t in best),
                [_costed(t, cost) for t in rest if not trials.is_paper(t)],
                [_costed(t, cost) for t in own if trials.is_paper(t)],
                is_loss(source),
            )
        )
    return found


def time_spent(source: Source) -> TimeSpent:
    """Where the study's time went.

    Results taken from other trials took none, nor did the epochs that a trial took over from
    another one's training.
    """
    trained = [t for t in source.own() if trials.TAKEN_FROM not in t.user_attrs]
    groups: dict[str, list[FrozenTrial]] = {"paper": [], "complete": [], "pruned": [], "failed": []}
    for trial in trained:
        if trial.state in _GROUPS:
            kind = _GROUPS[trial.state]
            groups["paper" if trials.is_paper(trial) and kind != "failed" else kind].append(trial)
    seconds = {name: sum(map(_seconds, group)) for name, group in groups.items()}
    searched = [t for t in groups["complete"] + groups["pruned"] if not trials.is_too_costly(t)]
    n_searched = sum(trials.PROMOTED not in t.user_attrs for t in searched)
    full = source.settings.budget.epochs * n_searched
    epochs = sum(len(_own(t, "seconds")) for t in searched)
    epochs_s, evaluation_s = (
        sum(sum(_own(t, column)) for t in trained) for column in ("seconds", "evaluation_seconds")
    )
    counts = {name: len(group) for name, group in groups.items()}
    return TimeSpent(
        study=source.name,
        paper_s=seconds["paper"],
        complete_s=seconds["complete"],
        pruned_s=seconds["pruned"],
        failed_s=seconds["failed"],
        n_searched=n_searched,
        n_paper=counts["paper"],
        n_complete=counts["complete"],
        n_pruned=counts["pruned"],
        n_failed=counts["failed"],
        epochs_share=epochs / full if full else None,
        evaluation_share=evaluation_s / epochs_s if epochs_s else None,
    )


def is_loss(source: Source) -> bool:
    """Whether the study's metric is a loss."""
    return source.settings.metric.endswith("loss")


_GROUPS = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _place(value: Any, ticks: list[str] | None) -> float:
    return float(value) if ticks is None else float(ticks.index(format_value(value)))


def _seconds(trial: FrozenTrial) -> float:
    """Training time; of a trial whose process died what its checkpoint knows of."""
    if trial.state == TrialState.FAIL and trials.SECONDS in trial.user_attrs:
        return float(trial.user_attrs[trials.SECONDS])
    return sum(_own(trial, "seconds"))


def _own(trial: FrozenTrial, column: str) -> list[float]:
    """A figure of each epoch that the trial was trained for itself."""
    values: list[float] = trial.user_attrs.get(trials.EPOCHS, {}).get(column, [])
    return values[trials.n_epochs_inherited(trial) :]


def _point(trial: FrozenTrial) -> Point:
    words = trial.user_attrs.get(trials.WORDS, "")
    return Point(trial.number, trials.value_of(trial), f"{trials.label(trial)}: {words}")


def _costed(trial: FrozenTrial, cost: str) -> Costed:
    point = _point(trial)
    return Costed(float(trial.user_attrs[cost]), point.value, point.label)


def _best_so_far(complete: Sequence[FrozenTrial], direction: Direction) -> list[tuple[int, float]]:
    line: list[tuple[int, float]] = []
    for trial in sorted(complete, key=lambda t: t.number):
        value = trials.value_of(trial)
        is_better = not line or trials.cost(value, direction) < trials.cost(line[-1][1], direction)
        line.append((trial.number, value if is_better else line[-1][1]))
    return line
