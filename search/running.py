"""Running a search from the command line: plan, live view, results, and how to go on."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from search.data_command import find_data
from search.output import Output, print_json, say
from search.search_options import SearchOptions
from spaces.budget import Budget
from spaces.errors import NoEncoderError
from spaces.stages import AUTOENCODER, Stage
from studies.records.commands import command_to_go_on
from studies.records.fields import fields_of
from studies.records.request import Machine, SearchRequest

if TYPE_CHECKING:
    from optuna import Study
    from rich.console import Console

    from studies.engine.launch import Plan, SearchResult
    from studies.workers.stopping import StopSignal


SAME_COMMAND = "type the same command again"
"""How to go on with a command that runs more than one search."""


class _Step(NamedTuple):
    """One search of a command."""

    request: SearchRequest
    stage: Stage
    plan: "Plan"


def run_search(options: SearchOptions, stage: Stage) -> None:
    """Do what a searching command asks for, and show what came of it.

    Args:
        options: what the command line said.
        stage: which model is searched.

    Raises:
        typer.Exit: with 130 or 143 if a signal stopped the run.
        FmnistSearchError: the run cannot begin as asked.
    """
    output = options.output
    if options.dry_run:
        plan = _next_step(output.progress_console(), options.request, stage, runs=False).plan
        if output.as_json:
            parts = {"settings": asdict(plan.settings), "estimate": plan.estimate._asdict()}
            print_json({**plan._asdict(), **parts})
        elif output.quiet:
            say(plan.time_in_words())
        return
    finished = carry_out(options.request, stage, output, in_force=options.in_force)
    if output.as_json:
        print_json(document(finished))
    elif output.quiet:
        say(in_one_line(finished))
    else:
        from search.next_steps import commands, print_commands

        show_results(finished, output)
        follow = list(commands(finished, SearchRequest(**options.request)))
        print_commands(output.progress_console(), follow)


def carry_out(
    fields: dict[str, Any],
    stage: Stage,
    output: Output,
    again: str | None = None,
    in_force: Callable[[], dict[str, Any]] = dict,
) -> "SearchResult":
    """Run a search in view, and first the training of its encoder if need be.

    Args:
        fields: of the request.
        stage: which model is searched.
        output: how much to say.
        again: what to type to go on after a signal; by default the study's own command.
        in_force: gives the fields that the command has where nothing is typed.

    Raises:
        typer.Exit: with 130 or 143 if a signal stopped the run.
        FmnistSearchError: the run cannot begin as asked.
    """
    from studies.data.fetch import check_named

    check_named(fields.get("data_dir"))
    console = output.progress_console()
    step = _next_step(console, fields, stage)
    if step.stage is not stage:
        _launch(console, output, step, again or SAME_COMMAND)
        step = _planned(console, fields, stage)
    if again is None:
        bare, how_many = SearchRequest(**in_force()), ("trials", step.plan.n_wanted)
        again = command_to_go_on(step.plan.study_name, step.request, bare, stage, how_many)
    return _launch(console, output, step, again)


def _next_step(
    console: "Console", fields: dict[str, Any], stage: Stage, runs: bool = True
) -> _Step:
    """The search itself, or the training of the paper's autoencoder, if that has to come first."""
    try:
        return _planned(console, fields, stage, runs)
    except NoEncoderError:
        if fields.get("encoder") != "paper":
            raise
    console.print(
        "the paper's best autoencoder has not been trained with this budget yet, so it comes first:"
    )
    return _planned(console, _papers_best_autoencoder(fields), AUTOENCODER, runs)


def _planned(console: "Console", fields: dict[str, Any], stage: Stage, runs: bool = True) -> _Step:
    load = _load_before()
    with console.status("loading PyTorch and estimating how long this will take"):
        from studies.workers.processes import load_ahead

        request = SearchRequest(**fields)
        if runs:
            load_ahead(request.jobs, request.threads, request.dask)
        from search.console import print_plan
        from studies.engine.launch import make_plan

        plan = make_plan(request, stage)
    print_plan(console, plan, load if request.dask is None else None)
    return _Step(request, stage, plan)


