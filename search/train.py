"""The ``train`` command: the final figures of one configuration, over several seeds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from search.data import DataDir, find_data
from search.options import StorageOption
from spaces.budget import N_TRAIN_FILE

if TYPE_CHECKING:
    from rich.console import Console

    from studies.final import FinalPlan

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the results as JSON; progress goes to stderr.")
]


def train(
    model: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG|STUDY[#TRIAL]|paper:NAME",
            help="A configuration's file or exported folder, a study's best trial or any other, or "
            "one of the paper's configurations.",
            show_default=False,
        ),
    ],
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Train with so many seeds.")] = 5,
    protocol: Annotated[
        Literal["final", "paper"],
        typer.Option(
            help="final: train on all 60,000 training images, judge once by the test images. "
            "paper: judge by them after every epoch, as the paper's own tables do."
        ),
    ] = "final",
    repeat: Annotated[
        bool,
        typer.Option(
            "--repeat",
            help="Train once more exactly as the trial was, by its own seed, epochs and images: "
            "gives the same weights.",
        ),
    ] = False,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Passes over the training images.  [default: as it was trained before, else 30]",
            show_default=False,
        ),
    ] = None,
    subset: Annotated[
        int | None,
        typer.Option(
            min=600, max=N_TRAIN_FILE, help="Training images.  [default: all]", show_default=False
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Where a classifier's encoder starts from, as for clf.  [default: as it was "
            "trained before; the paper's for paper:NAME; else the best]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for figures and weights.  [default: one of its name in results, beside "
            "the studies]",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Seeds trained side by side, each in a process.  [default: one per core]",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads each seed trains with.")] = 1,
    dask: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Train on this Dask cluster.", show_default=False),
    ] = None,
    storage: StorageOption = None,
    artifacts: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder with the trials' weights.", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    as_json: JsonOption = False,
) -> None:
    """Train one configuration with several seeds and judge it by the test images.

    Gives each seed's figure, their mean with its 95 % interval, and a classifier's precision and
    recall by class and its confusion matrix. This and the paper's protocol are all that ever reads
    the test images. Typing the command again goes on with the seeds that are left.

    Examples:
        fmnist-search train clf --seeds 5

        fmnist-search train paper:fc-sgd --protocol paper --seeds 3

        fmnist-search train exported/config.json --repeat
    """
    import json

    from rich.console import Console

    from search.running import leave_at_once

    console = Console(highlight=False, stderr=as_json)
    with console.status("loading PyTorch and the model"):
        from search.final_view import FinalView, print_final
        from studies.final import FinalRequest, plan_final, train_final
        from studies.stopping import Interrupted, StopSignal

        request = FinalRequest(
            source=model,
            n_seeds=seeds,
            protocol=protocol,
            repeat=repeat,
            epochs=epochs,
            subset=subset,
            encoder=encoder,
            storage=storage,
            artifacts=artifacts,
            out=out,
            jobs=jobs,
            threads=threads,
            dask=dask,
            data_dir=data_dir,
        )
        plan = plan_final(request)
    folder = find_data(data_dir)
    _print_plan(console, plan, folder)
    stop = StopSignal(leave_at_once)
    try:
        with FinalView(console, plan) as view:
            result = train_final(plan, request, folder, view, stop)
    except Interrupted as error:
        console.print("stopped; finished seeds are kept. To go on, type the same command again")
        raise typer.Exit(128 + (stop.received or 2)) from error
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=1))
    else:
        print_final(console, result, plan.folder)


def _print_plan(console: "Console", plan: "FinalPlan", data_folder: Path) -> None:
    from search.console import duration
    from studies.final import estimated_seconds

    result = plan.result
    lines = [f"{result.source}: {result.words}", f"{plan.budget}; judged by {result.judged_by}"]
    if result.encoder is not None:
        origin = result.encoder
        trial = f"{origin['study']}#{origin['trial']}" if origin["study"] else origin["source"]
        loss = f", validation loss {100 * origin['loss']:.2f} %" if origin["loss"] else ""
        lines.append(f"encoder: {trial}{loss}")
    lines.append(
        f"seeds: {', '.join(map(str, plan.seeds))}; {len(plan.seeds) - len(plan.left)} are done"
    )
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    if plan.left:
        with console.status("measuring how long this will take"):
            seconds = estimated_seconds(plan, data_folder)
        console.print(f"measured on this machine: about {duration(seconds)}", style="bold")
