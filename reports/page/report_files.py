"""A report's tables, figures and raw values as files."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas

from reports.analysis.chosen_studies import Source
from reports.analysis.tables import trials_frame
from reports.document.csv_text import csv_text
from reports.document.parts import Figure, Table
from reports.page.folder import ReportFolder
from reports.page.words import anchor
from spaces.safe_text import latex as safe_latex
from studies.records import trials


def write_table(table: Table, folder: ReportFolder) -> None:
    """The raw values as CSV, and the table as shown in LaTeX, for the package booktabs."""
    frame = table.frame
    # Columns that are not shown, such as how many trials an estimate has, are kept in the CSV.
    _write_csv(frame, folder.new(f"tables/{table.name}.csv"))
    folder.new(f"tables/{table.name}.tex").write_text(latex(table), encoding="utf-8")


def latex(table: Table) -> str:
    """The table as it is shown, with its caption."""
    shown = [list(map(safe_latex, row)) for row in table.shown()]
    numbers = "".join("r" if column.is_number else "l" for column in table.columns)
    return pandas.DataFrame(
        shown, columns=[safe_latex(column.title) for column in table.columns]
    ).to_latex(
        index=False,
        escape=False,
        column_format=numbers,
        caption=safe_latex(table.caption),
        label=f"tab:{table.name}",
        position="tbp",
    )


def write_figure(figure: Figure, folder: ReportFolder) -> None:
    """The drawing as PNG and SVG."""
    folder.new(f"figures/{figure.name}.png").write_bytes(figure.picture.png)
    folder.new(f"figures/{figure.name}.svg").write_text(figure.picture.svg, encoding="utf-8")


def write_values(sources: Sequence[Source], folder: ReportFolder) -> None:
    """Each study's trials, and their metrics epoch by epoch: CSV, and Parquet with pyarrow."""
    for source in sources:
        name = anchor(source.name)
        _write_frame(trials_frame(source.study), folder, f"values/{name}-trials")
        _write_frame(epochs_frame(source), folder, f"values/{name}-epochs")


def epochs_frame(source: Source) -> pandas.DataFrame:
    """A row for each trial and epoch, a column for each metric."""
    rows: list[dict[str, Any]] = []
    for trial in source.trials():
        columns = trial.user_attrs.get(trials.EPOCHS, {})
        for values in zip(*columns.values(), strict=True):
            rows.append({"trial": trial.number, **dict(zip(columns, values, strict=True))})
    return pandas.DataFrame(rows, columns=None if rows else ["trial", "epoch"])


def _write_frame(frame: pandas.DataFrame, folder: ReportFolder, name: str) -> None:
    _write_csv(frame, folder.new(f"{name}.csv"))
    if importlib.util.find_spec("pyarrow") is not None:
        frame.to_parquet(folder.new(f"{name}.parquet"), index=False)


def _write_csv(frame: pandas.DataFrame, path: Path) -> None:
    path.write_text(csv_text(frame), encoding="utf-8")
