"""What a shell is told when somebody presses Tab: studies, trials, the paper's rows, values."""

import io
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, redirect_stdout

import typer

from spaces.stages import STAGES
from studies.storage.glance import study_names, trial_numbers

Completer = Callable[[typer.Context, str], list[str]]

_ASKS = "_FMNIST_SEARCH_COMPLETE"
"""The variable by which a shell asks."""


def studies(context: typer.Context, incomplete: str) -> list[str]:
    """Names of studies, the newest first."""
    return [name for name in study_names(_storage(context)) if name.startswith(incomplete)]


def trials(context: typer.Context, incomplete: str) -> list[str]:
    """Names of studies, and after a ``#`` the trials of one."""
    name, mark, _ = incomplete.rpartition("#")
    if not mark:
        return studies(context, incomplete)
    return [f"{name}#{number}" for number in trial_numbers(_storage(context), name)]


def models(context: typer.Context, incomplete: str) -> list[str]:
    """Studies, trials, and the paper's configurations as ``paper:NAME``."""
    rows = [f"paper:{row.name}" for stage in STAGES.values() for row in stage.paper]
    return [*trials(context, incomplete), *rows]


def encoders(context: typer.Context, incomplete: str) -> list[str]:
    """What an encoder can start from."""
    return [*trials(context, incomplete), "paper", "scratch"]


def values(known: tuple[str, ...]) -> Completer:
    """What completes a dimension's values, several after one another with commas between them."""

    def complete(_context: typer.Context, incomplete: str) -> list[str]:
        before, comma, _ = incomplete.rpartition(",")
        named = before.split(",")
        return [f"{before}{comma}{value}" for value in known if value not in named]

    return complete


@contextmanager
def whole_words() -> Iterator[None]:
    """Let bash complete ``paper:NAME``, which it takes for three words, inside the block.

    They are put together again before the command line reads them; what bash has already, up to
    the colon, is taken off the answers. What a shell would read in an answer is escaped.
    """
    if os.environ.get(_ASKS) != "complete_bash":
        yield
        return
    has_already, answers = _put_together(os.environ), io.StringIO()
    try:
        with redirect_stdout(answers):
            yield
    finally:
        for line in answers.getvalue().splitlines():
            sys.stdout.write(f"{_escaped(line.removeprefix(has_already))}\n")


def _escaped(answer: str) -> str:
    """As bash is to write it into the command line, with a backslash before each blank."""
    return re.sub(r"[^\w@%+=:,./#~-]", r"\\\g<0>", answer)


def _put_together(environment: MutableMapping[str, str]) -> str:
    """Make one word again of words around colons; returns what the last begins with up to one."""
    try:
        words, at = shlex.split(environment["COMP_WORDS"]), int(environment["COMP_CWORD"])
    except (KeyError, ValueError):  # as of a quotation that is still open
        return ""
    words = words[: at + 1] + [""] * (at + 1 - len(words))
    whole: list[str] = []
    for word in words:
        if whole and (word == ":" or whole[-1].endswith(":")):
            whole[-1] += word
        else:
            whole.append(word)
    environment["COMP_WORDS"], environment["COMP_CWORD"] = shlex.join(whole), str(len(whole) - 1)
    before, colon, _ = whole[-1].rpartition(":")
    return before + colon


def _storage(context: typer.Context) -> str | None:
    """The storage that is named so far, by an option or a variable."""
    named: str | None = context.params.get("storage")
    return named or os.environ.get("FMNIST_SEARCH_STORAGE")
