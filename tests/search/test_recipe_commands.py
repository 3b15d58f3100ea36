"""The commands that run several searches or the final protocol, end to end on small budgets."""

import json
import math
import signal
import statistics
from pathlib import Path
from typing import Any

import optuna
import pytest
from helpers.installed_command import searched
from test_ae_command import Command, says, states

from reports.page.folder import holds_only_a_report
from studies.records.settings import EncoderOrigin, load

BUDGET = ("--epochs", "1", "--subset", "600", "--jobs", "1")
AE, CLF = "ae-paper-epochs1-subset600", "clf-paper-epochs1-subset600"


@pytest.fixture
def command(tmp_path: Path, data_dir: Path) -> Command:
    return Command(tmp_path, data_dir)


def document(command: Command, *words: str) -> dict[str, Any]:
    """What a command with ``--json`` prints, which must be one document and nothing else."""
    done = command.run(*words, "--json")
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read


def encoder_of(command: Command, study: str) -> EncoderOrigin:
    storage = f"sqlite:///{command.database}"
    settings = load(optuna.load_study(study_name=study, storage=storage))
    assert settings.encoder is not None
    return settings.encoder


@pytest.mark.slow
def test_reproduce_goes_on_after_a_kill_and_gives_means_over_the_seeds(command: Command) -> None:
    words = ("reproduce", "--seeds", "2", *BUDGET)
    process = command.start(*words)
    assert says(process, "paper:fc10-adam started")
    process.kill()
    process.communicate()
    first = {t["paper"]: t for t in command.trials(AE)}
    assert len(first) == 5
    tables = document(command, *words)
    assert tables["autoencoder"]["studies"] == [AE, f"{AE}-seed1"]
    assert tables["classifier"]["studies"] == [CLF, f"{CLF}-seed1"]
    assert {t["paper"]: t for t in command.trials(AE)} == first, "nothing is trained again"
    for seed in ("", "-seed1"):
        origin = encoder_of(command, CLF + seed)
        assert origin.study == AE + seed
        assert command.trials(AE + seed)[origin.trial]["paper"] == "channels"
    for stage, study in (("autoencoder", AE), ("classifier", CLF)):
        both = [
            t
            for name in (study, f"{study}-seed1")
            for t in command.trials(name)
            if t["state"] == "COMPLETE"
        ]
        assert len(both) == 2 * len(tables[stage]["rows"])
        for name, figures in tables[stage]["rows"].items():
            for metric, figure in figures.items():
                values = [t["metrics"][metric] for t in both if t["paper"] == name]
                assert figure["mean"] == pytest.approx(statistics.mean(values))
                assert figure["deviation"] == pytest.approx(statistics.stdev(values))
                assert figure["n_seeds"] == 2
                # Half of the mean's interval: t(0.975, 1) · s / √2 = 12.706 · s / 1.4142.
                half = 12.7062 * statistics.stdev(values) / math.sqrt(2)
                assert figure["high"] - figure["mean"] == pytest.approx(half, rel=1e-4)
                assert (figure["verdict"], figure["why"]) == ("cannot say", "less training")
    rows = tables["classifier"]["rows"]
    assert rows["fc-sgd"]["validation_accuracy"]["published"] == 0.9148
    one = command.run("reproduce", *BUDGET)
    assert one.returncode == 0, one.stderr
    for title in ("Table 3, loss", "Table 4, accuracy", "Table 5, loss"):
        assert title in one.stdout
    words_of_one = " ".join(one.stdout.split())
    assert "diff." not in words_of_one, "nothing follows from less training"
    assert "In brackets, not to be compared: the paper trained for 30 epochs" in words_of_one


@pytest.mark.slow
def test_run_goes_on_after_a_signal_and_ends_with_the_report(
    command: Command, tmp_path: Path
) -> None:
    words = ("run", "--trials", "1", *BUDGET, "--out", str(tmp_path / "report"))
    process = command.start(*words)
    assert says(process, "paper:fc10-adam started")
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "To go on: type the same command again" in rest
    before = command.trials("ae-epochs1-subset600")
    done = command.run(*words)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report" / "report.html").read_text()
    assert "clf-epochs1-subset600" in page
    assert command.trials("ae-epochs1-subset600") == before
    trials = command.trials("clf-epochs1-subset600")
    assert states(trials).count("COMPLETE") + states(trials).count("PRUNED") == 4
    assert encoder_of(command, "clf-epochs1-subset600").study == "ae-epochs1-subset600"
    assert holds_only_a_report(tmp_path / "report")


