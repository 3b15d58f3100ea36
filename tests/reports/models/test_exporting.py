import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from helpers.made_up_studies import ORIGIN
from helpers.trained_studies import AE, CLF, TrainedStudies
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from reports.models.exporting import ConfigFormat, export_models, pareto_trials, top_trials
from spaces.budget import Budget
from spaces.config_files import read_config
from spaces.errors import StudyError
from studies.data.images import load_split, load_train
from studies.final.results import FinalResult, SeedResult
from studies.networks import exported
from studies.networks.plain import scale_pixels
from studies.records import attributes, trials, weights
from studies.records.references import find_trial
from studies.storage.place import Place
from studies.training.loop import Training

pytestmark = pytest.mark.slow

TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": TEXT, "minItems": 1}


def table(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields)}


def many(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1}


METRIC = table(type=TEXT, value={"type": "number"}, name=TEXT)
RESULT = table(
    task=table(type=TEXT, name=TEXT), dataset=table(type=TEXT, name=TEXT), metrics=many(METRIC)
)
HUB_FIELDS = table(
    license=TEXT,
    pipeline_tag=TEXT,
    tags=TEXTS,
    datasets=TEXTS,
    metrics=TEXTS,
    **{"model-index": many(table(name=TEXT, results=many(RESULT)))},
)
"""What https://github.com/huggingface/hub-docs, modelcard.md, asks of a card's metadata."""

REFERENCES = (f"{AE}#0", f"{CLF}#1")


@pytest.fixture(scope="module")
def pixels(data_dir: Path) -> Tensor:
    return load_train(data_dir).first(100).pixels


def export(
    trained: TrainedStudies,
    reference: str,
    out: Path,
    config_format: ConfigFormat = "json",
    overwrite: bool = False,
) -> Path:
    models = [trained.trial(reference)]
    (done,) = export_models(models, out, trained.data_dir, False, (), config_format, overwrite)
    assert done.folder == out
    return out


