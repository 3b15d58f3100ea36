"""Dimensions of a search space: one definition serves suggestion, option, help, file and report."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, cast

from spaces.errors import ConfigurationError

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

Value = bool | int | float | str
"""What one dimension of a configuration can be."""


class When(NamedTuple):
    """The condition under which a dimension means anything: another field's value."""

    name: str
    """The other field; its dimension comes earlier in the space."""
    values: tuple[Value, ...]

    def __str__(self) -> str:
        """The condition in words: ``optimizer is sgd``."""
        return f"{self.name.replace('_', '-')} is {' or '.join(map(format_value, self.values))}"


@dataclass(frozen=True)
class Choices:
    """A dimension with a few named values and no order between them."""

    name: str
    """The configuration's field; the option's name, with dashes."""
    help: str
    values: tuple[Value, ...]
    when: When | None = None
    metavar: ClassVar[str] = "A,B,…"

    def __post_init__(self) -> None:
        """Refuse a dimension that offers nothing."""
        if not self.values:
            raise ConfigurationError(f"{self.name} needs at least one value")

    def __str__(self) -> str:
        """The values as the command line takes them: ``16,32,64``."""
        return ",".join(map(format_value, self.values))

    def __contains__(self, value: object) -> bool:
        """Whether a trial of this space can have ``value``; True is not 1 here."""
        return any(
            value == own and isinstance(value, bool) == isinstance(own, bool) for own in self.values
        )

    def suggest(self, trial: "BaseTrial") -> Value:
        """Let Optuna choose one of the values."""
        return cast(Value, trial.suggest_categorical(self.name, self.values))

    def grid(self) -> tuple[Value, ...]:
        """Every value there is."""
        return self.values

    def narrowed(self, text: str) -> "Choices":
        """Only the values that ``text`` names: ``64,96``, or ``16:64`` for all from 16 to 64.

        They keep their order here, so that ``96,64`` is the same space as ``64,96``.

        Raises:
            ConfigurationError: ``text`` names a value that is not among the allowed ones.
        """
        tokens = _tokens(self.name, text)
        for token in tokens:
            if not any(_matches(value, token) for value in self.values):
                names = ", ".join(map(format_value, self.values))
                raise ConfigurationError(f"{self.name} cannot be {token!r}; choose from {names}")
        chosen = (value for value in self.values if any(_matches(value, t) for t in tokens))
        return replace(self, values=tuple(chosen))


@dataclass(frozen=True)
class _Range(ABC):
    """A dimension of real numbers from ``low`` to ``high``, both included."""

    name: str
    """The configuration's field; the option's name, with dashes."""
    help: str
    low: float
    high: float
    when: When | None = field(default=None, kw_only=True)
    metavar: ClassVar[str] = "LOW:HIGH"

    def __str__(self) -> str:
        """The range as the command line takes it: ``0:0.5``."""
        return f"{format_value(self.low)}:{format_value(self.high)}"

    def __contains__(self, value: object) -> bool:
        """Whether a trial of this space can have ``value``."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high and self._is_marked(value)

    def narrowed(self, text: str) -> Self | Choices:
        """The part that ``text`` names: ``0:0.2``, or single values ``0.1`` and ``0,0.25``.

        Raises:
            ConfigurationError: ``text`` is not a number or a range, or names a value that is not
                one of this range's.
        """
        tokens = _tokens(self.name, text)
        low, colon, high = tokens[0].partition(":")
        if len(tokens) == 1 and colon:
            ends = self._value(low), self._value(high)
            if ends[0] != ends[1]:
                return replace(self, low=ends[0], high=ends[1])
            tokens = [low]
        values = tuple(sorted({self._value(token) for token in tokens}))
        return Choices(self.name, self.help, values, self.when)

    def _value(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan  # which no range holds
        if value not in self:
            raise ConfigurationError(
                f"{self.name} cannot be {text!r}; give a number, or a range low:high, "
                f"{self._extent()}"
            )
        return self._rounded(value)

    @abstractmethod
    def _is_marked(self, value: float) -> bool:
        """Whether a value between the ends is one of the range's."""

    @abstractmethod
    def _rounded(self, value: float) -> float:
        """One of the range's values without the noise of arithmetic."""

    @abstractmethod
    def _extent(self) -> str:
        """Where values may lie, for a person who gave another."""


