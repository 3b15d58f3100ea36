import io

import pytest
from rich.console import Console

from reports.analysis.tables import FrontRow
from search.result_tables import print_pareto
from studies.records.settings import StudySettings

ROWS = [
    FrontRow(0, "#0 paper:fc-sgd", 0.92, 212_321, 11_300_000, 144.2, 9.0, ("params",), "words"),
    FrontRow(1, "#1", 0.9, 10_000, 300, 5.04, None, ("latency", "objectives"), "words"),
    FrontRow(2, "#2", 0.8, 10_000, 200, None, None, ("macs",), "words"),
]


def shown(width: int, settings: StudySettings) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    print_pareto(console, ROWS, settings)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_costs_on_their_front_have_a_star_at_every_width(width: int) -> None:
    lines = shown(width, StudySettings("classifier", metric="validation_accuracy"))
    assert max(map(len, lines)) <= width
    with_spread = width > 60
    first, second, third = (line.split() for line in lines if "#" in line)
    assert first[:7] == [
        "#0",
        "paper:fc-sgd",
        "92.00",
        "%",
        "212k*",
        "11.3M",
        "144–153" if width > 60 else "144",
    ]
    assert second[:6] == ["#1", "90.00", "%*", "10.0k", "300", "5.0–?*" if with_spread else "5.0*"]
    assert third[:6] == ["#2", "80.00", "%", "10.0k", "200*", "–"]
    assert any("words" in line for line in lines) == (width > 60)


def test_the_title_names_several_objectives() -> None:
    one = StudySettings("autoencoder")
    several = StudySettings("autoencoder", objectives=("params", "latency"))
    assert shown(100, one)[0].strip() == "Pareto front"
    assert shown(100, several)[0].strip() == (
        "Best trials: the Pareto front of loss, params, latency"
    )
