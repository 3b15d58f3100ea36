"""The command line: every command by its name, and the one place where errors become lines."""

import errno
import os
import sys
import traceback
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from search.command import OwnCommand, OwnGroup
from search.completion import whole_words
from search.config_command import config
from search.dashboard_command import dashboard
from search.data_command import data
from search.defaults import find_defaults, name_variables
from search.export_command import export
from search.gc_command import gc
from search.output import say
from search.predict_command import predict
from search.report_command import report
from search.reproduce_command import reproduce
from search.run_command import run
from search.search_commands import ae, clf
from search.streams import prepare
from search.studies_command import app as studies_app
from search.train_command import train
from search.usage import usage_in_words
from spaces.errors import ConfigurationError, FaultError, FmnistSearchError, lacks_right
from spaces.safe_text import visible
from spaces.secrets import given_secrets, without_secrets

FAULT = 3
"""Exit code for a run that something around it stopped."""
LONGEST_LINE = 2000
"""Characters of an error, as a name or a value in it can have any length."""
BUG = 70
"""Exit code for errors that nobody foresaw; EX_SOFTWARE of ``sysexits.h``."""

app = typer.Typer(
    name="fmnist-search",
    cls=OwnGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (run, ae, clf, train, reproduce):
    app.command(cls=OwnCommand)(command)
app.add_typer(studies_app, name="studies")
for command in (report, export, predict, dashboard, gc, data, config):
    app.command(cls=OwnCommand)(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"fmnist-search {version('fmnist-search')}")
        raise typer.Exit


@app.callback()
def fmnist_search(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print version."),
    ] = False,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE.toml",
            help="Read defaults of options from this file instead of fmnist-search.toml in the "
            "working folder; see fmnist-search config.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Search hyperparameters of small image models on an ordinary CPU.

    Autoencoders and classifiers on Fashion-MNIST, searched with Optuna and stored in SQLite.
    Every study also trains the configurations of a paper.

    Exit codes: 0 done; 1 something must be fixed first; 2 wrong usage; 3 a fault stopped the
    run, and the same command goes on; 70 a bug. Stopped by a signal: 130 Ctrl-C, 143 SIGTERM,
    129 SIGHUP, 138 SIGUSR1.

    Example: fmnist-search ae --trials 50
    """
    context.obj = found = find_defaults(config_file, whole_command_line())
    context.default_map = found.as_default_map()


@cache
def whole_command_line() -> TyperGroup:
    """Every command, with the environment variables that its options read."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    name_variables(group)
    return group


def main() -> None:
    """Run the command line; errors a user can mend become one line on stderr.

    The help of :func:`fmnist_search` says what the exit codes mean.
    """
    # How long threads spin while they wait for each other. OpenMP's own choice brings training to
    # a hundredth of its speed as soon as another program uses a core; this one costs 7 to 25 % on
    # an idle machine and keeps a third then. Read when torch is loaded, which is later.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    prepare()
    try:
        # Not standalone, it returns what typer.Exit says, and leaves errors to this function.
        with whole_words():
            sys.exit(whole_command_line()(prog_name="fmnist-search", standalone_mode=False))
    except TyperException as error:
        _say(usage_in_words(error))
        sys.exit(error.exit_code)
    except typer.Abort:
        _say("not confirmed; nothing was changed")
        sys.exit(1)
    except FmnistSearchError as error:
        _say(str(error))
        sys.exit(_exit_code(error))
    except Exception as error:
        # A disk was full where nothing else speaks of it, as the one for temporary files.
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            _say(f"{error}; free some space, then the same command goes on")
            sys.exit(FAULT)
        if isinstance(error, OSError) and error.filename and lacks_right(error):
            _say(f"cannot use {error.filename}: {error.strerror}; get permission for it first")
            sys.exit(1)
        say(_hidden(traceback.format_exc()), err=True)
        _say(
            f"a bug in fmnist-search (see above): {type(error).__name__}: {error}. Finished "
            "trials are stored. Please report it with all of this text"
        )
        sys.exit(BUG)


def _exit_code(error: FmnistSearchError) -> int:
    if isinstance(error, ConfigurationError):
        return 2
    return FAULT if isinstance(error, FaultError) else 1


def _say(text: str) -> None:
    """Write one line, whatever names and values in it hold; nothing if there is nothing to say."""
    line = visible(_hidden(text))
    if len(line) > LONGEST_LINE:
        line = f"{line[: LONGEST_LINE // 2]} … {line[-LONGEST_LINE // 2 :]}"
    if line:
        say(f"error: {line}", fg="red", err=True)


def _hidden(text: str) -> str:
    """The text without passwords, those that were typed or are in the environment among them."""
    return without_secrets(text, given_secrets(sys.argv[1:]))
