"""The paper's Tables 3, 4 and 5 beside what was measured here, for a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.reproduction import Reproduced, ReproducedRow, reproduced
from search.console import percent
from search.result_tables import NATS_NOTE, SCALE_NOTE, plain_table
from studies.settings import load

if TYPE_CHECKING:
    from optuna import Study
    from rich.console import Console
    from rich.table import Table


def print_reproduction(console: "Console", studies: Sequence["Study"]) -> None:
    """Print one stage's tables: published, and the mean over the seeds with its deviation.

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
    seeds = f"mean ± standard deviation of {n_seeds} seeds" if n_seeds > 1 else "one seed"
    console.print(
        f"{note} Here: {settings.budget}; {seeds}; diff.: test, here less published, in points.",
        style="dim",
        markup=False,
    )


def in_one_line(studies: Sequence["Study"]) -> str:
    """The row of the stage that the paper calls its best, published and here."""
    settings = load(studies[0])
    name = settings.stage_record().best_of_paper.name
    row = next(row for row in reproduced(studies) if row.name == name)
    published, here = _cells(row.figures[settings.metric])
    metric = settings.metric.removeprefix("validation_")
    return f"paper:{name} {metric} {here}; published {published}"


def _table(title: str, rows: Sequence[ReproducedRow], metric: str) -> "Table":
    table = plain_table(title, "name", "train", "here", "test", "here", "diff.")
    for row in rows:
        train, test = (row.figures[f"{images}_{metric}"] for images in ("train", "validation"))
        table.add_row(row.name, *_cells(train), *_cells(test), _difference(test))
    return table


def _difference(figure: Reproduced) -> str:
    return "–" if figure.mean is None else f"{100 * (figure.mean - figure.published):+.2f}"


def _cells(figure: Reproduced) -> tuple[str, str]:
    spread = "" if figure.deviation is None else f" ± {100 * figure.deviation:.2f}"
    return percent(figure.published), percent(figure.mean) + spread
