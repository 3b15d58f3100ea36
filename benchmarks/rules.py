"""The rules that are compared: who trains on and who rests, by name."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from benchmarks.resting_rules import Foresight, FreezeThaw, Pasha, Promotion
from benchmarks.simulation import Rule
from benchmarks.stopping_rules import Full, Halving, Hyperband, Median


class Named(NamedTuple):
    """A rule, and how its searches show resting trials to TPE."""

    make: Callable[[], Rule]
    views: tuple[str, ...] = ("pruned",)


def promotion(*factors: float, rungs: Sequence[int] = (), **options: Any) -> Callable[[], Rule]:
    """By promotion; the paper's trials take no part."""
    factor = factors if len(factors) > 1 else factors[0]
    return partial(Promotion, factor, rungs, paper="none", **options)


RULES: dict[str, Named] = {
    "full": Named(Full),
    "halving by 2": Named(partial(Halving, 2)),
    "halving by 3": Named(partial(Halving, 3)),
    "halving by 4": Named(partial(Halving, 4)),
    "Hyperband by 3": Named(partial(Hyperband, 3)),
    "median": Named(Median),
    "promotion 1, 2, 4, 8, 15 by 2": Named(promotion(2)),
    "promotion 1, 3, 10 by 3": Named(promotion(3)),
    "promotion 2, 8 by 4": Named(promotion(4)),
    "promotion 1, 8 by 4": Named(promotion(4, rungs=(1, 8))),
    "promotion 1, 4 by 4": Named(promotion(4, rungs=(1, 4)), ("pruned", "predicted")),
    "promotion 1, 4 by 3": Named(promotion(3, rungs=(1, 4))),
    "promotion 1, 4 by 5": Named(promotion(5, rungs=(1, 4))),
    "promotion 1, 3 by 4": Named(promotion(4, rungs=(1, 3))),
    "promotion 1, 2 by 4": Named(promotion(4, rungs=(1, 2))),
    "promotion 1, 4 by 4 and 3": Named(promotion(4, 3, rungs=(1, 4))),
    "promotion 1, 4 by 4, three at least": Named(promotion(4, rungs=(1, 4), n_last=3)),
    "promotion 1, 4 by 4, by kind": Named(
        promotion(4, rungs=(1, 4), by_kind=True), ("pruned", "predicted")
    ),
    "promotion 1, 4 by 4, by kind, three at least": Named(
        promotion(4, rungs=(1, 4), by_kind=True, n_last=3)
    ),
    "promotion 1, 4 by 4, by kind, three at least, 0 to spare": Named(
        promotion(4, rungs=(1, 4), by_kind=True, n_last=3, spare=0)
    ),
    "promotion 1, 4 by 4, by kind, three at least, 1 to spare": Named(
        promotion(4, rungs=(1, 4), by_kind=True, n_last=3, spare=1), ("pruned", "predicted", "rung")
    ),
    "promotion 1, 4 by 4, by kind, three at least, 2 to spare": Named(
        promotion(4, rungs=(1, 4), by_kind=True, n_last=3, spare=2)
    ),
    "promotion 1, 4 by 2.5 and 8, by kind, two at least, 1 to spare": Named(
        promotion(2.5, 8, rungs=(1, 4), by_kind=True, n_last=2, spare=1)
    ),
    "promotion 1, 4 by 3, by kind": Named(promotion(3, rungs=(1, 4), by_kind=True)),
    "promotion 1, 3 by 4, by kind": Named(promotion(4, rungs=(1, 3), by_kind=True)),
    "promotion 1, 3 by 4, rehearsed": Named(promotion(4, rungs=(1, 3), rehearses=True)),
    "promotion 1, 3 by 5, rehearsed": Named(promotion(5, rungs=(1, 3), rehearses=True)),
    "promotion 1, 3 by 4, rehearsed, by kind": Named(
        promotion(4, rungs=(1, 3), rehearses=True, by_kind=True), ("pruned", "predicted")
    ),
    "PASHA by 3": Named(partial(Pasha, 3)),
    "foresight": Named(Foresight),
    "freeze-thaw 1, 1.5": Named(partial(FreezeThaw, 1, 1.5), ("pruned", "predicted")),
    "freeze-thaw 2, 2": Named(partial(FreezeThaw, 2, 2), ("pruned", "predicted")),
}
"""By name."""