@cache
def _load_before() -> float | None:
    """The machine's load before this command did anything; its own is no news."""
    from studies.workers.machine import load

    return load()


def _launch(console: "Console", output: Output, step: _Step, again: str) -> "SearchResult":
    """Run the search in view; after a signal say how to go on."""
    from reports.figures.dashboard_plots import save_plots
    from search.console import SearchView
    from studies.engine.launch import launch
    from studies.workers.who_trains import check_scheduler

    request, stage, plan = step
    folder = find_data(request.data_dir, output.quiet)
    check_scheduler(request.scheduler())
    words = f"paused. To go on: {again}"
    with until_stopped(words, output) as stop, SearchView(console, plan, output.verbose) as view:
        finished = launch(request, stage, plan.study_name, folder, view, stop)
    save_plots(finished.study)
    return finished


@contextmanager
def until_stopped(to_go_on: str, output: Output) -> Iterator["StopSignal"]:
    """Something that a signal stops; what goes on with it is said then.

    Raises:
        typer.Exit: with 130 or 143 if a signal stopped it.
    """
    from studies.workers.stopping import Interrupted, StopSignal

    stop = StopSignal(_leave_at_once)
    try:
        yield stop
    except Interrupted as error:
        say(to_go_on, err=output.as_json or output.quiet, fg="yellow")
        raise typer.Exit(128 + (stop.received or 2)) from error


def _leave_at_once(number: int) -> None:
    """End the process now, the terminal as it was before a live view: what a second signal does.

    A person's session, as a notebook's kernel is one, stays: there it is an ordinary interrupt.
    """
    if hasattr(sys, "ps1"):
        raise KeyboardInterrupt
    terminal = next((stream for stream in (sys.stdout, sys.stderr) if stream.isatty()), None)
    if terminal is not None:
        terminal.write("\x1b[?25h\n")  # shows the cursor
        terminal.flush()
    os._exit(128 + number)


def _papers_best_autoencoder(classifiers: dict[str, Any]) -> dict[str, Any]:
    """The request that trains the paper's best autoencoder as a search of classifiers needs it."""
    kept = ("subset", "protocol", "seed", *fields_of(Machine))
    epochs = classifiers.get("epochs")
    return {name: classifiers[name] for name in kept if name in classifiers} | {
        "trials": 0,
        "epochs": None if epochs is None else min(epochs, Budget.epochs),
        "only_paper": (AUTOENCODER.best_of_paper.name,),
    }


def show_results(finished: "SearchResult", output: Output) -> None:
    """Print a study's tables, then what was found in few lines."""
    from search.next_steps import print_found
    from search.result_tables import print_results

    console = output.progress_console()
    print_results(console, finished.study, 20 if output.verbose else 5, with_caution=False)
    print_found(console, finished)


def in_one_line(finished: "SearchResult") -> str:
    """The result for whoever wants to hear no more: the best trial, and how the run ended."""
    from search.next_steps import how_it_ended

    return f"{best_in_words(finished.study)}; {how_it_ended(finished)}"


def document(finished: "SearchResult") -> dict[str, Any]:
    """What came of a search, for machines."""
    from reports.analysis.tables import summary

    state = finished.state._asdict()
    state.pop("best")
    state["tally"] = finished.state.tally._asdict()
    places = {"storage": finished.storage, "artifacts": finished.artifacts}
    return {**summary(finished.study), "reason": finished.reason, **state, **places}


def best_in_words(study: "Study") -> str:
    """A study's best trial in one line."""
    from reports.analysis.tables import best_trials
    from search import next_steps
    from studies.records.settings import load

    best = next(iter(best_trials(study, 1)), None)
    return next_steps.best_in_words(best, load(study)) if best else next_steps.NONE_YET
