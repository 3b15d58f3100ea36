"""The ``studies`` commands: what studies there are, and what is in one."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.command import OwnCommand, OwnGroup, typed, use_files
from search.options import StorageOption
from search.output import JsonOption, Output, QuietOption, VerboseOption, print_json, say
from search.running import best_in_words
from search.search_options import with_options
from spaces.safe_text import visible

if TYPE_CHECKING:
    from optuna import Study

app = typer.Typer(cls=OwnGroup, help="List the studies, or show one.", invoke_without_command=True)


@app.callback()
def studies(
    context: typer.Context,
    storage: StorageOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the studies in the storage; `studies show NAME` shows one.

    Example: fmnist-search studies
    """
    if context.invoked_subcommand is not None:
        for name in typed(context, "storage", "quiet", "verbose", "as_json"):
            option = name.removeprefix("as_")
            raise typer.BadParameter(f"--{option} goes after {context.invoked_subcommand}")
        return
    use_files(context)
    from reports.analysis.tables import list_studies
    from search.result_tables import print_studies
    from studies.records.references import all_studies
    from studies.storage.databases import open_existing

    output = Output(quiet, verbose, as_json).checked()
    rows = list_studies(all_studies(open_existing(storage)))
    if as_json:
        print_json([row._asdict() for row in rows])
    elif quiet:
        for row in rows:
            say(visible(row.name))
    elif rows:
        print_studies(output.progress_console(), rows, verbose)
    else:
        say("no studies yet; make one: fmnist-search ae --trials 50")


@app.command(cls=OwnCommand)
@with_options()
def show(
    output: Output,
    name: Annotated[str, typer.Argument(help="Name of the study.")],
    storage: StorageOption = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a row a trial, as CSV.")] = False,
    parquet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a row a trial to a Parquet file; needs pyarrow."),
    ] = None,
) -> None:
    """Show a study's best trials and the paper's configurations beside each other.

    Examples:
        fmnist-search studies show ae

        fmnist-search studies show ae --csv > ae.csv

        fmnist-search studies show ae --parquet ae.parquet
    """
    from reports.analysis.tables import (
        csv_text,
        every_trial,
        list_studies,
        summary,
        trials_frame,
        write_parquet,
    )
    from search.result_tables import print_results, print_studies
    from studies.records import runs
    from studies.records.references import find_study
    from studies.storage.databases import open_existing

    if sum((any(output), as_csv, parquet is not None)) > 1:
        raise typer.BadParameter("give one of --csv, --parquet, --quiet, --verbose and --json")
    study = find_study(open_existing(storage), name)
    if output.as_json:
        noted = [asdict(run) for run in runs.of(study)]
        print_json({**summary(study, n_best=10), "runs": noted, "trials": every_trial(study)})
        return
    if as_csv:
        say(csv_text(trials_frame(study)), nl=False)
        return
    if parquet is not None:
        write_parquet(study, parquet)
        say(f"{name} is in {parquet}: {len(study.get_trials(deepcopy=False))} trials")
        return
    if output.quiet:
        say(best_in_words(study))
        return
    console = output.progress_console()
    print_studies(console, list_studies([study]), output.verbose)
    print_results(console, study, n_best=1000 if output.verbose else 10)
    for line in _last_run(study):
        console.print(line, markup=False)


def _last_run(study: "Study") -> Iterator[str]:
    """How the last run ended, as far as the study knows."""
    from studies.records import runs

    known = runs.of(study)
    if known:
        last = known[-1]
        ended = f" and ended at {runs.minute(last.ended)}" if last.ended else ""
        whose = f"{len(known)} runs are noted; the last" if len(known) > 1 else "Its run"
        yield f"{whose} began at {runs.minute(last.begun)}{ended} (UTC): {last.how_it_ended()}."
    elif runs.ENDED in study.user_attrs:
        ended = study.user_attrs[runs.ENDED]
        yield f"Its last run ended at {runs.minute(ended['time'])} (UTC): {ended['reason']}."
