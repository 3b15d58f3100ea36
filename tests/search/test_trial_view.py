import io
import math

import pytest
from rich.console import Console

from reports.analysis.one_trial import OneTrial
from search.trial_view import MOST_BARS, print_all, sparkline
from spaces.wording import MISSING


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


@pytest.mark.parametrize(("facts", "shown"), [({}, MISSING), ({"seconds": 61.0}, "1 min 01 s")])
def test_a_trial_whose_time_is_not_known_has_none(facts: dict[str, float], shown: str) -> None:
    trial = OneTrial(
        label="#3", state="failed", ending="", metric="validation_loss", values=[0.1],
        origin="found", words="16/32", configuration={}, dimensions=[],
        epochs={"epoch": [1.0]}, n_epochs=2, facts={"n_parameters": 9, **facts}, links={}, files=[],
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=200)
    print_all(console, [trial])
    assert isinstance(console.file, io.StringIO)
    (line,) = (line for line in console.file.getvalue().splitlines() if "#3" in line)
    assert line.split("9", 1)[1].split("16/32")[0].strip() == shown
