"""The three options that say how much is said, and in which form: the same on every command."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import search
from search.app import main, whole_command_line
from search.defaults import Command, options_of, subcommands_of
from search.output import JsonOption, QuietOption, VerboseOption

THREE = ("quiet", "verbose", "json")
ARGUMENTS = {
    "train": ["ae"],
    "export": ["ae", "--out", "new"],
    "predict": ["model", "shirt.png"],
    "studies show": ["ae"],
    "studies delete": ["ae"],
    "studies rename": ["ae", "new"],
    "studies copy": ["ae", "--to", "other.db"],
    "studies compare": ["ae", "clf"],
}
"""What a command cannot do without."""


def commands(group: Command, before: str = "") -> Iterator[tuple[str, Command]]:
    for name, command in subcommands_of(group).items():
        yield f"{before}{name}", command
        yield from commands(command, f"{before}{name} ")


PRINTING = [pair for pair in commands(whole_command_line()) if pair[0] != "dashboard"]


@pytest.mark.parametrize(("name", "command"), PRINTING, ids=[name for name, _ in PRINTING])
def test_every_command_has_the_three_options_with_the_same_words(
    name: str, command: Command
) -> None:
    assert name
    declared = [get_args(kind)[1] for kind in (QuietOption, VerboseOption, JsonOption)]
    options = options_of(command)
    assert [options[key].help for key in THREE] == [option.help for option in declared]


@pytest.mark.parametrize("pair", [THREE[:2], THREE[1:], (THREE[0], THREE[2])], ids="-".join)
@pytest.mark.parametrize("name", [name for name, _ in PRINTING])
def test_two_of_them_contradict(
    name: str,
    pair: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [*name.split(), *ARGUMENTS.get(name, []), *(f"--{option}" for option in pair)]
    monkeypatch.setattr("sys.argv", ["fmnist-search", *words])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    assert (end.value.code, said.out) == (2, "")
    assert said.err.startswith(
        "error: use only one of --quiet, --verbose and --json; see fmnist-search"
    )


def test_whatever_is_printed_is_made_safe_for_a_terminal() -> None:
    """Commands print by ``say``, ``print_json`` and ``safe_console`` alone."""
    own = {"output.py", "safe_console.py"}
    files = [p for p in Path(search.__file__).parent.glob("*.py") if p.name not in own]
    printing = re.compile(r"\btyper\.s?echo\(|(?<![.\w])print\(|(?<![.\w])Console\(")
    assert not [p.name for p in files if printing.search(p.read_text())]
