"""Every command's help: the short one fits a screen, the whole one leaves nothing out."""

import os
from collections.abc import Iterator

import pytest
import typer
from helpers.installed_command import called

from search.app import whole_command_line
from search.defaults import Command, options_of, subcommands_of

MOST_LINES = 40
WIDTH = 80


def commands(place: tuple[str, ...], command: Command) -> Iterator[tuple[tuple[str, ...], Command]]:
    yield place, command
    for name, sub in subcommands_of(command).items():
        yield from commands((*place, name), sub)


EVERY = dict(commands((), whole_command_line()))
LEAVES = {place: command for place, command in EVERY.items() if not subcommands_of(command)}


def printed(*words: str) -> str:
    done = called(words, {**os.environ, "COLUMNS": str(WIDTH)})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("place", EVERY, ids=" ".join)
def test_the_short_help_fits_a_screen(place: tuple[str, ...]) -> None:
    lines = printed(*place, "--help").splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize("place", LEAVES, ids=" ".join)
def test_the_whole_help_has_every_option_with_all_its_words(place: tuple[str, ...]) -> None:
    said = printed(*place, "--help-all")
    flat = " ".join(said.split())
    for option in options_of(LEAVES[place]).values():
        assert any(f"\n  {name} " in said for name in option.opts), option.name
        assert " ".join((option.help or "").split()) in flat
    assert max(map(len, said.splitlines())) <= WIDTH


@pytest.mark.parametrize("place", EVERY, ids=" ".join)
def test_each_example_is_a_line_of_its_own_that_begins_with_the_program(
    place: tuple[str, ...],
) -> None:
    _, _, after = printed(*place, "--help").partition("Examples:\n")
    for line in after.partition("\n\n")[0].splitlines():
        assert line.startswith("    fmnist-search ")


def test_what_is_rare_is_left_to_the_whole_help() -> None:
    short, whole = printed("ae", "--help"), printed("ae", "--help-all")
    assert "--help-all" in short
    assert "--trials N" in short
    for option in ("--conv1-channels", "--dask-ca", "--objectives"):
        assert option not in short
        assert option in whole
    assert len(short.splitlines()) < 33


def test_the_short_help_keeps_a_default_and_leaves_out_further_sentences() -> None:
    short = " ".join(printed("clf", "--help").split())
    assert "Encoder that classifiers start from. [default: best trial of the newest" in short
    assert "A study, STUDY#TRIAL" in " ".join(printed("clf", "--help-all").split())


def test_the_shell_completes_what_the_short_help_leaves_out() -> None:
    command = EVERY["ae",]
    found = command.shell_complete(typer.Context(command), "--conv1")  # type: ignore[arg-type]
    assert [item.value for item in found] == ["--conv1-channels"]
