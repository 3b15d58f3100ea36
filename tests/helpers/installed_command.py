"""The command with folders of its own, for end-to-end tests."""

import contextlib
import io
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from helpers.warm import Warm
from search.app import main, whole_command_line
from search.defaults import name_variables

BUDGET = ("--epochs", "2", "--subset", "600", "--threads", "1")
NARROW = ("--conv1-channels", "8,16", "--conv2-channels", "16,32")
N_PAPER = 5


def called(
    words: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run the command line in this process, which has loaded PyTorch already; nobody can type."""
    out, err, n_threads = io.StringIO(), io.StringIO(), torch.get_num_threads()
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.multiple(sys, argv=["fmnist-search", *words], stdin=io.StringIO()),
        contextlib.chdir(folder or Path.cwd()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # as in a process of its own; pytest makes errors of them
        name_variables(whole_command_line())
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            torch.set_num_threads(n_threads)
    return subprocess.CompletedProcess(list(words), code, out.getvalue(), err.getvalue())


class Command:
    """The command with folders of its own."""

    def __init__(self, home: Path, data_dir: Path) -> None:
        self.home = home
        self.environment = {
            **os.environ,
            "XDG_DATA_HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "settings"),
            "XDG_STATE_HOME": str(home / "state"),
            "FMNIST_SEARCH_DATA": str(data_dir),
            "COLUMNS": "100",
            "NO_COLOR": "1",
        }

    @property
    def database(self) -> Path:
        return self.home / "fmnist-search" / "studies.db"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return called(words, self.environment)

    def start(self, *words: str) -> Warm:
        return Warm(words, self.environment)

    def trials(self, study: str) -> list[dict[str, Any]]:
        shown = self.run("studies", "show", study, "--json")
        assert shown.returncode == 0, shown.stderr
        trials: list[dict[str, Any]] = json.loads(shown.stdout)["trials"]
        return trials


def says(process: Warm, words: str) -> bool:
    """Read the process's output until a line has ``words``; False if it ended before."""
    assert process.stdout is not None
    return any(words in line for line in process.stdout)


def states(trials: list[dict[str, Any]]) -> list[str]:
    return [trial["state"] for trial in trials]


def searched(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [t for t in trials if "paper" not in t and t["state"] in ("COMPLETE", "PRUNED")]
