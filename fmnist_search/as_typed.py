"""A command's options, given as arguments of a function: read as if they had been typed."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer
from typer.exceptions import TyperException

from search.app import whole_command_line
from search.command import use_files
from search.defaults import find_defaults, options_of
from search.usage import usage_in_words
from spaces.dimensions import as_text
from spaces.errors import ConfigurationError

_OF_OUTPUT = ("quiet", "verbose", "json", "dry_run")
"""What a command prints; a function returns it."""


def read(command: str, **options: Any) -> typer.Context:
    """The command's context, its options read: those given, and of the others what is in force.

    Args:
        command: such as ``ae``; one that needs no arguments.
        options: by their names, with ``_`` for ``-``. None is not given, lists stand for values
            between commas, True and False also for options that take no value.

    Raises:
        ConfigurationError: there is no such option, or it does not take the value.
        TrustError: a configuration file decides what only a person may.
    """
    root = whole_command_line()
    parent = root.make_context("fmnist-search", [], resilient_parsing=True)
    parent.obj = defaults = find_defaults(parent.params["config_file"], root)
    parent.default_map = defaults.as_default_map()
    own: Any = root.commands[command]
    try:
        context: typer.Context = own.make_context(
            command, list(_words(own, options)), parent=parent
        )
    except TyperException as error:
        raise ConfigurationError(usage_in_words(error)) from None
    use_files(context)
    return context


def _words(command: Any, options: dict[str, Any]) -> Iterator[str]:
    """The options as a person types them."""
    known = {key: one for key, one in options_of(command).items() if key not in _OF_OUTPUT}
    for name, value in options.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ConfigurationError(f"{command.name} has no option {name!r}; {hint}")
        if value is None:
            continue
        flag = f"--{name.replace('_', '-')}"
        if known[name].is_flag:
            yield from [flag] if value else []
        elif known[name].multiple and not isinstance(value, str | Path):
            yield from (f"{flag}={one}" for one in value)
        else:
            yield f"{flag}={value if isinstance(value, Path) else as_text(_plain(value))}"


def _plain(value: Any) -> Any:
    """Python's own type of a number of NumPy's, and a list of a tuple."""
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value.item() if hasattr(value, "item") else value
