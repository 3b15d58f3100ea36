"""The installed command, end to end, on a small piece of the real data."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture
def command(tmp_path: Path, data_dir: Path) -> Command:
    return Command(tmp_path, data_dir)


def says(process: subprocess.Popen[str], words: str) -> bool:
    """Read the process's output until a line has ``words``; False if it ended before."""
    assert process.stdout is not None
    return any(words in line for line in process.stdout)


def states(trials: list[dict[str, Any]]) -> list[str]:
    return [trial["state"] for trial in trials]


def searched(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [t for t in trials if "paper" not in t and t["state"] in ("COMPLETE", "PRUNED")]


@pytest.mark.slow
def test_a_search_runs_shows_its_results_and_ends_when_typed_again(command: Command) -> None:
    words = ("ae", "--trials", "3", *BUDGET, *NARROW)
    first = command.run(*words)
    assert first.returncode == 0, first.stderr
    assert "measured on this machine: about" in first.stdout
    assert "nothing left to do: 3 of 3 searched trials, 5 of 5 of the paper's" in first.stdout
    before = command.trials("ae-epochs2-subset600")
    assert len(searched(before)) == 3
    again = command.run(*words)
    assert again.returncode == 0
    assert "nothing left to do" in again.stdout
    assert command.trials("ae-epochs2-subset600") == before
    table = command.run("studies", "show", "ae-epochs2-subset600", "--csv").stdout.splitlines()
    assert len(table) == 1 + len(before)
    assert table[0].startswith("number,state,value,paper,dropout,batchnorm,pool1,pool2")
    listed = json.loads(command.run("studies", "--json").stdout)
    assert [(row["name"], row["n_searched"]) for row in listed] == [("ae-epochs2-subset600", 3)]


@pytest.mark.slow
def test_the_papers_protocol_runs_its_five_in_a_study_of_their_own(command: Command) -> None:
    done = command.run("ae", "--protocol", "paper", "--epochs", "1", "--subset", "700")
    assert done.returncode == 0, done.stderr
    assert "nothing left to do: 0 of 0 searched trials, 5 of 5 of the paper's" in done.stdout
    assert "--more" not in done.stdout, "nothing can be searched in it"
    trials = command.trials("ae-paper-epochs1-subset700")
    assert states(trials) == ["COMPLETE"] * N_PAPER


@pytest.mark.slow
def test_dry_run_starts_nothing(command: Command) -> None:
    planned = command.run("ae", "--trials", "3", *BUDGET, *NARROW, "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "to do: 3 searched trials, 5 of the paper's" in planned.stdout
    assert "conv1-channels 8,16" in planned.stdout
    assert not command.database.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_cleanly_and_says_how_to_go_on(
    command: Command, number: signal.Signals, code: int
) -> None:
    process = command.start("ae", "--trials", "2", *BUDGET, *NARROW)
    assert says(process, "#1 paper:batchnorm started")
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
    hint = next(line for line in output.splitlines() if "To go on: " in line)
    assert "Traceback" not in output
    assert "RUNNING" not in states(command.trials("ae-epochs2-subset600"))
    goes_on = command.run(*hint.partition("To go on: fmnist-search ")[2].split())
    assert goes_on.returncode == 0, goes_on.stderr
    trials = command.trials("ae-epochs2-subset600")
    assert len(searched(trials)) == 2
    assert sorted(t["paper"] for t in trials if t["state"] == "COMPLETE" and "paper" in t) == [
        "baseline",
        "batchnorm",
        "channels",
        "dropout",
        "max-avg",
    ]


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing(command: Command) -> None:
    words = ("ae", "--trials", "8", *BUDGET, *NARROW)
    moments = random.Random(0)
    finished: dict[int, dict[str, Any]] = {}
    for _ in range(6):
        process = command.start(*words)
        says(process, "started")
        time.sleep(moments.uniform(0, 1.5))
        process.kill()
        process.communicate()
        now = {t["number"]: t for t in command.trials("ae-epochs2-subset600")}
        assert {n: now[n] for n in finished} == finished, "a finished trial was lost or changed"
        finished = {n: t for n, t in now.items() if t["state"] in ("COMPLETE", "PRUNED")}
    last = command.run(*words)
    assert last.returncode == 0, last.stdout + last.stderr
    trials = command.trials("ae-epochs2-subset600")
    assert len(searched(trials)) == 8
    assert sum("paper" in t and t["state"] == "COMPLETE" for t in trials) == N_PAPER
    assert not {"RUNNING", "WAITING"} & set(states(trials))
    with closing(sqlite3.connect(command.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.slow
def test_a_second_run_of_the_same_study_is_refused_while_the_first_lives(command: Command) -> None:
    words = ("ae", "--trials", "500", *BUDGET, *NARROW)
    process = command.start(*words)
    try:
        assert says(process, "started")
        second = command.run(*words)
    finally:
        process.kill()
        process.communicate()
    assert second.returncode == 1
    assert "is being run by another process" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ae", "--pool2", "mean"), "choose from max, avg"),
        (("ae", "--conv2-channels", "50"), "choose from 16, 32, 64, 96, 128"),
        (("ae", "--dropout", "0.7"), "within 0:0.5"),
        (("ae", "--dropout", "nan"), "within 0:0.5"),
        (("ae", "--trials", "-1"), "--trials"),
        (("ae", "--subset", "10"), "--subset"),
        (("ae", "--timeout", "soon"), "90s, 15m or 2h"),
        (("ae", "--keep-weights", "some"), "neither all, none nor a number"),
        (("ae", "--sampler", "best"), "--sampler"),
        (("ae", "--protocol", "paper", "--trials", "5"), "--trials 0"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_nothing_is_made(
    command: Command, words: tuple[str, ...], message: str
) -> None:
    refused = command.run(*words)
    assert refused.returncode == 2, refused.stderr
    assert message in " ".join(refused.stderr.replace("│", " ").split())
    assert "Traceback" not in refused.stderr
    assert not command.database.exists()


def test_a_damaged_database_is_one_line(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database\n" * 100)
    refused = command.run("studies", "--storage", str(path))
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert refused.stderr.count("\n") == 1
    assert path.read_text() == "not a database\n" * 100


def test_help_and_version_come_without_torch(command: Command) -> None:
    script = (
        "import sys; from search.app import main; sys.argv = ['fmnist-search', 'ae', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "assert not {'torch', 'optuna', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert command.run("--version").stdout.startswith("fmnist-search 0.")
