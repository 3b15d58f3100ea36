"""The ``train`` command: the final figures of one configuration, over several seeds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.command import say_what_was_not_typed, typed
from search.completion import models
from search.data_command import find_data
from search.naming import stage_as_study
from search.output import Output, print_json, say
from search.search_options import with_options
from spaces.wording import loss
from studies.final.final_request import FinalRequest
from studies.records.fields import names_of

if TYPE_CHECKING:
    from rich.console import Console

    from studies.final.plan import FinalPlan
    from studies.final.results import FinalResult

_DECIDE_FIGURES = ("seeds", "protocol", "epochs", "subset", "encoder")


@with_options(*names_of(FinalRequest, "run", "machine"), of=FinalRequest)
def train(
    options: dict[str, Any],
    output: Output,
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG|STUDY[#TRIAL]|paper:NAME",
            help="A configuration's file or exported folder, a study for its best trial, one of "
            "its trials, or one of the paper's configurations.",
            show_default=False,
            autocompletion=models,
        ),
    ],
) -> None:
    """Train one configuration with several seeds; evaluate on the test images.

    Prints each seed's result, their mean with its 95 % interval, and a classifier's confusion
    matrix, precision and recall. Only this command and the paper's protocol read the test images.
    The same command again goes on with the seeds that are left.

    Examples:
        fmnist-search train clf --seeds 5

        fmnist-search train paper:fc-sgd --protocol paper --seeds 3

        fmnist-search train exported/config.json --repeat
    """
    if options["repeat"]:
        # What it decides; a default set elsewhere gives way.
        for name in typed(context, *_DECIDE_FIGURES):
            raise typer.BadParameter(
                f"--repeat trains exactly as the trial was trained; leave out --{name} or --repeat"
            )
        options["encoder"] = None
    from studies.data.fetch import check_named

    check_named(options["data_dir"])
    not_typed = {} if options["repeat"] else say_what_was_not_typed(context, *_DECIDE_FIGURES)
    model = stage_as_study(model, options["storage"], output.quiet)
    request = FinalRequest(source=model, not_typed=not_typed, **options)
    console = output.progress_console()
    with console.status("loading PyTorch and the model"):
        from studies.workers.processes import load_ahead

        if request.seeds > 1 and not request.repeat:
            load_ahead(request.jobs, request.threads, request.dask)
        from studies.final.plan import plan_final

        plan = plan_final(request)
    result = _trained(console, plan, request, output)
    _show(console, plan, result, request.repeat, output)


def _show(
    console: "Console", plan: "FinalPlan", result: "FinalResult", repeat: bool, output: Output
) -> None:
    """Say what came of it, and of one trained once more whether it is the same."""
    from search.final_view import in_words, print_final
    from studies.final.repeats import Before, compare_seed

    comparison = None
    if repeat:
        before = plan.model.before or Before({}, {})
        (seed,) = (each for each in result.seeds if each.seed in plan.seeds)
        comparison = compare_seed(before, seed, plan.folder)
    if output.as_json:
        more = {"repeat": comparison._asdict()} if comparison else {}
        print_json({**result.to_dict(), **more})
        return
    if output.quiet:
        say(in_words(result))
    else:
        print_final(console, result, plan.folder)
    if comparison:
        console.print(comparison.in_words(), markup=False, soft_wrap=True)


def _trained(
    console: "Console", plan: "FinalPlan", request: FinalRequest, output: Output
) -> "FinalResult":
    """Train the seeds that are left, in view; after a signal say how to go on."""
    from search.final_view import FinalView
    from search.running import SAME_COMMAND, until_stopped
    from studies.final.protocol import train_final
    from studies.workers.who_trains import check_scheduler

    folder = find_data(request.data_dir, output.quiet)
    if not output.quiet:
        _print_plan(console, plan, folder, request.threads)
    check_scheduler(request.scheduler())
    words = f"paused; finished seeds are kept. To go on, {SAME_COMMAND}"
    with until_stopped(words, output) as stop, FinalView(console, output.verbose) as view:
        return train_final(plan, request, folder, view, stop)


def _print_plan(console: "Console", plan: "FinalPlan", data_folder: Path, n_threads: int) -> None:
    from studies.engine.estimate import time_in_words
    from studies.final.plan import estimated_seconds

    result = plan.result
    console.print(f"{result.source}: {result.words}", soft_wrap=True)
    lines = [f"{plan.budget}; judged by {result.judged_by}"]
    if result.encoder is not None:
        of_encoder = result.encoder.loss
        known = f", validation loss {loss(of_encoder)}" if of_encoder else ""
        lines.append(f"encoder: {result.encoder}{known}")
    lines.append(
        f"seeds: {', '.join(map(str, plan.seeds))}; {len(plan.seeds) - len(plan.left)} are done"
    )
    for line in lines:
        console.print(line)
    if plan.left:
        with console.status("estimating how long this will take"):
            seconds = estimated_seconds(plan, data_folder, n_threads)
        console.print(time_in_words(seconds, plan.n_jobs), style="bold")
