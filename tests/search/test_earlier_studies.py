"""Studies of an earlier version are listed, resumed, promoted, reported and exported."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT
from helpers.installed_command import Command

EARLIER = ROOT / "tests" / "fixtures" / "earlier-version"
GOES_ON = (
    *("ae", "--study", "ae", "--trials", "20", "--promote", "1", "--pruner", "none"),
    *("--epochs", "4", "--subset", "1200", "--seed", "1", "--jobs", "1", "--keep-weights", "1"),
    *("--conv1-channels", "16", "--conv2-channels", "32"),
)
"""As the study was made, and one trial more, one promoted."""
REL = 1e-3
"""Between processors the last bits differ."""


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Command:
    """The command, with a copy of the earlier version's database as its own."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(EARLIER, home / "fmnist-search")
    return Command(home, data_dir)


@pytest.fixture(scope="module")
def before(command: Command) -> list[dict[str, Any]]:
    return command.trials("ae")


@pytest.fixture(scope="module")
def after(command: Command, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    done = command.run(*GOES_ON)
    assert done.returncode == 0, done.stderr
    return command.trials("ae")


def test_its_trials_are_read_as_they_were(before: list[dict[str, Any]]) -> None:
    assert [t["state"] for t in before].count("COMPLETE") == 16
    assert before[25]["state"] == "RUNNING"
    assert before[4]["value"] == pytest.approx(0.11290258169174194, rel=1e-12)
    assert before[9]["epochs"]["epoch"] == [1, 2]


@pytest.mark.slow
def test_what_was_killed_goes_on_to_the_value_it_had_come_to(after: list[dict[str, Any]]) -> None:
    assert after[25]["state"] == "FAIL"
    assert after[26]["value"] == pytest.approx(0.230703741312027, rel=REL)
    assert after[26]["goes_on_from"] == {"study": "ae", "trial": 25, "epochs": 1}


@pytest.mark.slow
def test_a_pruned_trial_is_promoted_from_where_it_stood(after: list[dict[str, Any]]) -> None:
    assert after[27]["value"] == pytest.approx(0.259569197893143, rel=REL)
    assert after[27]["goes_on_from"] == {"study": "ae", "trial": 9, "epochs": 2}


@pytest.mark.slow
def test_nothing_that_was_there_is_changed(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    assert after[:25] == before[:25]


@pytest.mark.slow
def test_it_is_reported_exported_and_started_from(command: Command, tmp_path: Path) -> None:
    words = ("report", "ae", "clf", "--out", str(tmp_path / "report"))
    done = command.run(*words)
    assert done.returncode == 0, done.stderr
    assert "16/32" in (tmp_path / "report" / "report.md").read_text()
    done = command.run("export", "ae#7", "--out", str(tmp_path / "model"))
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text())
    assert metrics["judged_again"]
    clf = ("clf", "--study", "clf", "--trials", "3", "--epochs", "4", "--subset", "1200")
    done = command.run(*clf, "--seed", "1", "--jobs", "1", "--encoder", "ae#7")
    assert done.returncode == 0, done.stderr
    new = [t for t in command.trials("clf") if "promoted" not in t]
    assert len(new) == 6, "by promotion one that was pruned then may go on besides"
