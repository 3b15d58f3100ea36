"""Which of several models no other one beats in everything: the Pareto front."""

from collections.abc import Sequence

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
