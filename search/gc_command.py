"""The ``gc`` command: free the disk space of files that nothing refers to any more."""

import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.options import ArtifactsOption, StorageOption
from search.output import Output, print_json, say
from search.search_options import with_options
from spaces.wording import counted, size

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy.engine import URL

    from studies.records.disk import Usage
    from studies.records.garbage import OwnFile, Survey


@with_options()
def gc(
    output: Output,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what can be removed; remove nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
    storage: StorageOption = None,
    artifacts: ArtifactsOption = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|URL",
            help="Another database whose files are in this place. Repeat the option for more. "
            "Other databases are not opened, even if the place lists them.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Remove weights, states and pictures that nothing refers to.

    Such files stay when a study is deleted in the dashboard. gc never removes a file that a study
    or a trial refers to, whether the trial is running, ended or copied. It keeps files younger
    than ten minutes and those of other programs. A folder or bucket can hold files of several
    databases: nothing is removed until all that it lists are named with --storage or --also.

    Examples:
        fmnist-search gc --dry-run

        fmnist-search gc --yes
    """
    from studies.files.temporary import remove_left
    from studies.records.garbage import survey
    from studies.storage.databases import open_artifacts, open_existing, storage_url

    if not (dry_run or yes) and (output.as_json or not sys.stdin.isatty()):
        raise typer.BadParameter("cannot ask here; add --yes to remove files, or --dry-run")
    if not dry_run:
        remove_left()
    for named in (storage, *(also or ())):
        open_existing(named)  # refused here even where there is no file to ask it about
    url = storage_url(storage)
    store = open_artifacts(url, artifacts, make=False)
    urls = [url, *(storage_url(other) for other in also or ())]
    found = survey(store, urls)
    if output.as_json:
        print_json(_document(found, store.place, _by_study(found, urls)))
    elif not output.quiet:
        say(_as_text(found, store.place, output.verbose))
        _print_studies(output.progress_console(), _by_study(found, urls))
    if dry_run or not found.unused:
        if output.quiet:
            say(f"{_total(found.unused)} can go")
        return
    if not yes:
        typer.confirm(f"Remove {_total(found.unused)}?", abort=True)
    store.discard(file.name for file in found.unused)
    say(f"removed {_total(found.unused)}", err=output.as_json)


def _by_study(found: "Survey", urls: Sequence["URL"]) -> dict[str, "Usage"]:
    """What of the files in use each study has, by its name, with the database of one of several."""
    from studies.records import disk
    from studies.storage.databases import exists, open_to_look_on, without_password

    there = {file.name: file.n_bytes for file in found.used}
    each = {
        (name, without_password(url)): usage
        for url in filter(exists, urls)
        for name, usage in disk.usages(open_to_look_on(url), there).items()
    }
    n_of = Counter(name for name, _ in each)
    return {
        name if n_of[name] == 1 else f"{name} ({where})": usage
        for (name, where), usage in each.items()
    }


def _print_studies(console: "Console", usages: dict[str, "Usage"]) -> None:
    """Print what each study takes, the largest first, and how to free it."""
    from search.fitting_table import FittingColumn, print_fitting

    rows = sorted(usages.items(), key=lambda row: -row[1].total)
    if not any(usage.total for _, usage in rows):
        return
    kinds = ("weights", "states", "pictures", "total")
    console.print()
    print_fitting(
        console,
        [
            FittingColumn("study", [name for name, _ in rows], is_number=False),
            *(FittingColumn(k, [size(getattr(usage, k)) for _, usage in rows]) for k in kinds),
        ],
    )
    console.print("to free one's: fmnist-search studies delete STUDY", style="dim")


def _as_text(found: "Survey", place: str, with_names: bool) -> str:
    kinds = sorted({file.kind for file in (*found.used, *found.young, *found.unused)})
    lines = [place, f"{'':<20}{'in use':>22}{'can go':>22}"]
    for kind in kinds:
        used, unused = (
            [f for f in files if f.kind == kind] for files in (found.used, found.unused)
        )
        lines.append(f"{kind:<20}{_total(used):>22}{_total(unused):>22}")
    lines.append(f"{'in all':<20}{_total(found.used):>22}{_total(found.unused):>22}")
    if found.young:
        lines.append(f"{_total(found.young)} kept: too recent to be sure")
    if found.n_foreign:
        lines.append(f"{found.n_foreign} kept: not made by this program")
    if with_names:
        lines += [f"can go: {file.name}  {file.kind}, {_total([file])}" for file in found.unused]
    return "\n".join(lines)


def _total(files: Sequence["OwnFile"]) -> str:
    return f"{counted(len(files), 'file')}, {size(sum(file.n_bytes for file in files))}"


def _document(found: "Survey", place: str, usages: dict[str, "Usage"]) -> dict[str, Any]:
    def counted(files: Sequence["OwnFile"]) -> dict[str, Any]:
        n_bytes = sum(file.n_bytes for file in files)
        return {"files": len(files), "bytes": n_bytes, "kinds": Counter(f.kind for f in files)}

    return {
        "folder": place,
        "in_use": counted(found.used),
        "can_go": counted(found.unused),
        "too_young": counted(found.young),
        "foreign_files": found.n_foreign,
        "names": [file.name for file in found.unused],
        "studies": {name: usage._asdict() for name, usage in usages.items()},
    }
