"""The shipped example opens as its README says, and holds what is said there."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from helpers import ROOT
from helpers.installed_command import Command, called

import fmnist_search
from fmnist_search.loaded import AutoencoderModel, ClassifierModel
from studies.records import attributes, trials

EXAMPLE = ROOT / "docs" / "example-report"
WHOLE = ROOT / "docs" / "whole-search"
STORAGE = ("--storage", "docs/example-report/studies.db")


@pytest.fixture
def environment(tmp_path: Path, data_dir: Path) -> dict[str, str]:
    return Command(tmp_path, data_dir).environment


def asked(environment: dict[str, str], *words: str) -> str:
    done = called([*words, *STORAGE], environment, ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_studies_have_the_results_that_its_readme_states(environment: dict[str, str]) -> None:
    readme = (EXAMPLE / "README.md").read_text()
    before = digests()
    for name, scale, digits in (("ae", 1, 4), ("clf", 100, 2)):
        shown = json.loads(asked(environment, "studies", "show", name, "--json"))
        best = shown["summary"]
        assert f"{best['best_value'] * scale:.{digits}f}" in readme
        assert f"{name}{best['best_label']}" in readme
        n_full = best["ended"]["n_to_the_end"]
        assert re.search(rf"`{name}` .*{best['n_paper']} of the paper's, {n_full} searched", readme)
    assert digests() == before, "a look has changed the files"


@pytest.mark.parametrize(
    ("study", "folder", "form"), [("ae", "ae-34", "{:.4f}"), ("clf", "clf-50", "{:.2f}")]
)
def test_its_figures_on_the_test_images_are_those_of_its_readme(
    study: str, folder: str, form: str
) -> None:
    readme = (EXAMPLE / "README.md").read_text()
    best = fmnist_search.load_study(study, EXAMPLE / "studies.db").best_trial
    result = json.loads((EXAMPLE / "results" / folder / "result.json").read_text())
    stored = attributes.of(best)[trials.CONFIG]  # by a version with fewer fields
    encoder = result["configuration"].pop("encoder", {})
    assert stored.pop("encoder", {}).items() <= encoder.items()
    assert stored.items() <= result["configuration"].items()
    summary, scale = result["summary"], 1 if study == "ae" else 100
    half = (summary["high"] - summary["low"]) / 2
    mean, spread = (form.format(scale * value) for value in (summary["mean"], half))
    assert f"**{mean} ± {spread}" in readme
    assert ", ".join(form.format(scale * s[summary["metric"]]) for s in result["seeds"]) in readme


def digests() -> dict[str, str]:
    files = sorted(path for path in EXAMPLE.rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_its_best_models_do_what_the_studies_say_of_them(data_dir: Path) -> None:
    images, labels = (part[:1000] for part in fmnist_search.load_images("validation", data_dir))
    autoencoder, classifier = (
        fmnist_search.load_study(name, EXAMPLE / "studies.db").load() for name in ("ae", "clf")
    )
    assert isinstance(autoencoder, AutoencoderModel)
    assert isinstance(classifier, ClassifierModel)
    assert autoencoder.errors(images).mean() == pytest.approx(0.0115, rel=0.1)
    assert (classifier.predict(images) == labels).mean() == pytest.approx(0.9253, abs=0.03)


def test_the_search_of_the_whole_network_came_to_what_its_readme_states(data_dir: Path) -> None:
    readme = (WHOLE / "README.md").read_text()
    study = fmnist_search.load_study("clf-whole-epochs16", WHOLE / "studies.db")
    assert f"{study.best_value:.2%}".replace("%", " %") in readme
    assert f"`#{study.best_trial.number}`" in readme
    (file,) = WHOLE.glob("results/*/result.json")
    result = json.loads(file.read_text())
    summary, accuracies = result["summary"], [seed["accuracy"] for seed in result["seeds"]]
    half = (summary["high"] - summary["low"]) / 2
    assert result["configuration"] == attributes.of(study.best_trial)[trials.CONFIG]
    assert f"{100 * summary['mean']:.2f} ± {100 * half:.2f} %" in readme
    assert all(f"{100 * accuracy:.2f}" in readme for accuracy in accuracies)
    images, labels = (part[:1000] for part in fmnist_search.load_images("validation", data_dir))
    model = study.load()
    assert isinstance(model, ClassifierModel)
    assert (model.predict(images) == labels).mean() == pytest.approx(study.best_value, abs=0.03)


@pytest.mark.slow
def test_its_card_says_that_the_training_loss_is_of_smoothed_labels(
    environment: dict[str, str], tmp_path: Path
) -> None:
    where = "--storage", "docs/whole-search/studies.db", "--out", str(tmp_path / "exported")
    done = called(["export", "clf-whole-epochs16", *where], environment, ROOT)
    assert done.returncode == 0, done.stderr
    card = (tmp_path / "exported" / "README.md").read_text()
    assert "The training loss is that of labels smoothed by 0.15" in card
