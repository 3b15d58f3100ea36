"""A command's help as text: the options of every day on one screen, or all of them by group."""

import inspect
import re
from collections.abc import Collection, Iterable
from copy import copy
from textwrap import wrap
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from search.streams import writable

Command = TyperCommand | TyperGroup

OPTIONS = "Options"

WIDEST_NAME = 30
"""Characters of an option with its value, beside which its text still begins."""


def write(
    formatter: Any, command: Command, context: typer.Context, leave_out: Collection[str] = ()
) -> None:
    """Write a command's help: usage, what it does, its arguments, options and commands.

    Args:
        formatter: of the context, at most 80 columns wide; it gets the text.
        command: whose help it is.
        context: the command's.
        leave_out: names of the options that the short help does without. If there are any, the
            others stand together, each with the first sentence of its help; else all stand in
            their groups, with all that is to be said.
    """
    is_short = bool(leave_out)
    command.format_usage(context, formatter)
    for paragraph in _paragraphs(command.help or "", formatter.width):
        formatter.write(f"\n{paragraph}\n")
    shown = [p for p in command.get_params(context) if p.name not in leave_out]
    arguments = [p for p in shown if not isinstance(p, TyperOption)]
    _write_list(formatter, "Arguments", _records(arguments, context))
    for title, options in _groups(shown, one_alone=is_short).items():
        records = _records(options, context)
        if is_short:
            records = [(typed, _first_sentence(text)) for typed, text in records]
        _write_list(formatter, title, records)
    if isinstance(command, TyperGroup):
        _write_list(formatter, "Commands", _commands(command))
    formatter.buffer = [writable(text) for text in formatter.buffer]  # it is printed as it is


def _paragraphs(text: str, width: int) -> Iterable[str]:
    """A docstring's paragraphs, wrapped; examples keep their lines, one under the other."""
    together = re.sub(r"\n\n(?= )", "\n", inspect.cleandoc(text))
    for paragraph in together.split("\n\n") if together else ():
        is_list = paragraph.startswith("Examples:")
        yield paragraph if is_list else "\n".join(_wrapped(paragraph, width))


def _groups(params: Iterable[Any], one_alone: bool) -> dict[str, list[TyperOption]]:
    """Options by the title of their group, those without one first."""
    groups: dict[str, list[TyperOption]] = {OPTIONS: []}
    for param in params:
        if isinstance(param, TyperOption):
            title = None if one_alone else param.rich_help_panel
            groups.setdefault(title or OPTIONS, []).append(param)
    return groups


def _records(params: Iterable[Any], context: typer.Context) -> list[tuple[str, str]]:
    """Each parameter as it is typed, and what it does."""
    records = [record for p in params if (record := _unbounded(p).get_help_record(context))]
    return [(typed, " ".join(text.split())) for typed, text in records]


def _first_sentence(text: str) -> str:
    """What an option does, and its default, without what is said in between."""
    found = re.fullmatch(r"(.*?\.) (?:[A-Z].*?)?(\[default: .*\])?", text)
    return " ".join(filter(None, found.groups())) if found else text


def _unbounded(param: Any) -> Any:
    """The parameter without its bounds, which say little until a value is beyond them."""
    shown = copy(param)
    if isinstance(shown, TyperOption):
        shown.min = shown.max = None
    return shown


def _commands(group: TyperGroup) -> list[tuple[str, str]]:
    """Each command below a group, and the first sentence of its help."""
    below = ((name, group.commands[name]) for name in group.commands)
    return [(name, (one.help or "").split("\n\n")[0]) for name, one in below if not one.hidden]


def _write_list(formatter: Any, title: str, rows: list[tuple[str, str]]) -> None:
    """Write names on the left and their texts on the right; a long name has a line of its own."""
    if not rows:
        return
    column = min(WIDEST_NAME, max(len(name) for name, _ in rows)) + 4
    formatter.write(f"\n{title}:\n")
    for name, text in rows:
        lines = _wrapped(text, formatter.width - column) or [""]
        if len(name) + 4 > column:
            lines.insert(0, "")
        beside = f"{typer.style(name, bold=True)}{' ' * (column - 2 - len(name))}{lines[0]}"
        formatter.write(f"  {beside.rstrip()}\n")
        formatter.write("".join(f"{' ' * column}{line}\n" for line in lines[1:]))


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines, of which none ends within a name such as ``--max-params``."""
    return wrap(text, width, break_on_hyphens=False)
