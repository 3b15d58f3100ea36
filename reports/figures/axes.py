"""How the axes of figures are named and where their numbers stand, however they are drawn."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from reports.document.numbers import UNIT
from reports.document.texts import Texts
from spaces.stages import StageName


class ValueAxis(NamedTuple):
    """How all figures of a study show its metric."""

    title: str
    """With the arrow to where it is better, and what a loss is in brackets."""
    is_loss: bool
    """Losses are shown as they are, on a logarithmic axis; accuracies in percent."""

    @property
    def short(self) -> str:
        """The title without what a loss is."""
        return self.lines[0]

    @property
    def lines(self) -> list[str]:
        """The title, and on a line of its own what a loss is."""
        return self.title.replace(" (", "\n(", 1).splitlines()

    @property
    def unit(self) -> str:
        """What stands after each number."""
        return "" if self.is_loss else UNIT

    def shown(self, value: float) -> float:
        """A value as the axis has it."""
        return short(value if self.is_loss else 100 * value)


def value_axis(stage: StageName, metric: str, texts: Texts) -> ValueAxis:
    """The axis of a stage's metric, such as ``validation_loss``."""
    return ValueAxis(texts(f"metrics.{stage}.{metric}"), metric.endswith("loss"))


def epoch_marks(last: int) -> list[int]:
    """Where a logarithmic axis of epochs has its numbers: 1, 2, 4, 8, and the last one."""
    if last <= 4:
        return list(range(1, last + 1))
    return [*(2**power for power in range(20) if 1.2 * 2**power < last), last]


def log_axis(values: Iterable[float], room: float = 3.0) -> dict[str, Any]:
    """A logarithmic axis of plotly's: numbers at 1, 2 and 5, or where it is short at even steps.

    Args:
        values: that it shows.
        room: powers of ten up to which the numbers at 2 and 5 do not run into one another.
    """
    known = [value for value in values if value > 0]
    decades = 1.1 * math.log10(max(known) / min(known)) if known else 0.0
    # Plotly puts numbers at 1, 2 and 5 where it is asked for one in a third of a power or more,
    # and at powers alone where it is asked for one in each.
    n = 6 if decades < 1 else int(decades / 0.36) if decades <= room else math.ceil(decades)
    short_numbers = "~s" if max(known, default=0) >= 1000 else "~g"  # 20k, but no 50m
    return {"type": "log", "nticks": n, "tickformat": short_numbers}


def short(value: float) -> float:
    """In five digits, which are more than a figure shows."""
    return float(f"{value:.5g}")
