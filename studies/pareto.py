"""Which of several models no other one beats in everything: the Pareto front."""

from collections.abc import Sequence


def front(points: Sequence[Sequence[float]]) -> list[int]:
    """Indices of the points that no other point dominates, in their order.

    A point dominates another if it is nowhere larger and somewhere smaller: less is better. Of
    equal points all are on the front.
    """
    chosen: list[int] = []
    # A point can only be dominated by one that comes before it in this order.
    for index in sorted(range(len(points)), key=lambda i: tuple(points[i])):
        if not any(_dominates(points[other], points[index]) for other in chosen):
            chosen.append(index)
    return sorted(chosen)


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return tuple(one) != tuple(other) and all(a <= b for a, b in zip(one, other, strict=True))
