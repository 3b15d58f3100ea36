"""Objectives, limits, given configurations, space files and output forms of the real command."""

import json
from pathlib import Path
from typing import Any

import pytest
from test_ae_command import BUDGET, NARROW, Command, searched

SMALL = (*BUDGET, *NARROW, "--jobs", "1", "--study", "s")


@pytest.fixture
def command(tmp_path: Path, data_dir: Path) -> Command:
    return Command(tmp_path, data_dir)


def document(command: Command, *words: str) -> dict[str, Any]:
    """What a command with ``--json`` prints, which must be one document and nothing else."""
    done = command.run(*words, "--json")
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read


@pytest.mark.slow
def test_a_study_of_loss_and_parameters_shows_its_front_and_goes_on_without_the_option(
    command: Command,
) -> None:
    words = ("--objectives", "loss,params", "--trials", "2", *SMALL)
    done = command.run("ae", *words)
    assert done.returncode == 0, done.stderr
    assert "objectives: loss, params; Optuna cannot prune with several" in done.stdout
    assert "Best trials: the Pareto front of loss, params" in done.stdout
    again = document(command, "ae", "--study", "s", "--more", "1", "--jobs", "1")
    assert again["n_searched"] == 3
    trials = command.trials("s")
    assert all(len(trial["values"]) == 2 for trial in trials)
    assert {trial["state"] for trial in trials} == {"COMPLETE"}
    best = {(t["values"][0], t["values"][1]) for t in trials}
    front = [p for p in best if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in best)]
    joint = [row for row in again["pareto"] if "objectives" in row["fronts"]]
    assert {(row["value"], row["n_parameters"]) for row in joint} == set(front)
    refused = command.run("ae", "--study", "s", "--objectives", "loss,macs", "--trials", "9")
    assert refused.returncode == 1
    assert "objectives: macs, not params" in refused.stderr


@pytest.mark.slow
def test_limits_and_given_configurations_count_among_the_searched_trials(
    command: Command, tmp_path: Path
) -> None:
    given = tmp_path / "mine.json"
    fields = {"conv1_channels": 8, "conv2_channels": 20, "dropout": 0.01}
    given.write_text(json.dumps({"stage": "autoencoder", "configuration": fields}))
    words = ("ae", "--trials", "4", "--max-params", "9000", "--enqueue", str(given), *SMALL)
    done = command.run(*words)
    assert done.returncode == 0, done.stderr
    assert "limit: no more than 9,000 parameters" in done.stdout
    assert "to do: 4 searched trials (1 of them added by you)" in done.stdout
    assert "nothing left to do: 4 of 4 searched trials" in done.stdout
    trials = command.trials("s")
    assert [t["config"]["conv2_channels"] for t in trials if t.get("enqueued")] == [20]
    trained = [t for t in searched(trials) if "epochs" in t]
    assert {t["n_parameters"] > 9000 for t in searched(trials) if t not in trained} <= {True}
    assert all(t["n_parameters"] <= 9000 for t in trained)
    again = document(command, *words)
    assert again["n_searched"] == 4
    assert all(row["n_parameters"] <= 9000 for row in again["best"] + again["pareto"])
    assert command.trials("s") == trials


@pytest.mark.slow
def test_a_space_file_is_as_good_as_options_and_the_command_line_wins(
    command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "space.toml"
    path.write_text('space = "wide"\ndropout = "0:0.2"\nconv1-channels = [8, 16]\nflip = true\n')
    words = ("--space-file", str(path), "--conv1-channels", "32", "--trials", "1", "--dry-run")
    plan = document(command, "ae", *words, *BUDGET, "--jobs", "1")
    assert plan["settings"]["space_name"] == "wide"
    space = plan["settings"]["space"]
    assert (space["dropout"], space["conv1_channels"], space["flip"]) == ("0:0.2", "32", "true")
    assert not command.database.exists()


@pytest.mark.slow
def test_a_quiet_search_prints_its_result_in_one_line(command: Command) -> None:
    done = command.run("ae", "--trials", "1", *SMALL, "--quiet")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("best ")
    assert done.stdout.count("\n") == 1
    shown = command.run("studies", "show", "s", "--quiet")
    assert done.stdout.startswith(shown.stdout.strip())
    assert command.run("studies", "--quiet").stdout == "s\n"
