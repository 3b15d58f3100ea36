"""Commands and groups of ours: what happens before each, and the two lengths of their help.

Before a command runs, it is worked out, said and allowed where its options come from.
"""

from collections.abc import Iterable
from copy import copy
from functools import cached_property
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from search import help_page, trust
from search.defaults import Command, Defaults, FileLine, options_of, variable_of
from search.output import say

_RANKS = {"COMMANDLINE": 3, "ENVIRONMENT": 2, "DEFAULT_MAP": 1}
"""By what beats what; a default has none."""

_HELP_ALL = "help_all"
"""The option's name, also in a context that prints its help."""


class OwnGroup(TyperGroup):
    """A group of commands, with its help as all have it: it has few options, and says them all."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _unhide(self.params)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        help_page.write(formatter, self, ctx)


class OwnCommand(TyperCommand):
    """A command that takes from a file what the file may decide, and says so.

    Options that are declared as hidden are left to ``--help-all``; ``--help`` fits a screen.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.rare = _unhide(self.params)
        """Names of the options that the short help does without."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, and the two options that print help."""
        *own, help_option = super().get_params(ctx)
        return [*own, help_option, self._help_all]

    @cached_property
    def _help_all(self) -> Any:
        help_option: Any = super().get_params(typer.Context(self))[-1]

        def print_all(ctx: Any, param: Any, wanted: bool) -> None:
            ctx.meta[_HELP_ALL] = wanted
            help_option.callback(ctx, param, wanted)

        option = copy(help_option)
        option.name, option.opts = _HELP_ALL, ["--help-all"]
        option.help, option.callback = "Show every option and exit.", print_all
        return option

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, short or whole."""
        help_page.write(formatter, self, ctx, () if ctx.meta.get(_HELP_ALL) else self.rare)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        use_files(ctx)
        return super().invoke(ctx)


def _unhide(params: Iterable[Any]) -> set[str]:
    """Let the shell complete the options that are declared as hidden; their names."""
    hidden = [param for param in params if getattr(param, "hidden", False)]
    for param in hidden:
        param.hidden = False
    return {param.name for param in hidden}


def use_files(context: typer.Context) -> None:
    """Say which options come from files; ask for the user's word where that is needed.

    Args:
        context: a command's, its options read.

    Raises:
        TrustError: a file would decide what only the user may.
    """
    found = origins(context)
    for file in _defaults(context).files:
        taken = {key: origin for key, origin in found.items() if origin.file is file}
        needing_word = [pair for pair in taken.items() if pair[0] not in trust.HARMLESS]
        if needing_word and not trust.is_agreed_to(file):
            trust.ask(file, needing_word)
        if taken:
            options = ", ".join(f"--{key.replace('_', '-')}" for key in taken)
            say(f"from {file.path}: {options}", err=True)


def origins(context: typer.Context) -> dict[str, FileLine]:
    """The options of a command that a file decides, by their names in files, and where it does."""
    place, stated = context.command_path.split()[1:], _defaults(context).stated
    return {
        key: stated[*place, key].origin
        for key, option in options_of(_command(context)).items()
        if _source(context, option.name) == "DEFAULT_MAP"
    }


def say_what_was_not_typed(context: typer.Context, *names: str) -> dict[str, str]:
    """Warn of options that decide figures to be published and that nobody typed.

    Args:
        context: a command's.
        names: of its parameters.

    Returns:
        Those that a variable or a file sets, by name, and which it is.
    """
    files = origins(context)
    not_typed = {
        name: str(files[name]) if name in files else variable_of(name)
        for name in names
        if _source(context, name) in ("ENVIRONMENT", "DEFAULT_MAP")
    }
    for name, giver in not_typed.items():
        value = context.params[name]
        line = f"--{name} was not typed: {giver} sets it to {value}, which affects the figures"
        say(line, err=True, fg="yellow")
    return not_typed


def typed(context: typer.Context, *names: str) -> list[str]:
    """Those of the parameters that were typed, not taken from a file, the environment or a default.

    Args:
        context: the command's.
        names: of its parameters.
    """
    return [name for name in names if _source(context, name) == "COMMANDLINE"]


def nearness(context: typer.Context, name: str) -> tuple[int, int]:
    """How near to the user it is said what a parameter is; the nearer beats the farther."""
    rank, files = _RANKS.get(_source(context, name), 0), _defaults(context).files
    keys = [key for key, option in options_of(_command(context)).items() if option.name == name]
    origin = next((o for key, o in origins(context).items() if key in keys), None)
    return rank, files.index(origin.file) if origin else 0


def _source(context: typer.Context, name: str | None) -> str:
    source = context.get_parameter_source(name or "")
    return source.name if source else "DEFAULT"


def _defaults(context: typer.Context) -> Defaults:
    found: Defaults | None = context.obj
    return found or Defaults()


def _command(context: typer.Context) -> Command:
    return context.command  # type: ignore[return-value]