@dataclass(frozen=True)
class FloatRange(_Range):
    """A dimension of real numbers from ``low`` to ``high``, both included, in steps."""

    step: float
    """Distance between neighbouring values: finer differences drown in a trial's noise, and only
    on a grid can a configuration come up twice and be recognised."""

    def __post_init__(self) -> None:
        """Refuse a range whose ends are the wrong way round or off the grid."""
        if not self.low < self.high:
            raise ConfigurationError(f"{self.name} runs from low to high; got {self}")
        if not self._is_marked(self.high):
            raise ConfigurationError(
                f"{self.name} goes in steps of {self.step:g} from {self.low:g}; "
                f"{self.high:g} is not one of them"
            )

    def suggest(self, trial: "BaseTrial") -> Value:
        """Let Optuna choose a value, cleared of the rounding noise of its steps."""
        return _clean(trial.suggest_float(self.name, self.low, self.high, step=self.step))

    def grid(self) -> tuple[Value, ...]:
        """Every value there is, from low to high."""
        n_steps = round((self.high - self.low) / self.step)
        return tuple(_clean(self.low + i * self.step) for i in range(n_steps + 1))

    def _is_marked(self, value: float) -> bool:
        steps = (value - self.low) / self.step
        return abs(steps - round(steps)) < 1e-6

    def _rounded(self, value: float) -> float:
        return _clean(self.low + round((value - self.low) / self.step) * self.step)

    def _extent(self) -> str:
        return f"within {self} in steps of {format_value(self.step)}"


@dataclass(frozen=True)
class LogRange(_Range):
    """A dimension of positive numbers from ``low`` to ``high``, equally likely in every decade.

    Values have two significant digits: finer differences drown in a trial's noise.
    """

    def __post_init__(self) -> None:
        """Refuse a range that has no logarithm or whose ends are the wrong way round."""
        if not 0 < self.low < self.high < float("inf"):
            raise ConfigurationError(f"{self.name} runs from low above 0 to high; got {self}")

    def suggest(self, trial: "BaseTrial") -> Value:
        """Let Optuna choose a value, rounded to two digits."""
        value = trial.suggest_float(self.name, self.low, self.high, log=True)
        return min(max(_two_digits(value), self.low), self.high)

    def grid(self) -> tuple[Value, ...]:
        """1, 2 and 5 of every decade within the range, and its ends."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        marks = (_two_digits(digit * 10.0**decade) for decade in decades for digit in (1, 2, 5))
        inside = {mark for mark in marks if self.low < mark < self.high}
        return tuple(sorted(inside | {self.low, self.high}))

    def _is_marked(self, value: float) -> bool:  # noqa: ARG002
        return True

    def _rounded(self, value: float) -> float:
        return value

    def _extent(self) -> str:
        return f"within {self}"


Dimension = Choices | FloatRange | LogRange


def is_active(dimension: Dimension, values: Mapping[str, Any]) -> bool:
    """Whether the dimension means anything beside the values of the others, by their names."""
    return dimension.when is None or values[dimension.when.name] in dimension.when.values


def format_value(value: Value) -> str:
    """A value as the command line and the tables write it: ``true``, ``0.05``, ``64``, ``max``."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def as_text(value: object) -> str:
    """What a file says, ``true``, ``0.1`` or ``["adam", "sgd"]``, as an option takes it.

    Raises:
        ConfigurationError: it is neither text, number nor truth value, nor a list of these.
    """
    if isinstance(value, list):
        if any(isinstance(part, list) for part in value):
            raise ConfigurationError(f"a list must contain single values; got {value!r}")
        return ",".join(map(as_text, value))
    if isinstance(value, bool | int | float | str):
        return format_value(value)
    raise ConfigurationError(f"must be text, a number, true or false, or a list; got {value!r}")


def _tokens(name: str, text: str) -> list[str]:
    tokens = [token.strip() for token in text.split(",")]
    if not all(tokens):
        raise ConfigurationError(f"{name} needs values between its commas; got {text!r}")
    return tokens


def _matches(value: Value, token: str) -> bool:
    if isinstance(value, bool | str):
        return token.lower() == format_value(value)
    low, colon, high = token.partition(":")
    try:
        return float(low) <= value <= float(high if colon else low)
    except ValueError:
        return False


def _clean(value: float) -> float:
    return round(value, 10)


def _two_digits(value: float) -> float:
    return float(f"{value:.1e}")
