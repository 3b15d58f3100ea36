"""A report's figures and tables at hand, and the report itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas

from fmnist_search import as_typed
from reports.analysis.chosen_studies import Sources
from reports.document.parts import Figure, Section
from reports.page.making import check_folder, write
from search.output import Output
from search.report_command import build_report
from studies.files import places


@dataclass(frozen=True, repr=False)
class Report:
    """A report on studies as they were at one moment."""

    document: Section
    sources: Sources
    language: Literal["en", "es"]

    @property
    def figures(self) -> dict[str, Figure]:
        """Its figures by name, in reading order; a notebook shows the one that a cell ends with.

        ``picture.png`` (bytes) and ``picture.svg`` (text) are the drawing, ``caption`` its words.
        """
        return {figure.name: figure for figure in self.document.figures()}

    @property
    def tables(self) -> dict[str, pandas.DataFrame]:
        """The values of its tables by name, in reading order; accuracies and shares are of 1."""
        return {table.name: table.frame for table in self.document.tables()}

    def write(self, out: str | Path = "report", overwrite: bool = False) -> Path:
        """Write the page, and beside it every table, figure and value.

        Args:
            out: the folder, made if need be.
            overwrite: whether a report that is there may be replaced.

        Returns:
            The page, which opens in any browser.

        Raises:
            StudyError: the folder is not empty, or cannot be written.
        """
        folder = places.expanded(out)
        check_folder(folder, overwrite)
        return write(self.document, self.sources, self.language, folder)[0]

    def __repr__(self) -> str:
        names = ", ".join(source.name for source in self.sources.searches)
        n_figures, n_tables = len(self.figures), len(self.tables)
        return f"<report on {names}: {n_figures} figures, {n_tables} tables>"


def report(
    *studies: str,
    language: Literal["en", "es"] = "en",
    storage: str | Path | None = None,
    artifacts: str | Path | None = None,
    data_dir: str | Path | None = None,
) -> Report:
    """The report on studies: the paper's tables and figures beside what was found.

    Takes some seconds; works while a search runs, too.

    Args:
        studies: their names; without any, of each stage the one with the largest budget.
        language: of its words.
        storage: an SQLite file, or a storage URL of Optuna's.
        artifacts: the folder or bucket of the trials' weights.
        data_dir: a folder with Fashion-MNIST's four files.

    Raises:
        StudyError: a study is not there or cannot be read.
    """
    given = {"storage": storage, "artifacts": artifacts, "data_dir": data_dir}
    places = as_typed.read("report", lang=language, **given).params
    where = {name: places[name] for name in given}
    document, sources = build_report(Output(quiet=True), list(studies), language, **where)
    return Report(document, sources, language)
