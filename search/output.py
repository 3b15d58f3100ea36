"""How much a command says, and in which form: the same three options on every command."""

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from spaces.safe_text import visible_lines

if TYPE_CHECKING:
    from rich.console import Console

NOTEBOOK_WIDTH = 100
"""Columns of what is shown under a notebook's cell."""

PIPED_WIDTH = 160
"""Columns of what goes into a file or another program, where a table need not be cut."""

OUTPUT_PANEL = "Output"

QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet",
        help="Print only the result, in few words.",
        rich_help_panel=OUTPUT_PANEL,
        hidden=True,
    ),
]
VerboseOption = Annotated[
    bool,
    typer.Option(
        "--verbose", help="Print more details.", rich_help_panel=OUTPUT_PANEL, hidden=True
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON document; progress goes to stderr.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]


class Output(NamedTuple):
    """What the three options say."""

    quiet: bool = False
    verbose: bool = False
    as_json: bool = False

    def checked(self) -> "Output":
        """Itself.

        Raises:
            typer.BadParameter: more than one of the three is given.
        """
        if sum(self) > 1:
            raise typer.BadParameter("use only one of --quiet, --verbose and --json")
        return self

    def progress_console(self) -> "Console":
        """Where progress and tables go: stdout, stderr beside a document, or nowhere."""
        return safe_console(stderr=self.as_json, quiet=self.quiet)


def safe_console(**options: Any) -> "Console":
    """A console that writes what it is given as it is: no markup, and no unseen characters."""
    from search.safe_console import SafeConsole

    if in_notebook():
        # Lines under a cell cannot be written over, and those of stderr look like errors.
        fixed = {"force_jupyter": False, "force_terminal": False, "color_system": "standard"}
        options = {**fixed, "width": NOTEBOOK_WIDTH, **options, "stderr": False}
    console = SafeConsole(highlight=False, markup=False, **options)
    if not console.is_terminal and "width" not in options and "COLUMNS" not in os.environ:
        console.width = PIPED_WIDTH
    return console


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, which shows HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def say(text: object, **options: Any) -> None:
    """Print text, on whose lines no character works on the terminal; options are of Typer's."""
    color = False if os.environ.get("NO_COLOR") else None
    typer.secho(visible_lines(str(text)), color=color, **options)


def print_json(document: Any) -> None:
    """Print one JSON document on stdout; paths become text."""
    import json

    # Python escapes all but the one control character among ASCII's last.
    text = json.dumps(document, indent=2, default=str).replace("\x7f", r"\u007f")
    typer.echo(text)
