"""The command line: every command by its name, and the one place where errors become lines."""

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from search.ae import ae
from search.data import data
from search.studies_command import app as studies_app
from spaces.errors import ConfigurationError, FmnistSearchError

app = typer.Typer(
    name="fmnist-search",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command()(ae)
app.command()(data)
app.add_typer(studies_app, name="studies")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fmnist-search {version('fmnist-search')}")
        raise typer.Exit


@app.callback()
def fmnist_search(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print version."),
    ] = False,
) -> None:
    """Search hyperparameters of small image models on an ordinary CPU.

    An autoencoder on Fashion-MNIST, studied with Optuna and stored in SQLite, with the
    configurations of a paper as fixed trials in every study.

    Example: fmnist-search ae --trials 50
    """


def main() -> None:
    """Run the command line; errors a user can mend become one line on stderr.

    Exit codes: 0 done, 1 a stated error, 2 wrong usage, 130 stopped by Ctrl-C, 143 by SIGTERM.
    """
    # How long threads spin while they wait for each other. OpenMP's own choice brings training to
    # a hundredth of its speed as soon as another program uses a core; this one costs 7 to 25 % on
    # an idle machine and keeps a third then. Read when torch is loaded, which is later.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        app()
    except FmnistSearchError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(2 if isinstance(error, ConfigurationError) else 1)
