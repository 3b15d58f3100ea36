"""A report from studies to files, put together in its order."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pandas

from reports.analysis.chosen_studies import Source, Sources
from reports.analysis.values import csv_text, epochs_frame, trials_frame
from reports.document.parts import Figure, Section, Table
from reports.document.texts import Language, Texts
from reports.page import repeating
from reports.page.first_screen import first_screen
from reports.page.folder import PAGES, ReportFolder, in_the_way
from reports.page.html import html
from reports.page.latex import latex_table
from reports.page.markdown import markdown
from reports.page.section_comparison import comparison_section
from reports.page.section_findings import findings_section
from reports.page.section_origin import origin_section
from reports.page.section_paper import autoencoder_section, classifier_section, tables_section
from reports.page.section_search import search_section
from reports.page.words import anchor
from spaces.errors import StudyError


def build(
    sources: Sources,
    language: Language,
    storage: str | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Section:
    """All that the report says.

    Args:
        sources: what it reads.
        language: of its prose and captions.
        storage: ``--storage`` as commands must repeat it; None for the default.
        on_step: told what comes next.
    """
    texts = Texts(language)
    on_step("the answer")
    document = Section("report", texts("page.title"), first_screen(sources, storage, texts))
    document.sections.append(findings_section(sources, texts))
    on_step("the paper's tables")
    document.sections.append(tables_section(sources, storage, texts))
    on_step("the autoencoder's figures")
    document.sections.append(autoencoder_section(sources, texts))
    on_step("the classifier's figures")
    document.sections.append(classifier_section(sources, texts))
    on_step("the searches")
    document.sections.append(search_section(sources, texts))
    if sources.compared:
        document.sections.append(comparison_section(sources.compared, texts))
    document.sections.append(origin_section(sources, storage, texts))
    return document


def check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds anything, unless a report there may be written over.

    Raises:
        StudyError: it does, or something that is no report stands where one would be written, or it
            is no folder, or cannot be made.
    """
    if folder.exists() and not folder.is_dir():
        raise StudyError(f"--out: {folder} is a file; name a folder")
    if not overwrite and folder.is_dir() and any(folder.iterdir()):
        raise StudyError(
            f"--out: {folder} is not empty; add --overwrite to replace a report there, "
            "or name another folder"
        )
    if others := in_the_way(folder):
        raise StudyError(
            f"--out: {folder} holds {', '.join(others)} of another origin, which a report would "
            "write over; name another folder"
        )
    _try_to_make(folder)


def _try_to_make(folder: Path) -> None:
    """Make a folder and remove it again: some file systems tell only then that they refuse."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(
            f"--out: cannot write in {folder}: {error.strerror}; name another folder"
        ) from error
    finally:
        for path in missing:
            if path.is_dir():
                path.rmdir()


def write(document: Section, sources: Sources, language: Language, folder: Path) -> list[Path]:
    """Write the page, the Markdown, and every table, figure and raw value beside them.

    Args:
        document: what :func:`build` made.
        sources: the studies whose raw values are written.
        language: the document's.
        folder: made if it is not there; what an earlier report wrote there is removed first.

    Returns:
        All that was written, the page and the Markdown first.

    Raises:
        StudyError: the folder cannot be written.
    """
    texts = Texts(language)
    try:
        into = ReportFolder(folder)
        for figure in document.figures():
            _write_figure(figure, into)
        for table in document.tables():
            _write_table(table, texts, into)
        _write_configurations(sources, into)
        for source in (*sources.searches, *sources.reproductions):
            _write_values(source, into)
        pages = (html(document, texts), markdown(document, texts))
        for name, text in zip(PAGES, pages, strict=True):
            into.new(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StudyError(f"--out: cannot write in {folder}: {error.strerror}") from error
    return into.files()


def _write_configurations(sources: Sources, folder: ReportFolder) -> None:
    """Write the configurations that a person gave, which repeating a search needs again."""
    for source in sources.searches:
        for name, table in repeating.configurations(source).items():
            text = json.dumps(table, indent=2, ensure_ascii=False)
            folder.new(name).write_text(f"{text}\n", encoding="utf-8")


def _write_table(table: Table, texts: Texts, folder: ReportFolder) -> None:
    """The raw values as CSV, and the table as shown in LaTeX."""
    # Columns that are not shown, such as how many trials an estimate has, are kept in the CSV.
    _write_csv(table.frame, folder.new(f"tables/{table.name}.csv"))
    text = latex_table(table, texts)
    folder.new(f"tables/{table.name}.tex").write_text(text, encoding="utf-8")


def _write_figure(figure: Figure, folder: ReportFolder) -> None:
    """The drawing as PNG and SVG."""
    folder.new(f"figures/{figure.name}.png").write_bytes(figure.picture.png)
    folder.new(f"figures/{figure.name}.svg").write_text(figure.picture.svg, encoding="utf-8")


def _write_values(source: Source, folder: ReportFolder) -> None:
    """A study's trials, and their metrics epoch by epoch: CSV, and Parquet with pyarrow."""
    frames = {"trials": trials_frame(source.trials()), "epochs": epochs_frame(source.trials())}
    for what, frame in frames.items():
        name = f"values/{anchor(source.name)}-{what}"
        _write_csv(frame, folder.new(f"{name}.csv"))
        if importlib.util.find_spec("pyarrow") is not None:
            frame.to_parquet(folder.new(f"{name}.parquet"), index=False)


def _write_csv(frame: pandas.DataFrame, path: Path) -> None:
    path.write_text(csv_text(frame), encoding="utf-8")