@pytest.fixture(scope="module", params=REFERENCES)
def folder(
    request: pytest.FixtureRequest,
    trained: TrainedStudies,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """An autoencoder's folder, and a classifier's."""
    out = tmp_path_factory.mktemp("exports") / "model"
    return export(trained, request.param, out)


def test_others_may_read_the_folder_and_the_trials_files_as_the_umask_says(
    folder: Path, trained: TrainedStudies
) -> None:
    mask = os.umask(0)
    os.umask(mask)
    assert folder.stat().st_mode & 0o777 == 0o777 & ~mask
    files = [*folder.iterdir(), *trained.artifacts.iterdir()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o666 & ~mask}


@pytest.mark.parametrize("config_format", ["json", "toml"])
@pytest.mark.parametrize("reference", REFERENCES)
def test_the_configuration_and_its_training_come_back(
    trained: TrainedStudies,
    tmp_path: Path,
    reference: str,
    config_format: ConfigFormat,
) -> None:
    out = export(trained, reference, tmp_path / "model", config_format)
    attrs = attributes.of(trained.trial(reference).trial)
    file = read_config(out / f"config.{config_format}")
    assert file.config.to_dict() == attrs[trials.CONFIG]
    assert file.trained_with is not None
    assert file.trained_with.seed == attrs[trials.SEED]
    assert (file.trained_with.budget.epochs, file.trained_with.budget.subset) == (1, 600)
    assert file == exported.read_model(out)[:3]


def test_training_again_by_the_folder_alone_gives_the_same_weights(
    folder: Path, data_dir: Path
) -> None:
    model = exported.read_model(folder)
    seed, budget = model.trained_with
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        training = Training(model.config, load_split(data_dir, budget), seed, budget, model.encoder)
        (epoch,) = training
    finally:
        torch.set_num_threads(n_threads)
    weights = load_file(folder / "model.safetensors")
    again = training.network.state_dict()
    assert set(again) == set(weights)
    assert all(torch.equal(again[name], weights[name]) for name in weights)
    assert epoch.validation_loss == model.metrics["last_epoch"]["validation_loss"]


def test_the_onnx_model_agrees_with_pytorch_on_any_number_of_images(
    folder: Path, data_dir: Path
) -> None:
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    images = scale_pixels(load_train(data_dir).first(500).pixels[100:])
    with torch.inference_mode():
        wanted = exported.read_model(folder).network()(images).numpy()
    for n in (1, 7, 400):
        (found,) = session.run(None, {"images": images[:n].numpy()})
        assert np.abs(found - wanted[:n]).max() < 1e-4


@pytest.mark.parametrize(
    ("block", "example", "mine", "as_array"),
    [
        (0, "torch.zeros(1, 28, 28, dtype=torch.uint8)", "torch.tensor({})", ".detach().numpy()"),
        (1, "np.zeros((1, 28, 28), dtype=np.uint8)", "{}", ""),
    ],
    ids=["torch", "onnxruntime"],
)
def test_the_cards_lines_run_where_this_program_is_not(
    folder: Path, pixels: Tensor, tmp_path: Path, block: int, example: str, mine: str, as_array: str
) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)[block]
    assert example in lines
    outputs = "logits" if "logits" in lines else "reconstructions"
    np.save(tmp_path / "pixels.npy", pixels.numpy())
    program = "\n".join(
        (
            "import sys, numpy",
            "for package in ('search', 'reports', 'studies', 'spaces'):",
            "    sys.modules[package] = None  # importing it raises ImportError",
            lines.replace(example, mine.format(f"numpy.load('{tmp_path}/pixels.npy')")),
            f"numpy.save('{tmp_path}/outputs.npy', {outputs}{as_array})",
        )
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with torch.inference_mode():
        wanted = exported.read_model(folder).network()(scale_pixels(pixels)).numpy()
    found = np.load(tmp_path / "outputs.npy")
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 1e-4


def test_the_card_says_what_it_is_how_good_and_what_files_there_are(folder: Path) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    model = exported.read_model(folder)
    assert f"validation loss ↓ | {model.metrics['last_epoch']['validation_loss']:.4f} |" in card
    assert "Trained on 500 of the 60,000 training images" in card
    assert "evaluated on 100 other training images; the test images were not used" in card
    assert f"It is the paper's configuration *{model.metrics['paper']}*." in card
    assert ("| Shirt | " in card) == (model.stage.name == "classifier")
    assert ("clf --encoder DIR" in card) == (model.stage.name == "autoencoder")
    for path in folder.iterdir():
        assert path.name == "README.md" or f"- `{path.name}`: " in card


def test_the_cards_header_is_what_model_hubs_read(folder: Path) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    _, header, text = card.split("---\n", 2)
    fields = yaml.safe_load(header)
    model = exported.read_model(folder)
    jsonschema.validate(fields, HUB_FIELDS)
    (result,) = fields["model-index"][0]["results"]
    (figure,) = result["metrics"]
    last = model.metrics["last_epoch"]
    stored = last.get("validation_accuracy", last["validation_loss"])
    assert figure["value"] == pytest.approx(stored, abs=1e-6)
    assert fields["pipeline_tag"] == result["task"]["type"]
    assert fields["metrics"] == [figure["type"]]
    assert text.startswith("\n# ")


def test_the_card_shows_a_picture_of_what_the_network_does(folder: Path) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    (name,) = re.findall(r"!\[[^]]+\]\((\S+)\)", card)
    with Image.open(folder / name) as image:
        assert (image.format, image.width > 400) == ("PNG", True)
    classifies = exported.read_model(folder).stage.name == "classifier"
    assert name == (exported.CONFUSION if classifies else exported.RECONSTRUCTIONS)


def test_nothing_in_a_folder_tells_where_it_was_made(folder: Path, data_dir: Path) -> None:
    places = [str(Path(exported.__file__).parent), str(Path.home()), str(data_dir)]
    for path in folder.iterdir():
        content = path.read_bytes()
        assert [place for place in places if place.encode() in content] == []


def test_the_best_and_the_pareto_front_go_into_folders_of_their_own(
    trained: TrainedStudies, tmp_path: Path
) -> None:
    study = trained.trial(AE).study
    best = top_trials(study, 5)
    assert [found.trial.values for found in best] == sorted(t.values for t in study.trials())
    told: list[int] = []
    done = export_models(
        best,
        tmp_path / "two",
        trained.data_dir,
        nested=True,
        on_model=lambda model: told.append(model.trial.number),
    )
    assert [each.folder.name for each in done] == [f"trial-{n}" for n in told]
    assert {path.name for path in (tmp_path / "two").iterdir()} == {"trial-0", "trial-1"}
    for each in done:
        assert exported.read_model(each.folder).metrics["trial"] in told
        assert each.sizes["model.onnx"] == (each.folder / "model.onnx").stat().st_size
    # Both have as many parameters, so that only the better one is on the front.
    assert [found.trial.number for found in pareto_trials(study)] == [best[0].trial.number]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_is_there_is_only_replaced_if_told_and_an_export(
    trained: TrainedStudies, tmp_path: Path
) -> None:
    out = export(trained, REFERENCES[0], tmp_path / "model")
    before = contents(tmp_path)
    with pytest.raises(StudyError, match="add --overwrite to replace it"):
        export(trained, REFERENCES[1], out)
    assert contents(tmp_path) == before
    export(trained, REFERENCES[1], out, overwrite=True)
    assert exported.read_model(out).stage.name == "classifier"
    (out / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(StudyError, match="was not made by fmnist-search export"):
        export(trained, REFERENCES[0], out, overwrite=True)
    assert contents(tmp_path) == before


def test_a_file_in_the_way_or_no_right_to_write_is_one_error(
    trained: TrainedStudies, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StudyError, match="was not made by fmnist-search export"):
        export(trained, AE, tmp_path / "file", overwrite=True)
    with pytest.raises(StudyError, match="cannot make the folder"):
        export(trained, AE, tmp_path / "file" / "model")


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_export_that_fails_on_its_way_leaves_nothing_new(
    trained: TrainedStudies, tmp_path: Path, overwrite: bool
) -> None:
    out = tmp_path / "models"
    if overwrite:
        export(trained, AE, out)
    before = contents(tmp_path)

    def interrupt(model: object) -> None:
        if list(tmp_path.glob(".models.*/new/trial-*/README.md")):  # the first is written
            raise KeyboardInterrupt

    models = top_trials(trained.trial(AE).study, 2)
    with pytest.raises(KeyboardInterrupt):
        export_models(
            models,
            out,
            trained.data_dir,
            True,
            overwrite=overwrite,
            on_model=interrupt,
        )
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == (["models"] if overwrite else [])


def test_a_model_whose_weights_were_not_kept_says_how_to_get_them(
    trained: TrainedStudies, tmp_path: Path
) -> None:
    elsewhere = Place.there(str(trained.database), tmp_path / "artifacts")
    with pytest.raises(StudyError, match=r"not kept; .*train 'ae-.*#[01]' --repeat"):
        export_models(
            [find_trial(elsewhere, AE)], tmp_path / "model", trained.data_dir, nested=False
        )
    assert not (tmp_path / "model").exists()


def test_an_onnx_model_that_differs_is_not_handed_out(
    trained: TrainedStudies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studies.networks import onnx_model

    monkeypatch.setattr(onnx_model, "TOLERANCE", 0.0)
    with pytest.raises(StudyError, match=r"differ from PyTorch's by .* nothing was exported"):
        export(trained, AE, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_metrics_are_what_the_trial_holds(folder: Path, trained: TrainedStudies) -> None:
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    trial = trained.trial(f"{metrics['study']}#{metrics['trial']}").trial
    assert metrics["value"] == trial.values[0]
    assert metrics["epochs"] == attributes.of(trial)[trials.EPOCHS]
    assert metrics["onnx"]["opset"] == 20
    assert set(metrics["files"]) == {p.name for p in folder.iterdir()} - {
        "metrics.json",
        "README.md",
    }


def final(trained: TrainedStudies, reference: str, **changes: Any) -> FinalResult:
    """What training the trial's configuration again with two seeds might have come to."""
    study, trial = trained.trial(reference)
    settings = study.settings
    accuracies = (None, None) if settings.stage == "autoencoder" else (0.8, 0.9)
    seeds = (
        SeedResult(seed, loss, accuracy, None, 0.02, accuracy, 1.0, {}, "weights")
        for seed, loss, accuracy in zip((0, 1), (0.02, 0.04), accuracies, strict=True)
    )
    result = FinalResult(
        name="mine",
        source=reference,
        stage=settings.stage,
        configuration=attributes.of(trial)[trials.CONFIG],
        words="",
        budget=Budget(protocol="final"),
        judged_by="10,000 test images",
        encoder=settings.encoder,
        n_threads=1,
        made_with={},
        seeds=tuple(seeds),
    )
    return replace(result, **changes)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (REFERENCES[0], "mean loss 0.0300, 95 % interval -0.0971 to 0.1571, over 2 seeds"),
        (REFERENCES[1], "mean accuracy 85.00 %, 95 % interval 21.47 % to 148.53 %, over 2 seeds"),
    ],
)
def test_the_card_has_the_final_figures_of_the_same_model_and_of_no_other(
    trained: TrainedStudies, tmp_path: Path, reference: str, words: str
) -> None:
    others = [final(trained, other) for other in (f"{AE}#1", f"{CLF}#0")]
    strange = final(trained, REFERENCES[1], encoder=replace(ORIGIN, sha256="another"))
    finals = [*others, strange, final(trained, reference)]
    models, out = [trained.trial(reference)], tmp_path / "model"
    (done,) = export_models(models, out, trained.data_dir, False, finals)
    assert [each["name"] for each in done.metrics["finals"]] == ["mine"]
    card = (out / "README.md").read_text(encoding="utf-8")
    assert f"- {words}; final protocol, 30 epochs" in card
    assert card.count("95 % interval") == 1


@pytest.fixture
def of_earlier_version(trained: TrainedStudies, tmp_path: Path) -> TrainedStudies:
    """A copy whose studies note weights as Optuna does, without checksums."""
    shutil.copytree(trained.database.parent, tmp_path / "copy")
    copied = TrainedStudies(tmp_path / "copy" / "studies.db", trained.data_dir)
    with closing(sqlite3.connect(copied.database)) as database, database:
        n_changed = database.execute(
            "UPDATE trial_system_attributes SET "
            "key = 'artifacts:' || json_extract(value_json, '$.artifact_id'), "
            "value_json = json_quote('' || json_object("
            "'artifact_id', json_extract(value_json, '$.artifact_id'), "
            "'filename', replace(key, 'fmnist-search:file:', ''), "
            "'mimetype', 'application/octet-stream', 'encoding', NULL)) "
            "WHERE key LIKE 'fmnist-search:file:%'"
        ).rowcount
    assert n_changed == 2 * 4, "weights and a state of each trial"
    return copied


@pytest.mark.parametrize("reference", REFERENCES)
def test_weights_without_a_checksum_are_exported_if_they_give_the_stored_figures(
    of_earlier_version: TrainedStudies, tmp_path: Path, reference: str
) -> None:
    out = export(of_earlier_version, reference, tmp_path / "model")
    assert "Their checksum is not known" in (out / "README.md").read_text(encoding="utf-8")
    (artifact_id,) = weights.artifact_ids(of_earlier_version.trial(reference).trial)
    path = of_earlier_version.store().path(artifact_id)
    tensors = load_file(path)
    tensors["encoder.conv1.weight"] *= 2
    save_file(tensors, path)
    with pytest.raises(StudyError, match=r"give a validation loss of .* nothing is exported"):
        export(of_earlier_version, reference, tmp_path / "damaged")
    assert not (tmp_path / "damaged").exists()


@pytest.mark.parametrize("reference", REFERENCES)
def test_what_is_exported_was_judged_again(
    trained: TrainedStudies, tmp_path: Path, reference: str
) -> None:
    out = export(trained, reference, tmp_path / "model")
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    stored = attributes.of(trained.trial(reference).trial)[trials.METRICS]
    assert metrics["judged_again"]["loss"] == pytest.approx(stored["validation_loss"], rel=1e-6)
    assert metrics["judged_again"]["accuracy"] == stored.get("validation_accuracy")
    assert metrics["weights_checksum_known"]
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "weights were evaluated again before they were written, with the same result" in card
