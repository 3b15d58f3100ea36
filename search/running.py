"""Running a search from the command line: plan, live view, results, and how to go on."""

import os
import shlex
from typing import TYPE_CHECKING

import typer

from search.data import find_data
from search.options import SearchOptions

if TYPE_CHECKING:
    from rich.console import Console

    from studies.launch import Finished, Plan
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

    from search.console import SearchView, print_plan
    from studies.launch import launch, make_plan
    from studies.request import SearchRequest
    from studies.stopping import Interrupted, StopSignal

    console = Console(highlight=False)
    request = SearchRequest(**options.request)
    plan = make_plan(request, stage)
    print_plan(console, plan)
    if options.dry_run:
        return
    stop = StopSignal(_leave_at_once)
    again = _command_again(plan, request, command)
    try:
        with SearchView(console, plan) as view:
            finished = launch(request, stage, lambda: find_data(request.data_dir), view, stop)
    except Interrupted as error:
        console.print(f"stopped; nothing is lost. To go on: {again}", markup=False, soft_wrap=True)
        raise typer.Exit(128 + (stop.received or 2)) from error
    _show_results(console, finished, request, again)


def _leave_at_once(number: int) -> None:
    from search.console import restore_cursor

    restore_cursor()
    os._exit(128 + number)


def _show_results(
    console: "Console", finished: "Finished", request: "SearchRequest", again: str
) -> None:
    from reports.tables import best_trials, paper_side_by_side
    from search.console import print_results

    print_results(console, best_trials(finished.study), paper_side_by_side(finished.study))
    state = finished.state
    storage = _storage_option(request)
    name = shlex.quote(finished.study.study_name)
    lines = (
        f"{finished.reason}: {state.n_searched} of {state.n_wanted} searched trials, "
        f"{state.n_paper} of {state.n_paper_wanted} of the paper's",
        f"all its trials: fmnist-search studies show {name}{storage}",
        f"more trials:    {again} --more 10",
    )
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _command_again(plan: "Plan", request: "SearchRequest", command: str) -> str:
    """The command that goes on with this run's study; the study knows the rest."""
    words = ["fmnist-search", command, "--study", shlex.quote(plan.study_name)]
    return " ".join(words) + f" --trials {plan.n_wanted}" + _storage_option(request)


def _storage_option(request: "SearchRequest") -> str:
    return f" --storage {shlex.quote(request.storage)}" if request.storage else ""
