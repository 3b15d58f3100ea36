from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.records.readable import table_of, text_of

NAMES = st.from_regex(r"[a-z_][a-z0-9_-]*", fullmatch=True)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS | st.sampled_from(["null", "3.11", "NaN", "a; b: c", "0:0.5", "true", " x", "[", '"']),
    lambda inner: (
        st.lists(inner) | st.dictionaries(NAMES, inner) | st.dictionaries(st.text(), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, VALUES))
def test_what_was_written_is_read(table: dict[str, Any]) -> None:
    assert table_of(text_of(table)) == table


def test_a_person_can_read_it() -> None:
    table = {"stage": "autoencoder", "budget": {"epochs": 4}, "space": {"dropout": "0:0.5"}}
    assert text_of(table) == "stage: autoencoder; budget.epochs: 4; space.dropout: 0:0.5"


def test_tables_of_earlier_versions_are_taken_as_they_are() -> None:
    assert table_of({"stage": "autoencoder"}) == {"stage": "autoencoder"}


@pytest.mark.parametrize("text", ["stage", "a: 1; b", "a: 1; a.b: 2", "{}"])
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no name with its value"):
        table_of(text)
