"""Which of several models no other one beats in everything: the Pareto front."""

from collections.abc import Iterable, Sequence

from optuna.trial import FrozenTrial

from spaces.stages import Direction
from studies.records import trials
from studies.records.request import Cost

Numbers = Sequence[float]


def front(points: Sequence[Numbers], spreads: Sequence[Numbers] | None = None) -> list[int]:
    """Indices of the points that no other point of the front dominates, in their order.

    A point dominates another if it is nowhere larger and somewhere smaller: less is better. Of
    equal points all are on the front.

    Args:
        points: coordinates.
        spreads: of each coordinate how sure it is; two that differ by no more than the larger of
            their spreads are equal. None: all are exact.
    """
    spreads = spreads or [[0.0] * len(point) for point in points]
    inexact = [any(column) for column in zip(*spreads, strict=True)]
    # A point can only be dominated by one that comes before it in this order.
    exact_first = sorted(range(len(inexact)), key=inexact.__getitem__)
    chosen: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: [points[i][c] for c in exact_first]):
        point, spread = points[index], spreads[index]
        if not any(_dominates(points[o], spreads[o], point, spread) for o in chosen):
            chosen.append(index)
    return sorted(chosen)


def _dominates(one: Numbers, spread: Numbers, other: Numbers, others_spread: Numbers) -> bool:
    smaller = False
    for a, s, b, t in zip(one, spread, other, others_spread, strict=True):
        if abs(a - b) <= max(s, t):
            continue
        if a > b:
            return False
        smaller = True
    return smaller


def front_of_trials(
    all_trials: Iterable[FrozenTrial], direction: Direction, costs: Sequence[Cost]
) -> list[FrozenTrial]:
    """The feasible completed trials that none beats in all values, best first by the metric.

    Args:
        all_trials: of one study.
        direction: which way the metric is better.
        costs: what its values are after the first; latencies count as equal within their spread.
    """
    own = _own(all_trials, direction)
    points = [[trials.cost(trials.value_of(t), direction), *t.values[1:]] for t in own]
    spreads = [[0.0, *(_spread(t, trials.COST_ATTRS[name]) for name in costs)] for t in own]
    return [own[index] for index in front(points, spreads)]


def _own(all_trials: Iterable[FrozenTrial], direction: Direction) -> list[FrozenTrial]:
    return [t for t in trials.ranked(all_trials, direction) if trials.SAME_AS not in t.user_attrs]


def _spread(trial: FrozenTrial, attr: str) -> float:
    return (
        (trial.user_attrs.get(trials.LATENCY_SPREAD_MS) or 0.0)
        if attr == trials.LATENCY_MS
        else 0.0
    )


def front_against(
    all_trials: Iterable[FrozenTrial], direction: Direction, attr: str
) -> list[FrozenTrial]:
    """The feasible completed trials that none beats in both the metric and one cost, best first.

    Args:
        all_trials: of one study; without the cost, or with another's result, they do not count.
        direction: which way the metric is better.
        attr: the attribute that holds the cost.
    """
    known = [t for t in _own(all_trials, direction) if attr in t.user_attrs]
    points = [(trials.cost(trials.value_of(t), direction), t.user_attrs[attr]) for t in known]
    spreads = [(0.0, _spread(t, attr)) for t in known]
    return [known[index] for index in front(points, spreads)]
