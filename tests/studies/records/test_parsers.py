import pytest

from spaces.errors import ConfigurationError
from studies.records.parsers import seconds, target, weights_kept


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90.0), ("90s", 90.0), ("15m", 900.0), ("2H", 7200.0), ("0.5h", 1800.0), ("1e3", 1e3)],
)
def test_times_are_read_with_their_units(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "m", "1d", "nan", "inf", "infs", "-1", "0", "1m30s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a time above 0"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "value"), [("0.0175", 0.0175), ("1.75%", 0.0175), ("91.5 %", 0.915), ("1e-2", 0.01)]
)
def test_a_target_is_read_in_either_notation(text: str, value: float) -> None:
    assert target(text) == value


@pytest.mark.parametrize("text", ["", "%", "low", "1.75%%", "inf", "nan%", "1%5"])
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"write it as 0\.0175, 1\.75% or 91\.5%"):
        target(text)


def test_weights_are_kept_of_all_none_or_a_number() -> None:
    assert [weights_kept(text) for text in ("all", "none", "0", "12")] == ["all", "none", 0, 12]
    for text in ("", "-1", "1.5", "All", "²"):
        with pytest.raises(ConfigurationError, match="neither all, none nor a number"):
            weights_kept(text)
