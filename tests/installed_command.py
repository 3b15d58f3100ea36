"""The installed command with folders of its own, for end-to-end tests."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

BUDGET = ("--epochs", "2", "--subset", "600", "--threads", "1")
NARROW = ("--conv1-channels", "8,16", "--conv2-channels", "16,32")
N_PAPER = 5


class Command:
    """The installed command with folders of its own."""

    def __init__(self, home: Path, data_dir: Path) -> None:
        self.home = home
        self.environment = {
            **os.environ,
            "XDG_DATA_HOME": str(home),
            "FMNIST_SEARCH_DATA": str(data_dir),
            "COLUMNS": "100",
            "NO_COLOR": "1",
        }
        self.program = str(Path(sys.executable).with_name("fmnist-search"))

    @property
    def database(self) -> Path:
        return self.home / "fmnist-search" / "studies.db"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.program, *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def trials(self, study: str) -> list[dict[str, Any]]:
        shown = self.run("studies", "show", study, "--json")
        assert shown.returncode == 0, shown.stderr
        trials: list[dict[str, Any]] = json.loads(shown.stdout)["trials"]
        return trials


def says(process: subprocess.Popen[str], words: str) -> bool:
    """Read the process's output until a line has ``words``; False if it ended before."""
    assert process.stdout is not None
    return any(words in line for line in process.stdout)


def states(trials: list[dict[str, Any]]) -> list[str]:
    return [trial["state"] for trial in trials]


def searched(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [t for t in trials if "paper" not in t and t["state"] in ("COMPLETE", "PRUNED")]
