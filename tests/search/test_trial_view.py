import math

import pytest

from search.trial_view import MOST_BARS, sparkline


@pytest.mark.parametrize(
    ("values", "is_log", "drawn"),
    [
        ([8.0, 4.0, 1.0], False, "█▄▁"),
        ([100.0, 10.0, 1.0], True, "█▅▁"),
        ([1.0, math.nan, 2.0], False, "▁ █"),
        ([3.0, 3.0], True, "▁▁"),
        ([0.0, 1.0], True, "▁█"),
        ([], True, ""),
    ],
)
def test_a_curve_is_a_row_of_bars(values: list[float], is_log: bool, drawn: str) -> None:
    assert sparkline(values, is_log) == drawn


def test_a_long_curve_keeps_its_ends_and_fits_a_line() -> None:
    drawn = sparkline([float(v) for v in range(1000, 0, -1)])
    assert len(drawn) <= MOST_BARS + 1
    assert (drawn[0], drawn[-1]) == ("█", "▁")
