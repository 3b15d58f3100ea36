"""How a report writes numbers: in one notation for each kind, with its language's separators."""

import re
from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

from spaces.wording import count, duration, loss, percent, points

Notation = Literal[
    "text", "moment", "loss", "percent", "points", "spread", "share", "change", "count", "number",
    "seconds",
]  # fmt: skip
"""How a column's values are written.

``loss`` writes 0.0492 as it is, with four decimals; ``percent`` 0.9105 as 91.05 %; ``points`` a
difference of percentages with its sign and ``spread`` one without; ``share`` 0.31 as 31 %;
``change`` a relative difference with its sign, −0.12 as −12 %; ``seconds`` 720 as 12 min 00 s;
``moment`` a time as people say it.
"""

UNIT = "\N{NO-BREAK SPACE}%"


class Separators(NamedTuple):
    """A language's marks within a number."""

    decimal: str = "."
    thousands: str = ","
    least_grouped: int = 4
    """Digits from which on thousands are set apart."""


def kind_of(metric: str) -> Notation:
    """How a metric is written, such as ``validation_loss``: losses as they are."""
    return "loss" if metric.endswith("loss") else "percent"


def number(value: float, kind: Notation, separators: Separators) -> str:
    """A number as text, with a real minus sign, and its unit on the same line."""
    written = _WRITTEN.get(kind, str)(value).replace("-", "−").replace(" %", UNIT)
    return _NUMBER.sub(partial(_separated, separators), written)


def _separated(separators: Separators, match: re.Match[str]) -> str:
    whole, point, decimals = match.group().partition(".")
    is_grouped = len(whole.replace(",", "")) >= separators.least_grouped
    whole = whole.replace(",", separators.thousands if is_grouped else "")
    return whole + (separators.decimal if point else "") + decimals


_NUMBER = re.compile(r"\d[\d,]*(\.\d+)?")

_WRITTEN: dict[Notation, Callable[[float], str]] = {
    "loss": partial(loss, digits=4),
    "percent": percent,
    "points": partial(points, sign="+"),
    "spread": points,
    "share": partial(percent, digits=0),
    "change": partial(percent, digits=0, sign="+"),
    "count": count,
    "number": "{:.4g}".format,
    "seconds": duration,
}
