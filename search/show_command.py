"""The command ``studies show``: one study, all its trials, or one of them."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from search.completion import trials
from search.naming import exactly
from search.options import ArtifactsOption, StorageOption
from search.output import Output, print_json, say
from search.running import best_in_words
from search.search_options import with_options
from spaces.wording import measured

SortKey = Literal["number", "value", "state", "epochs", "params", "time"]

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from studies.records.open_study import OpenStudy


@with_options()
def show(
    output: Output,
    reference: Annotated[
        str,
        typer.Argument(
            metavar="STUDY[#TRIAL]",
            help="A study, or one of its trials; ae or clf is the newest study of that stage.",
            show_default=False,
            autocompletion=trials,
        ),
    ],
    every: Annotated[
        bool, typer.Option("--all", help="List all trials, one per line, instead of the best.")
    ] = False,
    sort: Annotated[
        SortKey | None,
        typer.Option(help="List all trials, sorted by this.", show_default=False),
    ] = None,
    storage: StorageOption = None,
    artifacts: ArtifactsOption = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print one row per trial, as CSV.")] = False,
    parquet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write one row per trial to a Parquet file; needs pyarrow."
        ),
    ] = None,
) -> None:
    """Show a study's best trials beside the paper's, all its trials, or one trial.

    Examples:
        fmnist-search studies show ae

        fmnist-search studies show 'ae#17'

        fmnist-search studies show ae --sort value

        fmnist-search studies show ae --csv > ae.csv
    """
    from studies.records.references import find_study_or_trial
    from studies.storage.place import Place

    if sum((any(output), as_csv, parquet is not None)) > 1:
        raise typer.BadParameter("use only one of --csv, --parquet, --quiet, --verbose and --json")
    place = Place.there(storage, artifacts)
    opened, trial = find_study_or_trial(place, exactly(place.storage, reference, output.quiet))
    if trial is not None:
        _show_trial(opened, trial, output)
    elif as_csv or parquet:
        _write_table(opened.study, parquet)
    elif every or sort:
        _show_all(opened, sort or "number", output)
    else:
        _show_study(opened, output)


def _show_trial(opened: "OpenStudy", trial: "FrozenTrial", output: Output) -> None:
    from reports.analysis.one_trial import one_trial
    from reports.analysis.values import every_trial
    from search.trial_view import print_trial
    from studies.files.places import short_path
    from studies.records import disk

    found = one_trial(opened, trial, disk.sizes(opened.store))
    if output.as_json:
        files = [{**file._asdict(), "kind": file.kind, "bytes": n} for file, n in found.files]
        stored = next(row for row in every_trial(opened.study) if row["number"] == trial.number)
        print_json({**stored, **asdict(found), "files": files})
    elif output.quiet:
        value = measured(found.values[0] if found.values else None, found.metric)
        say(f"{opened.name}#{trial.number}: {found.state}, {value}: {found.words}")
    else:
        console = output.progress_console()
        print_trial(console, opened.name, found, short_path(opened.store.place))


def _show_all(opened: "OpenStudy", sort: "SortKey", output: Output) -> None:
    from reports.analysis.one_trial import one_trial
    from search.trial_view import print_all, sorted_by

    rows = sorted_by([one_trial(opened, trial, {}) for trial in opened.trials()], sort)
    if output.as_json:
        print_json([asdict(row) for row in rows])
    elif output.quiet:
        for row in rows:
            say(f"{opened.name}{row.label}")
    else:
        print_all(output.progress_console(), rows)


def _write_table(study: "Study", parquet: Path | None) -> None:
    from reports.analysis.values import csv_text, trials_frame, write_parquet
    from studies.records.trials import of

    every = of(study)
    if parquet is None:
        say(csv_text(trials_frame(every)), nl=False)
        return
    write_parquet(every, parquet)
    say(f"{study.study_name} is in {parquet}: {len(every)} trials")


def _show_study(opened: "OpenStudy", output: Output) -> None:
    from reports.analysis.tables import list_studies, summary
    from reports.analysis.values import every_trial
    from search.result_tables import print_results
    from search.studies_list import print_studies, print_usage
    from studies.records import disk, runs

    study = opened.study
    if output.as_json:
        noted = [asdict(run) for run in runs.of(study)]
        print_json({**summary(study, n_best=10), "runs": noted, "trials": every_trial(study)})
        return
    if output.quiet:
        say(best_in_words(study))
        return
    console, usage = output.progress_console(), disk.usage(study, disk.sizes(opened.store))
    print_studies(console, list_studies([study]), [usage], output.verbose)
    console.print()
    print_results(console, study, n_best=1000 if output.verbose else 10)
    for line in _last_run(study):
        console.print(line, markup=False)
    print_usage(console, [usage], opened.store.place)


def _last_run(study: "Study") -> Iterator[str]:
    """How the last run ended, as far as the study knows."""
    from studies.records import runs

    known = runs.of(study)
    if known:
        last = known[-1]
        ended = f" and ended at {runs.minute(last.ended)}" if last.ended else ""
        whose = f"{len(known)} runs are recorded; the last" if len(known) > 1 else "Its run"
        yield f"{whose} began at {runs.minute(last.begun)}{ended} (UTC): {last.how_it_ended()}."
    elif end := runs.last_end(study):
        yield f"Its last run ended at {runs.minute(end['time'])} (UTC): {end['reason']}."
