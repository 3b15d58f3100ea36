"""The ``studies`` commands: what studies there are, and what is in one."""

import typer

from search.command import OwnCommand, OwnGroup, typed, use_files
from search.compare_command import compare
from search.options import ArtifactsOption, StorageOption
from search.output import JsonOption, Output, QuietOption, VerboseOption, print_json, say
from search.show_command import show
from search.study_changes import copy, delete, rename
from spaces.safe_text import visible

app = typer.Typer(cls=OwnGroup, invoke_without_command=True)


@app.callback()
def studies(
    context: typer.Context,
    storage: StorageOption = None,
    artifacts: ArtifactsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the studies; show, compare, rename, copy or delete them.

    Alone it lists them with their trials, their best and what they take of the disk.

    Examples:
        fmnist-search studies

        fmnist-search studies show ae

        fmnist-search studies show 'ae#17'
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
    known = disk.usages(place.storage, disk.sizes(place.artifacts)) if own else {}
    usages = [known.get(row.name, disk.Usage()) for row in rows]
    if as_json:
        both = zip(rows, usages, strict=True)
        print_json([{**row._asdict(), "disk": usage._asdict()} for row, usage in both])
    elif rows:
        console = output.progress_console()
        print_studies(console, rows, usages, verbose)
        print_usage(console, usages, place.artifacts.place)
    else:
        say("no studies yet; make one: fmnist-search ae --trials 50")


for command in (show, compare, delete, rename, copy):
    app.command(cls=OwnCommand)(command)
