"""The installed command, end to end, on a small piece of the real data."""

import json
import signal
import subprocess
import sys

import pytest
from helpers.installed_command import BUDGET, N_PAPER, NARROW, Command, says, searched, states


@pytest.mark.slow
def test_a_search_runs_shows_its_results_and_ends_when_typed_again(command: Command) -> None:
    words = ("ae", "--trials", "3", *BUDGET, *NARROW)
    first = command.run(*words)
    assert first.returncode == 0, first.stderr
    assert "measured on this machine: about" in first.stdout
    assert "nothing left to do: 3 of 3 searched trials (" in first.stdout
    before = command.trials("ae-epochs2-subset600")
    assert len(searched(before)) == 3
    again = command.run(*words)
    assert again.returncode == 0
    assert "nothing left to do" in again.stdout
    assert command.trials("ae-epochs2-subset600") == before
    table = command.run("studies", "show", "ae-epochs2-subset600", "--csv").stdout.splitlines()
    assert len(table) == 1 + len(before)
    assert table[0].startswith("number,state,value,paper,")
    assert {"dropout", "conv1_channels", "latency_ms"} <= set(table[0].split(","))
    listed = json.loads(command.run("studies", "--json").stdout)
    assert [(row["name"], row["n_searched"]) for row in listed] == [("ae-epochs2-subset600", 3)]


@pytest.mark.slow
def test_the_papers_protocol_runs_its_five_in_a_study_of_their_own(command: Command) -> None:
    done = command.run(
        "ae", "--protocol", "paper", "--epochs", "1", "--subset", "700", "--jobs", "1"
    )
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
@pytest.mark.parametrize(
    ("number", "code", "jobs"), [(signal.SIGHUP, 129, "2"), (signal.SIGTERM, 143, "1")]
)
def test_a_signal_stops_cleanly_and_says_how_to_go_on(
    command: Command, number: signal.Signals, code: int, jobs: str
) -> None:
    process = command.start("ae", "--trials", "2", *BUDGET, *NARROW, "--jobs", jobs)
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
def test_a_second_run_of_the_same_study_is_refused_while_the_first_lives(command: Command) -> None:
    words = ("ae", "--trials", "500", "--jobs", "1", *BUDGET, *NARROW)
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


def test_help_and_version_come_without_torch(command: Command) -> None:
    script = (
        "import sys; from search.app import main; sys.argv = ['fmnist-search', 'ae', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "assert not {'torch', 'optuna', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert command.run("--version").stdout.startswith("fmnist-search 0.")
