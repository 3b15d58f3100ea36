"""The ``config`` command: what every option is set to, and by whom."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, cast

import typer

from search import trust
from search.defaults import (
    FILE,
    Defaults,
    options_of,
    subcommands_of,
    unread_variables,
    variable_of,
)
from search.output import Output, print_json, safe_console, say
from search.search_options import with_options
from spaces.errors import ConfigurationError, TrustError
from spaces.secrets import without_secrets

if TYPE_CHECKING:
    from search.defaults import Command


class Setting(NamedTuple):
    """One option's value."""

    command: str
    option: str
    value: Any
    """None where nothing is set; the option's help says what happens then."""
    source: str
    """Where it comes from: ``default``, a file and its line, or an environment variable."""


@with_options()
def config(
    output: Output,
    context: typer.Context,
    command: Annotated[
        str | None, typer.Argument(help="Only this command's options, such as ae.")
    ] = None,
    agree: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Allow the working folder's fmnist-search.toml, as it is now, to set places and "
            "addresses too.",
        ),
    ] = False,
) -> None:
    """Show the value of every option, and where it comes from.

    The command line takes precedence over environment variables (FMNIST_SEARCH_TRIALS for
    --trials), then come the configuration files, then the built-in defaults. The file is
    fmnist-search.toml in the working folder, or the one that --config names before the command.
    What it leaves out is taken from the file in your folder for settings. Keys at the top apply
    to all commands, keys in a table such as [ae] to one command. --quiet shows only what is set,
    --verbose also each option's variable.

    Examples:
        fmnist-search config ae

        fmnist-search config --trust
    """
    root = cast(typer.Context, context.find_root())
    found: Defaults = root.obj or Defaults()
    if agree:
        _agree(found)
        return
    settings = [s for s in _settings(root, (), found) if command in (None, s.command)]
    if not settings:
        names = dict.fromkeys(s.command for s in _settings(root, (), found))
        near = get_close_matches(command or "", names, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(names)}"
        raise ConfigurationError(f"no command {command!r}; {hint}")
    if output.as_json:
        print_json([s._asdict() for s in settings])
        return
    if output.quiet:
        settings = [s for s in settings if s.source != "default"]
    else:
        files = ", ".join(str(file.path) for file in found.files)
        say(f"configuration file: {files or 'none'}")
    _print(settings, output.verbose)
    for name in unread_variables(root.command):  # type: ignore[arg-type]
        say(f"no option reads the environment variable {name}", err=True)


def _agree(found: Defaults) -> None:
    """Remember that the user agreed to the files that he has not vouched for."""
    files = [file for file in found.files if not file.is_vouched]
    if not files:
        raise TrustError(f"there is no {FILE} here to agree to")
    for file in files:
        trust.agree_to(file)
        say(f"{file.path.absolute()} may now set all options, as long as it does not change")


def _settings(context: typer.Context, place: tuple[str, ...], found: Defaults) -> Iterator[Setting]:
    """Every option of a context's command and of those below."""
    command: Command = context.command  # type: ignore[assignment]
    for key, option in options_of(command).items():
        value, source = option.consume_value(context, {})
        stated = _from_whom(source.name, key, place, found)
        if source.name == "DEFAULT" and value is None:
            # What the help says of a default that is worked out later.
            words = re.search(r"\[default: ([^\]]*)\]", option.help or "")
            value = words[1] if words else None
        yield Setting(" ".join(place), f"--{key.replace('_', '-')}", _hidden(value), stated)
    for name, sub in subcommands_of(command).items():
        inner = typer.Context(sub, info_name=name, parent=context, resilient_parsing=True)
        yield from _settings(inner, (*place, name), found)


def _from_whom(source: str, key: str, place: tuple[str, ...], found: Defaults) -> str:
    if source == "ENVIRONMENT":
        return variable_of(key)
    if source != "DEFAULT_MAP":
        return "default"
    origin = found.stated[*place, key].origin
    waits = key not in trust.HARMLESS and not trust.is_agreed_to(origin.file)
    return f"{origin}, once trusted" if waits else str(origin)


def _hidden(value: Any) -> Any:
    """The value without passwords, for whoever looks over the user's shoulder."""
    if isinstance(value, list | tuple):
        return [_hidden(part) for part in value]
    return without_secrets(str(value)) if isinstance(value, str | Path) else value


def _print(settings: list[Setting], with_variables: bool) -> None:
    """Print a table a command; values stand last, where a long one disturbs no column."""
    from search.fitting_table import FittingColumn, print_fitting

    console = safe_console()
    for command in dict.fromkeys(setting.command for setting in settings):
        own = [setting for setting in settings if setting.command == command]
        words = {
            "option": [setting.option for setting in own],
            "variable": [variable_of(setting.option) for setting in own],
            "from": [setting.source for setting in own],
            "value": ["–" if one.value is None else _shown(one.value) for one in own],
        }
        if not with_variables:
            del words["variable"]
        columns = [FittingColumn(name, cells, is_number=False) for name, cells in words.items()]
        console.print(command, style="bold")
        print_fitting(console, columns, greyed=r"^.* default  .*$")
        console.print()


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
