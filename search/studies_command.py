"""The ``studies`` commands: what studies there are, and what is in one."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from search.options import StorageOption
from spaces.errors import StudyError

if TYPE_CHECKING:
    from optuna import Study

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]

app = typer.Typer(help="List the studies, or show one.", invoke_without_command=True)


@app.callback()
def studies(
    context: typer.Context, storage: StorageOption = None, as_json: JsonOption = False
) -> None:
    """List the studies in the storage; `studies show NAME` shows one.

    Example: fmnist-search studies
    """
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console

    from reports.tables import list_studies
    from search.console import print_studies

    rows = list_studies(_open_all(storage))
    if as_json:
        typer.echo(json.dumps([row._asdict() for row in rows], indent=2))
    elif rows:
        print_studies(Console(highlight=False), rows)
    else:
        typer.echo("no studies yet; make one: fmnist-search ae --trials 50")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of the study.")],
    storage: StorageOption = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a row a trial, as CSV.")] = False,
) -> None:
    """Show a study's best trials and the paper's configurations beside each other.

    Examples:
        fmnist-search studies show ae

        fmnist-search studies show ae --csv > ae.csv
    """
    from rich.console import Console

    from reports.tables import every_trial, list_studies, trials_frame
    from search.console import print_results, print_studies
    from studies.run import ENDED

    study = _named(name, _open_all(storage))
    if as_json:
        typer.echo(json.dumps({"study": name, "trials": every_trial(study)}, indent=2))
        return
    if as_csv:
        typer.echo(trials_frame(study).to_csv(index=False), nl=False)
        return
    console = Console(highlight=False)
    print_studies(console, list_studies([study]))
    print_results(console, study, n_best=10)
    if ENDED in study.user_attrs:
        console.print("Last run ended {time}: {reason}.".format(**study.user_attrs[ENDED]))


def _open_all(location: str | None) -> list["Study"]:
    from studies.opening import all_studies
    from studies.storage import exists, open_storage, storage_url

    url = storage_url(location)
    if location is not None and not exists(url):
        raise StudyError(f"there is no database {location}; --storage takes a file or a URL")
    return all_studies(open_storage(url)) if exists(url) else []


def _named(name: str, among: list["Study"]) -> "Study":
    from difflib import get_close_matches

    names = [study.study_name for study in among]
    if name in names:
        return among[names.index(name)]
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(names) or 'none'}"
    raise StudyError(f"no study '{name}'; {hint}")