@pytest.mark.slow
def test_the_papers_encoder_is_trained_first_where_nobody_has(command: Command) -> None:
    words = ("clf", "--encoder", "paper", "--trials", "0", *BUDGET)
    planned = command.run(*words, "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert (
        "the paper's best autoencoder has not been trained with this budget yet" in planned.stdout
    )
    assert "1 of the paper's (channels)" in planned.stdout
    assert not command.database.exists()
    shown = document(command, *words)
    assert shown["n_paper"] == 3
    autoencoders = command.trials("ae-epochs1-subset600")
    assert [t["paper"] for t in autoencoders] == ["channels"]
    assert encoder_of(command, "clf-epochs1-subset600").study == "ae-epochs1-subset600"
    again = command.run(*words)
    assert again.returncode == 0, again.stderr
    assert "not trained" not in again.stdout
    assert command.trials("ae-epochs1-subset600") == autoencoders


@pytest.mark.slow
def test_classifiers_come_to_the_same_one_by_one_and_side_by_side(
    tmp_path: Path, data_dir: Path
) -> None:
    frozen = tmp_path / "frozen.json"
    fields = {"fc_width": 64, "freeze": "encoder", "dropout": 0.2}
    frozen.write_text(json.dumps({"stage": "classifier", "configuration": fields}))
    found = []
    for jobs in ("1", "2"):
        home = Command(tmp_path / jobs, data_dir)
        words = ("clf", "--encoder", "scratch", "--trials", "1", "--enqueue", str(frozen))
        budget = ("--epochs", "2", "--subset", "600", "--pruner", "none", "--jobs", jobs)
        done = home.run(*words, "--study", "s", *budget)
        assert done.returncode == 0, done.stderr
        trials = home.trials("s")
        assert states(trials) == ["COMPLETE"] * 4
        found.append(
            {
                t["configuration"]: {
                    name: column for name, column in t["epochs"].items() if "seconds" not in name
                }
                for t in trials
            }
        )
    assert found[0] == found[1]
    assert "FC 64, adam, encoder frozen, dropout 0.2" in found[0]


@pytest.mark.slow
def test_a_whole_network_is_searched_trained_again_and_reported(
    command: Command, tmp_path: Path
) -> None:
    whole = ("clf", "--space", "whole", "--encoder-conv1-channels", "8,16", *BUDGET)
    study = "clf-whole-epochs1-subset600"
    refused = command.run(*whole, "--encoder", "paper", "--trials", "2")
    assert refused.returncode == 1
    assert "leave --encoder paper out" in refused.stderr
    assert command.run(*whole, "--trials", "2").returncode == 0
    goes_on = document(command, *whole, "--trials", "3", "--encoder", "scratch")
    assert goes_on["study"] == study
    first, *_ = searched(command.trials(study))
    encoder = first["config"]["encoder"]
    assert first["params"]["encoder_conv1_channels"] == encoder["conv1_channels"]
    assert encoder["conv1_channels"] in (8, 16)
    assert first["configuration"].startswith(f"encoder {encoder['conv1_channels']}/")
    name = f"{study}#{first['number']}"
    shown = document(command, "studies", "show", name)
    assert shown["params"] == first["params"]
    again = document(command, "train", name, "--repeat", "--jobs", "1")
    assert again["encoder"]["config"] == encoder
    assert again["words"] == first["configuration"]
    assert again["seeds"][0]["loss"] == pytest.approx(first["metrics"]["validation_loss"])
    assert command.run("export", name, "--out", str(tmp_path / "model")).returncode == 0
    report = command.run("report", "--out", str(tmp_path / "report"))
    assert report.returncode == 0, report.stderr
    assert "encoder-conv1-channels" in (tmp_path / "report" / "report.md").read_text()


@pytest.mark.slow
def test_train_gives_the_same_figures_side_by_side_and_keeps_them(
    command: Command, tmp_path: Path
) -> None:
    config = tmp_path / "small.json"
    fields = {"conv1_channels": 4, "conv2_channels": 6}
    config.write_text(json.dumps({"stage": "autoencoder", "configuration": fields}))
    words = ("train", str(config), "--seeds", "2", "--epochs", "1", "--subset", "600")
    out = tmp_path / "one"
    one = document(command, *words, "--jobs", "1", "--out", str(out))
    two = document(command, *words, "--jobs", "2")
    assert [s["loss"] for s in one["seeds"]] == [s["loss"] for s in two["seeds"]]
    assert one["summary"] == two["summary"]
    assert json.loads((out / "result.json").read_text()) == one
    results = list((command.home / "fmnist-search" / "results").iterdir())
    assert len(results) == 1
    kept = {path.name for path in results[0].iterdir() if not path.name.startswith(".")}
    assert kept == {"result.json", "seed0.safetensors", "seed1.safetensors", "reconstructions.png"}
    shown = command.run(*words)
    assert shown.returncode == 0, shown.stderr
    assert "(95 %, t over 2 seeds); judged by 10,000 test images, once" in shown.stdout
    assert "standard error" not in shown.stdout, "of a loss none is known"
