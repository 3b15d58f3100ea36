"""The ``report`` command: tables, figures and a page to read."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from search import completion
from search.data_command import find_data
from search.naming import exactly
from search.options import ArtifactsOption, DataDir, StorageOption
from search.output import Output, print_json, safe_console, say
from search.search_options import with_options
from spaces.errors import DataError, StudyError
from spaces.wording import size
from studies.records.commands import shown_storage

if TYPE_CHECKING:
    from reports.analysis.chosen_studies import Sources
    from reports.document.parts import Section

LanguageName = Literal["en", "es"]


@with_options()
def report(
    output: Output,
    studies: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STUDY]…",
            help="Studies to report on.  [default: of each stage, the one with the largest budget]",
            show_default=False,
            autocompletion=completion.studies,
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Folder to write; made if it does not exist."),
    ] = Path("report"),
    lang: Annotated[LanguageName, typer.Option(help="Language of the report.")] = "en",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write into a folder that is not empty.")
    ] = False,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STUDY",
            help="Compare with another search of the same stage. Repeat the option for more.",
            show_default=False,
            autocompletion=completion.studies,
        ),
    ] = None,
    storage: StorageOption = None,
    artifacts: ArtifactsOption = None,
    data_dir: DataDir = None,
) -> None:
    """Write the paper's tables and figures beside what was found.

    The report is one page that needs no network, and the same as Markdown, with every table as CSV
    and LaTeX, every figure as PNG and SVG, and the raw values. It can be written at any time, also
    while a study is running.

    Examples:
        fmnist-search report --out report

        fmnist-search report ae clf --out informe --lang es

        fmnist-search report ae --compare ae-wide
    """
    places = storage, artifacts, data_dir
    files = write_report(output, studies or [], out, lang, overwrite, *places, compare or [])
    if output.as_json:
        print_json(report_document(files))
    else:
        print_report(files, output)


def write_report(
    output: Output,
    names: list[str],
    out: Path,
    lang: LanguageName = "en",
    overwrite: bool = False,
    storage: str | None = None,
    artifacts: str | None = None,
    data_dir: Path | None = None,
    compare: Sequence[str] = (),
) -> list[Path]:
    """Write a report, saying on stderr what is being done.

    Returns:
        Its files: the page, the Markdown, then all that is beside them.

    Raises:
        StudyError: a study is not there, or the folder cannot be written.
    """
    console = safe_console(stderr=True, quiet=output.quiet)
    with console.status("loading"):
        from reports.page.making import check_folder, write

        check_folder(out, overwrite)
    document, sources = build_report(output, names, lang, storage, artifacts, data_dir, compare)
    with console.status("writing"):
        return write(document, sources, lang, out)


def build_report(
    output: Output,
    names: list[str],
    lang: LanguageName = "en",
    storage: str | None = None,
    artifacts: str | None = None,
    data_dir: Path | None = None,
    compare: Sequence[str] = (),
) -> "tuple[Section, Sources]":
    """A report, not written yet, and what it is about; says on stderr what is being done.

    Raises:
        StudyError: a study is not there.
    """
    console = safe_console(stderr=True, quiet=output.quiet)
    with console.status("reading the studies"):
        from reports.page.making import build

        sources = _sources(names, compare, storage, artifacts)
    for line in sources.unread:
        console.print(f"left out: {line}", soft_wrap=True)
    try:
        sources = sources._replace(data_folder=find_data(data_dir, output.quiet))
    except DataError as error:
        console.print(f"no figures with images: {error}", markup=False, soft_wrap=True)
    with console.status("the paper's tables") as status:
        return build(sources, lang, shown_storage(storage), status.update), sources


def print_report(files: list[Path], output: Output) -> None:
    """Say where a report is: its page, the Markdown too, or every file."""
    if output.quiet:
        say(files[0])
        return
    for path in files if output.verbose else files[:2]:
        say(f"{path}  ({size(path.stat().st_size)})")


def report_document(files: list[Path]) -> dict[str, Any]:
    """A report's files and their sizes, for machines."""
    return {
        "page": files[0],
        "files": [{"path": path, "bytes": path.stat().st_size} for path in files],
    }


def _sources(
    names: Sequence[str], compare: Sequence[str], storage: str | None, artifacts: str | None
) -> "Sources":
    import optuna

    from reports.analysis.chosen_studies import choose
    from studies.final.results import read_all
    from studies.records.references import all_studies
    from studies.records.settings import is_ours
    from studies.storage.databases import exists
    from studies.storage.place import Place

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    place = Place.there(storage, artifacts)
    found = all_studies(place.storage) if exists(place.url) else []
    if not any(is_ours(study) for study in found):
        raise StudyError("there are no studies yet; make one: fmnist-search ae --trials 50")
    named, others = ([exactly(place.storage, n) for n in some] for some in (names, compare))
    return choose(found, named, place.artifacts, read_all(place.url), others)
