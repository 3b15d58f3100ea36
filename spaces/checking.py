"""What a configuration's field may be, said once, by its annotation.

A field is a truth value, a number, one of a ``Literal``'s values, a configuration, or one of these
and None; an ``Interval`` bounds its numbers: ``Annotated[int, Interval(ge=0, le=8)]``. pydantic
reads the same annotations where stored records are read and schemas written. Configurations are
checked here, as some are made whenever the command line starts, and pydantic's import would add a
third to that.
"""

import reprlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from annotated_types import Interval

from spaces.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import ConfigDict

T = TypeVar("T")

STRICT: "ConfigDict" = {"strict": True, "extra": "forbid", "allow_inf_nan": False}
"""What a dataclass tells pydantic as its ``__pydantic_config__``."""

Share = Annotated[float, Interval(ge=0, lt=1)]


def check(config: Any) -> None:
    """Refuse a dataclass with a field that is not what its annotation says.

    Raises:
        ConfigurationError: says the field, what it must be, and what it is.
    """
    for name, hint, holds in _rules(config.__class__):
        value = getattr(config, name)
        if not holds(value):
            raise ConfigurationError(f"{name} must be {_in_words(hint)}; got {value!r}")


def from_table(kind: Callable[..., T], table: Mapping[str, Any]) -> T:
    """A dataclass of a file's fields; absent ones take their defaults.

    Raises:
        ConfigurationError: a field is unknown or its value cannot be.
    """
    known = [name for name, *_ in _rules(kind)]
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise ConfigurationError(f"unknown field {unknown[0]!r}; there are {', '.join(known)}")
    return kind(**table)


def first_fault(error: Exception) -> str:
    """In one line what pydantic found wrong first: the field, what it must be, and what it is."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    fault = error.errors(include_url=False)[0]
    name, said = ".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, ")
    got = "" if fault["type"] == "missing" else f"; got {reprlib.repr(fault['input'])}"
    return f"{name or 'it'}: {said[0].lower()}{said[1:]}{got}"


@cache
def _rules(kind: Any) -> tuple[tuple[str, Any, Callable[[Any], bool]], ...]:
    """Each field's name, annotation, and test of its values."""
    return tuple((field.name, field.type, _test(field.type)) for field in fields(kind))


def _test(hint: Any) -> Callable[[Any], bool]:
    """Whether a value is of the kind and within the bounds; no truth value is a number."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        is_kind, bounds = _test(parts[0]), parts[1]
        return lambda v: is_kind(v) and _is_within(v, bounds)
    if origin is Literal:
        return lambda v: type(v) is type(parts[0]) and v in parts
    if origin in (Union, UnionType):
        tests = tuple(map(_test, parts))
        return lambda v: any(test(v) for test in tests)
    if hint not in (int, float):
        return lambda v: isinstance(v, hint)
    kinds = (int, hint)
    return lambda v: (
        isinstance(v, kinds) and not isinstance(v, bool) and abs(v) <= sys.float_info.max
    )


def _is_within(value: Any, bounds: Interval) -> bool:
    return (
        (bounds.gt is None or value > bounds.gt)
        and (bounds.ge is None or value >= bounds.ge)
        and (bounds.lt is None or value < bounds.lt)
        and (bounds.le is None or value <= bounds.le)
    )


def _in_words(hint: Any) -> str:
    """What a value must be, to follow ``must be``."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(map(str, parts))}"
    if origin in (Union, UnionType):
        return _in_words(parts[0])
    if origin is not Annotated:
        return "true or false" if hint is bool else f"of the kind {hint.__name__}"
    kind, bounds = parts
    if kind is int:
        most = "" if bounds.le is None else f" to {bounds.le:,}"
        return f"a whole number from {bounds.ge}{most}"
    if bounds.lt is None and bounds.le is None:
        return f"above {bounds.gt}" if bounds.ge is None else f"at least {bounds.ge}"
    low = f"[{bounds.ge}" if bounds.gt is None else f"({bounds.gt}"
    return f"in {low}, {bounds.lt})" if bounds.le is None else f"in {low}, {bounds.le}]"
