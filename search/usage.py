"""Wrong usage in one line: what was typed, the nearest that is right, and whose help to read."""

from difflib import get_close_matches
from typing import Any

from typer.exceptions import TyperException

from search.defaults import subcommands_of
from spaces.secrets import without_secrets

LONGEST_VALUE = 60
"""Characters of a value that are repeated to whoever typed it."""


def usage_in_words(error: TyperException) -> str:
    """What Typer has against a command line, as the line to show; empty if all was said."""
    what = " ".join(error.format_message().replace("Value error, ", "").split())
    if not what:
        return ""
    what = what.removeprefix("Invalid value: ").partition(" (Possible options")[0].rstrip(".")
    value, hint, context = _value(error), _hint(error), getattr(error, "ctx", None)
    line = what[:1].lower() + what[1:]
    if value is not None and repr(value) not in what:
        line += f"; got {_shortened(without_secrets(repr(value)))}"
    if hint:
        line += f"; {hint}"
    if context is not None:
        line += " See" if line.endswith("?") else "; see"
        rare = getattr(context.command, "rare", ())
        option = getattr(getattr(error, "param", None), "name", None)
        line += f" {context.command_path} {'--help-all' if option in rare else '--help'}"
    return line


def _value(error: TyperException) -> Any:
    """The value that does not fit its option, where it is known."""
    found = getattr(error.__cause__, "errors", None)  # of pydantic, by which Typer reads values
    return found()[0]["input"] if found is not None else None


def _hint(error: TyperException) -> str:
    """The option or the choice that was probably meant, or where the option is to stand."""
    options = getattr(error, "possibilities", None)
    if options is not None:
        return f"did you mean {options[0]}?" if options else _where_it_belongs(error)
    descriptor = getattr(getattr(error, "param", None), "type_descriptor", None)
    choices = map(str, (descriptor and descriptor.choices) or ())
    near = get_close_matches(str(_value(error)), choices, n=1)
    return f"did you mean {near[0]}?" if near else ""


def _where_it_belongs(error: Any) -> str:
    """The commands below that have the option, which was given before one of them."""
    if error.ctx is None:
        return ""
    below = subcommands_of(error.ctx.command).items()
    names = [n for n, sub in below if any(error.option_name in p.opts for p in sub.params)]
    return f"give it after the command: {', '.join(names)}" if names else ""


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
