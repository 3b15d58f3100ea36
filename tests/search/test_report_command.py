"""The installed command on a small piece of the real data, end to end."""

import json
import re
import shlex
from pathlib import Path

import pandas
import pytest
from test_ae_command import Command

BUDGET = ("--epochs", "2", "--subset", "600", "--jobs", "1")
AE = "ae-epochs2-subset600"
CLF = "clf-epochs2-subset600"


@pytest.fixture
def command(tmp_path: Path, data_dir: Path) -> Command:
    return Command(tmp_path, data_dir)


@pytest.mark.slow
def test_a_report_of_real_studies_has_every_figure_and_repeats_the_best_trial(
    command: Command, tmp_path: Path
) -> None:
    for stage in ("ae", "clf"):
        done = command.run(stage, "--trials", "4", *BUDGET)
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
    (seed,) = json.loads(done.stdout)["seeds"]
    assert seed["epochs"]["validation_loss"][-1] == best, "not bit for bit the same"
    whole = re.search(rf"^\$ (fmnist-search ae --study {AE} .*)$", _markdown(out), re.MULTILINE)
    assert whole is not None
    assert "nothing left to do" in command.run(*shlex.split(whole[1])[1:], "--quiet").stdout


@pytest.mark.slow
def test_without_weights_and_images_the_report_says_what_is_missing(
    command: Command, tmp_path: Path
) -> None:
    done = command.run("ae", "--trials", "1", *BUDGET, "--keep-weights", "none")
    assert done.returncode == 0, done.stderr
    done = command.run("report", AE, "--out", str(tmp_path / "out"), "--lang", "es")
    assert done.returncode == 0, done.stderr
    text = _markdown(tmp_path / "out")
    assert "No se guardaron pesos del autoencoder" in text
    assert "Todavía no se buscaron clasificadores" in text


def _markdown(out: Path) -> str:
    return (out / "report.md").read_text(encoding="utf-8")
