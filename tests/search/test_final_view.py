import io

import pytest
from rich.console import Console

from search.final_view import FinalView
from studies.engine.progress import Notice
from studies.final.protocol import FinalEvent, SeedDone, SeedStarted
from studies.final.results import SeedResult
from studies.training.metrics import EpochMetrics
from studies.workers.pool import EpochDone

EVENTS: tuple[FinalEvent, ...] = (
    SeedStarted(3, 4),
    EpochDone(3, EpochMetrics(1, 0.05, 0.04, 10.0, 1.0)),
    Notice("a word between"),
    SeedDone(SeedResult(3, 0.04, None, None, 0.05, None, 200.0, {}, "w")),
)
EPOCH = ("epoch 1/4", "training loss 0.0500", "≈ 30 s left")
LINE = "  ".join(("seed 3", *EPOCH))
DONE = "seed 3: loss 0.0400 after 3 min 20 s"


@pytest.mark.parametrize(("every_epoch", "lines"), [(False, []), (True, [LINE])])
def test_without_a_terminal_a_seed_has_a_line_at_its_end_or_each_epoch(
    every_epoch: bool, lines: list[str]
) -> None:
    assert shown(Console(file=io.StringIO(), width=80), every_epoch).splitlines() == [
        *lines,
        "a word between",
        DONE,
    ]


def test_on_a_terminal_a_seed_in_training_is_in_view_and_leaves_its_line_alone() -> None:
    text = shown(Console(file=io.StringIO(), width=100, force_terminal=True))
    assert " ".join(EPOCH) in text
    assert text.endswith("\x1b[2K\x1b[?25h\r"), "the bars are erased, the cursor is given back"


def shown(console: Console, every_epoch: bool = False) -> str:
    with FinalView(console, every_epoch) as view:
        for event in EVENTS:
            view(event)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
