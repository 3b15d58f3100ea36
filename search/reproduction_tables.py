"""The paper's Tables 3, 4 and 5 beside what was measured here, for a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.analysis.reproduction import Reproduced, ReproducedRow, reproduced
from search.result_tables import NATS_NOTE, SCALE_NOTE, comparable, plain_table
from spaces.budget import PAPER_BUDGET
from spaces.wording import percent, points
from studies.records.settings import load

if TYPE_CHECKING:
    from optuna import Study
    from rich.console import Console
    from rich.table import Table

    from studies.records.settings import StudySettings


def print_reproduction(console: "Console", studies: Sequence["Study"]) -> None:
    """Print one stage's tables: published, and the mean over the seeds with its interval.

    Args:
        console: where to.
        studies: of one stage, one for each seed.
    """
    rows, settings = reproduced(studies), load(studies[0])
    if settings.stage == "classifier":
        console.print(_table("Table 4, accuracy: published, and here", rows, "accuracy"))
        console.print(_table("Table 5, loss: published, and here", rows, "loss"))
        note = NATS_NOTE
    else:
        console.print(_table("Table 3, loss: published, and here", rows, "loss"))
        note = SCALE_NOTE
    n_seeds = max(figure.n_seeds for row in rows for figure in row.figures.values())
    diff = "diff.: test, here less published, in points."
    here = f"{note} Here: {settings.budget}; {_seeds(n_seeds)}; {diff}"
    for line in (here, _meaning(settings, n_seeds)):
        console.print(line, style="dim", markup=False)


def in_one_line(studies: Sequence["Study"]) -> str:
    """The row of the stage that the paper calls its best, published and here."""
    settings = load(studies[0])
    best = settings.stage_record().best_of_paper
    row = next(row for row in reproduced(studies) if row.paper == best)
    figure = row.figures[settings.metric]
    published, here = _cells(figure)
    metric = settings.metric.removeprefix("validation_")
    return f"paper:{best.name} {metric} {here}; published {published}; {in_words(figure)}"


def in_words(figure: Reproduced) -> str:
    """The verdict, and why there is none: ``higher``, ``cannot say: one run each``."""
    return f"{figure.verdict}: {figure.why}" if figure.why else figure.verdict


def _seeds(n: int) -> str:
    return f"mean ± its 95 % interval, t over {n} seeds" if n > 1 else "one seed"


def _meaning(settings: "StudySettings", n_seeds: int) -> str:
    """What the verdicts on the test figures rest on."""
    if n_seeds < 2 or settings.budget != PAPER_BUDGET:
        return comparable(settings)
    return (
        "agrees, higher, lower: what is here, if the paper's one run spreads as the seeds here do "
        "(95 % interval of one more run); wide spread: too wide to show agreement."
    )


def _table(title: str, rows: Sequence[ReproducedRow], metric: str) -> "Table":
    headings = ("name", "train", "here", "test", "here", "diff.", "verdict on test")
    table = plain_table(title, *headings)
    for row in rows:
        train, test = (row.figures[f"{images}_{metric}"] for images in ("train", "validation"))
        difference = points(test.difference, sign="+")
        table.add_row(row.paper.name, *_cells(train), *_cells(test), difference, in_words(test))
    return table


def _cells(figure: Reproduced) -> tuple[str, str]:
    published, mean = percent(figure.published), percent(figure.mean)
    if figure.mean is None or figure.high is None:
        return published, mean
    return published, f"{mean} ± {points(figure.high - figure.mean)}"
