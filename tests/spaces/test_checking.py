from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Interval
from pydantic import TypeAdapter, ValidationError

from spaces.checking import check, first_fault, from_table
from spaces.errors import ConfigurationError


@dataclass(frozen=True)
class Part:
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Whole:
    share: Annotated[float, Interval(gt=0, le=1)] = 1
    size: Annotated[int, Interval(ge=1, le=9_000)] | None = None
    n: Annotated[int, Interval(ge=1)] = 1
    rate: Annotated[float, Interval(gt=0)] = 1
    decay: Annotated[float, Interval(ge=0)] = 0
    is_on: bool = False
    side: Literal[1, 3] = 1
    part: Part = Part()

    def __post_init__(self) -> None:
        check(self)


@pytest.mark.parametrize(
    ("field", "value", "must_be"),
    [
        ("share", 0, "in (0, 1]"),
        ("share", 1.5, "in (0, 1]"),
        ("share", True, "in (0, 1]"),
        ("share", float("nan"), "in (0, 1]"),
        ("size", 9_001, "a whole number from 1 to 9,000"),
        ("size", 1.0, "a whole number from 1 to 9,000"),
        ("n", 0, "a whole number from 1"),
        ("rate", 0, "above 0"),
        ("decay", -1, "at least 0"),
        ("is_on", 1, "true or false"),
        ("side", True, "one of 1, 3"),
        ("side", 3.0, "one of 1, 3"),
        ("part", "a", "of the kind Part"),
    ],
)
def test_what_an_annotation_does_not_allow_is_refused(field: str, value: Any, must_be: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        from_table(Whole, {field: value})
    assert str(refused.value) == f"{field} must be {must_be}; got {value!r}"


@pytest.mark.parametrize(("field", "value"), [("share", 1), ("size", None), ("part", Part("b"))])
def test_what_it_allows_is_kept_as_it_is(field: str, value: Any) -> None:
    kept = getattr(from_table(Whole, {field: value}), field)
    assert kept is value


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"size": 0}', "size: input should be greater than or equal to 1; got 0"),
        ('{"part": {"kind": "c"}}', "part.kind: input should be 'a' or 'b'; got 'c'"),
        ("[", "it: invalid JSON: EOF while parsing a list at line 1 column 1; got '['"),
    ],
)
def test_a_fault_is_one_line_with_place_and_value(text: str, fault: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(Whole).validate_json(text)
    assert first_fault(refused.value) == fault
