"""Output that a terminal cannot show, or that nobody reads any more, brings no command down."""

import os
import signal
import subprocess
import sys

import pytest
from helpers.installed_command import BUDGET, NARROW, Command, says, searched
from helpers.trained_studies import AE, TrainedStudies

from search.app import whole_command_line
from search.defaults import Command as AnyCommand
from search.defaults import subcommands_of

EVERY_HELP = """
import sys
from search.app import main
for words in {commands!r}:
    sys.argv = ["fmnist-search", *words, "--help"]
    try:
        main()
    except SystemExit as end:
        assert not end.code, words
"""


def every_command(command: AnyCommand, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = subcommands_of(command).items()
    return [
        before,
        *(words for name, sub in below for words in every_command(sub, (*before, name))),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["iso-8859-1", "ascii"])
def test_every_help_can_be_printed_where_signs_are_missing(encoding: str) -> None:
    script = EVERY_HELP.format(commands=every_command(whole_command_line()))
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "100"},
        capture_output=True,
        check=False,
    )
    said = (done.stdout + done.stderr).decode(encoding)
    assert done.returncode == 0, said
    assert "Usage: fmnist-search ae" in said
    assert "?" not in said


def test_signs_that_a_terminal_lacks_are_written_by_others() -> None:
    script = "from search.streams import prepare; prepare(); print('−0.5 ± 1 × 2 → 3 – … ┏━┓ ✓ ä')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"-0.5 +- 1 x 2 -> 3 - ... +-+ ? ?\n"


@pytest.mark.slow
def test_a_search_goes_on_when_the_reader_of_its_output_leaves(command: Command) -> None:
    process = command.start("ae", "--trials", "1", *BUDGET, *NARROW, "--jobs", "1")
    assert says(process, "new study")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(300) == 0
    assert len(searched(command.trials("ae-epochs2-subset600"))) == 1


@pytest.mark.slow
def test_ctrl_c_with_its_reader_gone_is_still_130(command: Command) -> None:
    process = command.start("ae", "--trials", "50", *BUDGET, *NARROW, "--jobs", "1")
    assert says(process, "started")
    assert process.stdout is not None
    process.stdout.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(300) == 130


@pytest.mark.slow
def test_a_list_whose_reader_leaves_ends_in_silence(trained: TrainedStudies) -> None:
    hears, says_to = os.pipe()
    os.close(hears)
    words = ["studies", "show", AE, "--csv", "--storage", str(trained.database)]
    done = subprocess.run(
        [sys.executable, "-c", "from search.app import main; main()", *words],
        stdout=says_to,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(says_to)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_terminal_that_is_gone_is_no_fault() -> None:
    script = "from search.streams import prepare; prepare(); input(); print('unheard', flush=True)"
    terminal, end = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=end,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        os.close(end)
        os.close(terminal)
        _, said = process.communicate(b"\n")
    assert (process.returncode, said) == (0, b"")
