"""The ``predict`` command: what an exported model makes of pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.output import Output, print_json, say
from search.search_options import with_options
from spaces.errors import ConfigurationError
from spaces.safe_text import visible
from spaces.wording import loss, percent

if TYPE_CHECKING:
    from rich.table import Table

    from reports.models.predictions import Prediction


@with_options()
def predict(
    output: Output,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that export made.")],
    pictures: Annotated[
        list[Path], typer.Argument(metavar="PICTURE...", help="Pictures of any size and format.")
    ],
    negate: Annotated[
        bool | None,
        typer.Option(
            "--negate/--no-negate",
            help="Whether the clothing is dark on light.  [default: told by the corners]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for an autoencoder's reconstructions.  [default: beside the pictures]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Classify pictures of clothing, or reconstruct them.

    Each picture is first converted to the format of the training images: 28×28, grey, light
    clothing on black. The output lists the steps, and warns of a picture that is unlike the
    training images. With an autoencoder, shoe.jpg gives shoe-reconstructed.png: input and
    reconstruction side by side. If a picture cannot be read, the error names it, the others are
    predicted, and the exit code is 1.

    Examples:
        fmnist-search predict shirts picture.jpg

        fmnist-search predict best-autoencoder *.png --out reconstructed
    """
    with output.progress_console().status("loading PyTorch"):
        from reports.models import predictions
        from studies.networks.exported import read_model

        model = read_model(folder)
    if out is not None and model.stage.name == "classifier":
        raise ConfigurationError(f"--out is for reconstructions, and {folder} is a classifier")
    done = predictions.predict(model, pictures, negate, out)
    if model.novelty is None:
        say(
            f"{folder} was exported by an earlier version, so there are no warnings of pictures "
            "unlike its training images; export the model again",
            err=True,
            fg="yellow",
        )
    _show(done, output)
    if any(one.error is not None for one in done):
        raise typer.Exit(1)


def _show(done: list["Prediction"], output: Output) -> None:
    if output.as_json:
        print_json([prediction.to_dict() for prediction in done])
    good = [one for one in done if one.error is None]
    if output.quiet:
        for one in good:
            say(f"{visible(str(one.path))}\t{visible(one.in_short())}")
    elif good and not output.as_json:
        _print(good, output)
    for one in done:
        if one.error is not None:
            say(f"error: {visible(one.error)}", err=True, fg="red")
        elif one.warning is not None:
            say(f"warning: {visible(str(one.path))}: {one.warning}", err=True, fg="yellow")


def _print(good: list["Prediction"], output: Output) -> None:
    console = output.progress_console()
    for one in good:
        steps = ", ".join(one.steps) or "used as it is"
        console.print(f"{visible(str(one.path))}: {steps}", soft_wrap=True)
        if output.verbose:
            console.print(_table([one]))
    if not output.verbose:
        console.print(_table(good))


def _table(done: list["Prediction"]) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    if done[0].probabilities is None:
        for heading in ("picture", "squared error ↓", "reconstruction"):
            table.add_column(heading)
        for one in done:
            style = "yellow" if one.warning else None
            cells = (Text(one.path.name), loss(one.loss), Text(str(one.reconstruction)))
            table.add_row(*cells, style=style)
    elif len(done) == 1:
        table.add_column("class")
        table.add_column("probability", justify="right")
        for name, share in done[0].ranked():
            table.add_row(name, percent(share, digits=1))
    else:
        for heading in ("picture", "class", "second", "third"):
            table.add_column(heading)
        for one in done:
            best = [f"{name} {percent(share, digits=1)}" for name, share in one.ranked()[:3]]
            table.add_row(Text(one.path.name), *best, style="yellow" if one.warning else None)
    return table
