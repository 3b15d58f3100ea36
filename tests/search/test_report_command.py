"""The installed command on a small piece of the real data, end to end."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import optuna
import pandas
import pytest
from helpers.installed_command import called
from test_ae_command import Command

BUDGET = ("--epochs", "2", "--subset", "600", "--jobs", "1")
AE = "ae-epochs2-subset600"
CLF = "clf-epochs2-subset600"


@pytest.fixture
def command(tmp_path: Path, data_dir: Path) -> Command:
    return Command(tmp_path, data_dir)


def test_where_no_study_is_ours_there_is_nothing_to_report(command: Command) -> None:
    url = f"sqlite:///{command.home / 'others.db'}"
    optuna.create_study(storage=url, study_name="theirs")
    done = called(["report", "--storage", url], command.environment, command.home)
    assert done.returncode != 0
    assert "there are no studies yet" in done.stderr
    assert not (command.home / "report").exists()


@pytest.mark.slow
def test_a_report_of_real_studies_has_every_figure_and_repeats_the_best_trial(
    command: Command, tmp_path: Path
) -> None:
    given = tmp_path / "mine.json"
    given.write_text('{"stage": "autoencoder", "configuration": {"conv1_channels": 8}}')
    for words in (
        ("ae", "--trials", "2", "--sampler", "random", "--pruner", "median"),
        ("ae", "--trials", "4", "--sampler", "qmc", "--enqueue", str(given)),
        ("clf", "--trials", "4"),
    ):
        done = command.run(*words, *BUDGET)
        assert done.returncode == 0, done.stderr
    out = tmp_path / "informe"
    done = command.run("report", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert str(out / "report.html") in done.stdout
    names = {path.stem for path in (out / "figures").glob("*.png")}
    assert {
        "figure-6-losses", "figure-7-reconstructions", "figure-8-curves", "figure-9-confusion",
        "class-errors", "confused-pairs", "kernels", "latent-map", "time",
    } <= names  # fmt: skip
    trials = json.loads(command.run("studies", "show", AE, "--json").stdout)["trials"]
    rows = pandas.read_csv(out / "tables" / "table-3.csv").set_index("name")
    for trial in trials:
        if "paper" in trial:
            assert rows.loc[trial["paper"], "search_validation"] == pytest.approx(trial["value"])
    again = re.search(r"^\$ (fmnist-search train .* --repeat.*)$", _markdown(out), re.MULTILINE)
    assert again is not None
    done = command.run(*shlex.split(again[1])[1:], "--json")
    assert done.returncode == 0, done.stderr
    best = min(t["value"] for t in trials if t["state"] == "COMPLETE")
    document = json.loads(done.stdout)
    (seed,) = document["seeds"]
    assert (document["repeat"]["repeated"], document["repeat"]["same_weights"]) == (True, True)
    assert seed["epochs"]["validation_loss"][-1] == best, "not bit for bit the same"
    assert_repeated(command, out, trials)


def assert_repeated(command: Command, report: Path, trials: list[dict[str, Any]]) -> None:
    """The commands of the page, typed in its folder, make the study's trials once more."""
    pattern = rf"^\$ fmnist-search (ae --study {AE} .*)$"
    commands = re.findall(pattern, _markdown(report), re.MULTILINE)
    assert len(commands) == 2, "the second run had another sampler and a given configuration"
    for words in commands:
        done = called(shlex.split(words), command.environment, report)
        assert done.returncode == 0, done.stderr
    show = ("studies", "show", AE, "--storage", "repeated.db", "--json")
    again = json.loads(called(show, command.environment, report).stdout)["trials"]
    for name in ("config", "value", "state", "paper", "enqueued"):
        assert [t.get(name) for t in again] == [t.get(name) for t in trials]


@pytest.mark.slow
def test_without_weights_and_images_the_report_says_what_is_missing(
    command: Command, tmp_path: Path
) -> None:
    done = command.run("ae", "--trials", "1", *BUDGET, "--keep-weights", "none")
    assert done.returncode == 0, done.stderr
    done = command.run("report", AE, "--out", str(tmp_path / "out"), "--lang", "es")
    assert done.returncode == 0, done.stderr
    text = _markdown(tmp_path / "out")
    assert "No se guardaron los pesos del autoencoder" in text
    assert "buscar clasificadores que partan del mejor encoder" in text


def _markdown(out: Path) -> str:
    return (out / "report.md").read_text(encoding="utf-8")
