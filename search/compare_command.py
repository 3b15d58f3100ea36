"""The command ``studies compare``: searches beside each other."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.completion import studies as completed
from search.fitting_table import FittingColumn, print_fitting
from search.naming import exactly
from search.options import StorageOption
from search.output import Output, print_json, say
from search.search_options import with_options
from spaces.wording import MISSING, better, duration, measured, percent

if TYPE_CHECKING:
    from rich.console import Console

    from reports.analysis.chosen_studies import Source
    from reports.analysis.searches_compared import Comparison, Searched

_NOTE = (
    "Without the paper's trials, repeats, and what --new took over. [] is the 95 % interval of the "
    "share. One run of each search: with another seed each takes another course, so a difference "
    "may be chance."
)


@with_options()
def compare(
    output: Output,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="STUDY STUDY…",
            help="Two or more studies with the same metric.",
            show_default=False,
            autocompletion=completed,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write both figures there, as PNG and SVG: quality against time, and the share of "
            "trials that reach a value.",
            show_default=False,
        ),
    ] = None,
    storage: StorageOption = None,
) -> None:
    """Compare searches: how soon each found what, and how many of its trials are good.

    Time is counted as if all searched trials were trained one after another.

    The report shows the same with figures: `report STUDY --compare STUDY`.

    Examples:
        fmnist-search studies compare ae ae-wide

        fmnist-search studies compare ae ae-seed1 ae-seed2 --out compared
    """
    from reports.analysis.searches_compared import compare as compared

    sources = _sources(names, storage, output.quiet)
    found = compared(sources)
    if output.as_json:
        print_json(_document(found))
    elif output.quiet:
        for search in found.searches:
            say(f"{search.study}\t{measured(search.best, found.metric)}\t{search.seconds:.0f} s")
    else:
        _print(output.progress_console(), found)
    if out is not None:
        for path in _write_figures(found, sources[0], out):
            say(path, err=output.as_json)


def _sources(names: list[str], storage: str | None, quiet: bool) -> list["Source"]:
    from reports.analysis.chosen_studies import Source
    from studies.records.references import find_study
    from studies.storage.in_memory import copied
    from studies.storage.place import Place

    place = Place.there(storage, None)
    exact = dict.fromkeys(exactly(place.storage, name, quiet) for name in names)
    if len(exact) < 2:
        raise typer.BadParameter("name two or more different studies")
    studies = (copied(find_study(place.storage, name)) for name in exact)
    return [Source.at(study, place.artifacts) for study in studies]


def _print(console: "Console", found: "Comparison") -> None:
    rows, value = found.searches, measured(found.value, found.metric)
    title = f"{found.metric.removeprefix('validation_')} {better(found.metric)}"
    columns = [
        FittingColumn("study", [row.study for row in rows], is_number=False),
        FittingColumn(f"best {title}", [measured(row.best, found.metric) for row in rows]),
        FittingColumn(f"until {value}", [_time_to(row, found) for row in rows]),
        FittingColumn(f"reach {value}", [_share(row, found) for row in rows], is_number=False),
        FittingColumn("trials", [str(row.n_trials) for row in rows], gives_way=1),
        FittingColumn("training", [duration(row.seconds) for row in rows], gives_way=2),
    ]
    print_fitting(console, columns)
    for line in found.differences:
        words = f"not trained in the same way, so their values cannot be compared: {line}"
        console.print(words, style="yellow")
    console.print(_NOTE, style="dim", markup=False)


def _time_to(row: "Searched", found: "Comparison") -> str:
    seconds = None if found.value is None else row.seconds_to(found.value, found.less_is_better)
    return duration(seconds)


def _share(row: "Searched", found: "Comparison") -> str:
    if found.value is None or not row.n_trials:
        return MISSING
    share, low, high = row.share_at(found.value, found.less_is_better)
    return f"{percent(share, 0)} [{100 * low:.0f}–{100 * high:.0f}]"


def _document(found: "Comparison") -> dict[str, Any]:
    searches = [row._asdict() for row in found.searches]
    if found.value is not None:
        at = found.value, found.less_is_better
        for table, row in zip(searches, found.searches, strict=True):
            table |= {"seconds_to": row.seconds_to(*at), "reach": row.share_at(*at)._asdict()}
    return {**found._asdict(), "searches": searches}


def _write_figures(found: "Comparison", source: "Source", out: Path) -> list[Path]:
    from reports.document.texts import Texts
    from reports.page.section_comparison import comparison_figures
    from spaces.errors import StudyError

    written = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for figure in comparison_figures(found, source, Texts("en")):
            png, svg = (out / f"{figure.name}.{end}" for end in ("png", "svg"))
            png.write_bytes(figure.picture.png)
            svg.write_text(figure.picture.svg, encoding="utf-8")
            written += [png, svg]
    except OSError as error:
        raise StudyError(f"--out: cannot write in {out}: {error.strerror}") from error
    return written
