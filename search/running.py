"""Running a search from the command line: plan, live view, results, and how to go on."""

import os
import shlex
from typing import TYPE_CHECKING

import typer

from search.data import find_data
from search.options import SearchOptions

if TYPE_CHECKING:
    from rich.console import Console

    from studies.launch import Finished
    from studies.request import SearchRequest
    from studies.settings import Stage


def run_search(options: SearchOptions, stage: "Stage", command: str) -> None:
    """Do what a searching command asks for, and show it.

    Args:
        options: what the command line said.
        stage: which model is searched.
        command: the command's name, for the lines that say how to go on.

    Raises:
        typer.Exit: with 130 or 143 if a signal stopped the run.
        FmnistSearchError: the run cannot begin as asked.
    """
    from rich.console import Console

    console = Console(highlight=False)
    with console.status("loading PyTorch and measuring how long this will take"):
        from search.console import SearchView, print_plan
        from studies.launch import launch, make_plan
        from studies.request import SearchRequest
        from studies.stopping import Interrupted, StopSignal

        request = SearchRequest(**options.request)
        plan = make_plan(request, stage)
    print_plan(console, plan)
    if options.dry_run:
        return
    folder = find_data(request.data_dir)
    stop = StopSignal(_leave_at_once)
    again = _command(plan.study_name, request, command, f"--trials {plan.n_wanted}")
    try:
        with SearchView(console, plan) as view:
            finished = launch(request, stage, folder, view, stop)
    except Interrupted as error:
        console.print(f"stopped; nothing is lost. To go on: {again}", markup=False, soft_wrap=True)
        raise typer.Exit(128 + (stop.received or 2)) from error
    _show_results(console, finished, request, command)


def _leave_at_once(number: int) -> None:
    from search.console import restore_cursor

    restore_cursor()
    os._exit(128 + number)


def _show_results(
    console: "Console", finished: "Finished", request: "SearchRequest", command: str
) -> None:
    from search.console import print_results

    print_results(console, finished.study, n_best=5)
    state, name = finished.state, finished.study.study_name
    show = f"fmnist-search studies show {shlex.quote(name)}{_storage_option(request)}"
    places = f"{shlex.quote(finished.storage)} --artifact-dir {shlex.quote(finished.artifacts)}"
    lines = [
        f"{finished.reason}: {state.n_searched} of {state.n_wanted} searched trials, "
        f"{state.n_paper} of {state.n_paper_wanted} of the paper's",
        f"all its trials: {show} --json",
        f"in a browser:   optuna-dashboard {places}",
    ]
    if state.n_wanted:
        lines.append(f"more of them:   {_command(name, request, command, '--more 10')}")
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _command(study_name: str, request: "SearchRequest", command: str, how_many: str) -> str:
    """The command that goes on with a study; the study knows its own settings."""
    name = shlex.quote(study_name)
    return f"fmnist-search {command} --study {name} {how_many}{_storage_option(request)}"


def _storage_option(request: "SearchRequest") -> str:
    if request.storage is None:
        return ""
    from studies.storage import storage_url, without_password

    shown = without_password(storage_url(request.storage)) if "://" in request.storage else None
    return f" --storage {shlex.quote(shown or request.storage)}"
