"""The ``predict`` command: what an exported model makes of pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.output import Output, print_json, say
from search.search_options import with_options
from spaces.errors import ConfigurationError
from spaces.wording import loss, percent

if TYPE_CHECKING:
    from rich.table import Table

    from reports.models.predictions import Prediction


@with_options()
def predict(
    output: Output,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that export made.")],
    pictures: Annotated[
        list[Path], typer.Argument(metavar="PICTURE...", help="Pictures of any size and format.")
    ],
    negate: Annotated[
        bool | None,
        typer.Option(
            "--negate/--no-negate",
            help="Whether clothing is dark on light ground.  [default: as the corners say]",
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

    Pictures are made what the model learned from: 28×28, grey, light clothing on black; what was
    done is said. An autoencoder's reconstruction of shoe.jpg is written to
    shoe-reconstructed.png.

    Examples:
        fmnist-search predict shirts picture.jpg

        fmnist-search predict best-autoencoder *.png --out reconstructed
    """
    with output.progress_console().status("loading PyTorch"):
        from reports.models.predictions import classify, reconstruct
        from studies.networks.exported import read_model
        from studies.networks.plain import Autoencoder

        network = read_model(folder).network()
    if isinstance(network, Autoencoder):
        done = reconstruct(network, pictures, negate, out)
    elif out is not None:
        raise ConfigurationError(f"--out is for reconstructions, and {folder} is a classifier")
    else:
        done = classify(network, pictures, negate)
    _show(done, output)


def _show(done: list["Prediction"], output: Output) -> None:
    if output.as_json:
        print_json([prediction.to_dict() for prediction in done])
    elif output.quiet:
        for prediction in done:
            say(f"{prediction.path}\t{prediction.in_short()}")
    else:
        console = output.progress_console()
        for prediction in done:
            steps = ", ".join(prediction.steps) or "taken as it is"
            console.print(f"{prediction.path}: {steps}", soft_wrap=True)
            if output.verbose:
                console.print(_table([prediction]))
        if not output.verbose:
            console.print(_table(done))


def _table(done: list["Prediction"]) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    if done[0].probabilities is None:
        for heading in ("picture", "squared error", "reconstruction"):
            table.add_column(heading)
        for one in done:
            table.add_row(
                Text(one.path.name), loss(one.loss, digits=4), Text(str(one.reconstruction))
            )
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
            table.add_row(Text(one.path.name), *best)
    return table
