"""The ``studies`` commands: what studies there are, and what is in one."""

from typing import TYPE_CHECKING

import typer

from search.command import OwnCommand, OwnGroup, typed, use_files
from search.compare_command import compare
from search.options import ArtifactsOption, StorageOption
from search.output import JsonOption, Output, QuietOption, VerboseOption, print_json, say
from search.show_command import show
from search.study_changes import copy, delete, rename
from spaces.safe_text import visible

if TYPE_CHECKING:
    from optuna import Study

    from reports.analysis.tables import StudyRow
    from studies.records.disk import Usage

app = typer.Typer(cls=OwnGroup, help="List the studies, or show one.", invoke_without_command=True)


@app.callback()
def studies(
    context: typer.Context,
    storage: StorageOption = None,
    artifacts: ArtifactsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the studies in the storage, and what they take of the disk.

    `studies show NAME` shows one, `studies show NAME#17` one of its trials.

    Examples:
        fmnist-search studies

        fmnist-search studies --json
    """
    if context.invoked_subcommand is not None:
        for name in typed(context, "storage", "artifacts", "quiet", "verbose", "as_json"):
            option = name.removeprefix("as_")
            raise typer.BadParameter(f"--{option} goes after {context.invoked_subcommand}")
        return
    use_files(context)
    from reports.analysis.tables import list_studies
    from search.studies_list import print_studies, print_usage
    from studies.records import disk
    from studies.records.references import all_studies
    from studies.records.settings import is_ours
    from studies.storage.place import Place

    output = Output(quiet, verbose, as_json).checked()
    place = Place.there(storage, artifacts)
    own = [study for study in all_studies(place.storage) if is_ours(study)]
    rows = list_studies(own)
    if quiet:
        for row in rows:
            say(visible(row.name))
        return
    there = disk.sizes(place.artifacts) if own else {}
    usages = [_usage(study, row, there) for study, row in zip(own, rows, strict=True)]
    if as_json:
        both = zip(rows, usages, strict=True)
        print_json([{**row._asdict(), "disk": usage._asdict()} for row, usage in both])
    elif rows:
        console = output.progress_console()
        print_studies(console, rows, usages, verbose)
        print_usage(console, usages, place.artifacts.place)
    else:
        say("no studies yet; make one: fmnist-search ae --trials 50")


def _usage(study: "Study", row: "StudyRow", there: dict[str, int]) -> "Usage":
    """What a study takes of the disk; nothing is known of one that cannot be read."""
    from studies.records import disk

    return disk.usage(study, there) if row.stage != "?" else disk.Usage()


for command in (show, compare, delete, rename, copy):
    app.command(cls=OwnCommand)(command)
