"""The installed export and predict commands, end to end, on two small trained studies."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.installed_command import called
from helpers.trained_studies import AE, CLF, TrainedStudies
from PIL import Image

from studies.data.images import CLASS_NAMES, load_train


def run(trained: TrainedStudies, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        **os.environ,
        "XDG_DATA_HOME": str(folder / "home"),
        "FMNIST_SEARCH_DATA": str(trained.data_dir),
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    return called(words, environment, folder)


def export(
    trained: TrainedStudies, folder: Path, *words: str
) -> "subprocess.CompletedProcess[str]":
    return run(trained, folder, "export", *words, "--storage", str(trained.database))


@pytest.fixture
def picture(trained: TrainedStudies, tmp_path: Path) -> Path:
    """A large photograph-like picture: dark on white, in colour."""
    pixels = load_train(trained.data_dir).pixels[0].numpy()
    path = tmp_path / "boot.jpg"
    Image.fromarray(255 - pixels).resize((280, 280)).convert("RGB").save(path)
    return path


@pytest.mark.slow
def test_a_classifier_is_exported_and_classifies_a_picture(
    trained: TrainedStudies, tmp_path: Path, picture: Path
) -> None:
    done = export(trained, tmp_path, f"{CLF}#1", "--out", "model", "--format", "toml")
    assert done.returncode == 0, done.stderr
    assert f"{CLF}#1 is in model: FC 128, sgd; val. accuracy" in done.stdout
    assert "ONNX opset 20, any batch; differs from PyTorch by at most" in done.stdout
    assert {path.name for path in (tmp_path / "model").iterdir()} == {
        "README.md",
        "config.schema.json",
        "config.toml",
        "confusion-matrix.png",
        "encoder.safetensors",
        "metrics.json",
        "model.onnx",
        "model.safetensors",
        "novelty.safetensors",
    }
    shown = run(trained, tmp_path, "predict", "model", "boot.jpg")
    assert shown.returncode == 0, shown.stderr
    assert "boot.jpg: made grey, negated, to light clothing on black, trimmed" in shown.stdout
    assert all(name in shown.stdout for name in CLASS_NAMES)
    answer = run(trained, tmp_path, "predict", "model", "boot.jpg", "boot.jpg", "--json")
    first, second = json.loads(answer.stdout)
    assert first == second
    assert sum(first["probabilities"].values()) == pytest.approx(1)
    assert first["class"] == max(first["probabilities"], key=first["probabilities"].get)
    refused = run(trained, tmp_path, "predict", "model", "boot.jpg", "--out", "new")
    assert refused.returncode == 2
    assert "model is a classifier" in refused.stderr


@pytest.mark.slow
def test_an_autoencoder_is_exported_and_reconstructs_a_picture(
    trained: TrainedStudies, tmp_path: Path, picture: Path
) -> None:
    assert export(trained, tmp_path, AE, "--out", "model").returncode == 0
    shown = run(trained, tmp_path, "predict", "model", "boot.jpg", "--json")
    assert shown.returncode == 0, shown.stderr
    (answer,) = json.loads(shown.stdout)
    assert 0 < answer["loss"] < 2
    with Image.open(tmp_path / answer["reconstruction"]) as image:
        assert image.width > 2 * 280, "what was seen, and beside it what came back"
    again = run(trained, tmp_path, "predict", "model", "boot.jpg")
    assert again.returncode == 1
    assert "error: boot-reconstructed.png exists already" in again.stderr
    elsewhere = run(trained, tmp_path, "predict", "model", "boot.jpg", "--out", "new")
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert (tmp_path / "new" / "boot-reconstructed.png").exists()


@pytest.mark.slow
def test_several_are_exported_at_once_and_never_over_something_else(
    trained: TrainedStudies, tmp_path: Path
) -> None:
    done = export(trained, tmp_path, AE, "--top", "2", "--out", "best")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "best").iterdir()} == {"trial-0", "trial-1"}
    again = export(trained, tmp_path, AE, "--pareto", "--out", "best")
    assert (again.returncode, again.stderr.count("add --overwrite to replace it")) == (1, 1)
    over = export(trained, tmp_path, AE, "--pareto", "--out", "best", "--overwrite")
    assert over.returncode == 0, over.stderr
    assert len(list((tmp_path / "best").iterdir())) == 1


@pytest.mark.slow
def test_an_export_leaves_nothing_of_other_programs_in_the_home(
    trained: TrainedStudies, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    foreign = ("XDG_", "ORT_", "FMNIST_")
    environment = {n: v for n, v in os.environ.items() if not n.startswith(foreign)}
    words = ["export", AE, "--out", "model", "--storage", str(trained.database)]
    code = f"import sys; sys.argv[1:] = {words!r}; from search.app import main; main()"
    subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"HOME": str(home), "FMNIST_SEARCH_DATA": str(trained.data_dir)},
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "model" / "model.onnx").exists()
    left = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    assert {name for name in left if "fmnist-search" not in name} == set()


@pytest.mark.slow
def test_a_picture_that_cannot_be_read_or_believed_is_named_and_the_others_are_predicted(
    trained: TrainedStudies, tmp_path: Path, picture: Path
) -> None:
    assert export(trained, tmp_path, f"{CLF}#1", "--out", "model").returncode == 0
    (tmp_path / "broken.png").write_bytes(b"no picture")
    Image.new("L", (28, 28), 30).save(tmp_path / "blank.png")
    Image.effect_noise((28, 28), 200).save(tmp_path / "noise.png")
    names = ("broken.png", "boot.jpg", "blank.png", "noise.png", "none.png")
    shown = run(trained, tmp_path, "predict", "model", *names)
    assert shown.returncode == 1
    assert all(f"{name}: " in shown.stdout for name in ("boot.jpg", "blank.png", "noise.png"))
    lines = [line.partition(":")[2] for line in shown.stderr.splitlines() if "g: " in line]
    assert [line.split(":")[0].strip() for line in lines] == [n for n in names if n != "boot.jpg"]
    answer = run(trained, tmp_path, "predict", "model", *names, "--json")
    assert answer.returncode == 1
    broken, boot, blank, noise, none = json.loads(answer.stdout)
    assert broken["error"] == "broken.png: not a picture in a format that can be read"
    assert "No such file" in none["error"]
    assert boot["warning"] is None
    assert "the picture is empty" in blank["warning"]
    assert "unlike the training images" in noise["warning"]


@pytest.mark.slow
def test_an_export_of_an_earlier_version_predicts_without_warnings_and_says_so(
    trained: TrainedStudies, tmp_path: Path, picture: Path
) -> None:
    assert export(trained, tmp_path, f"{CLF}#1", "--out", "model").returncode == 0
    path = tmp_path / "model" / "metrics.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    for name in ("novelty.safetensors", "confusion-matrix.png"):
        del metrics["files"][name]
        (tmp_path / "model" / name).unlink()
    del metrics["novelty_format"]
    path.write_text(json.dumps(metrics), encoding="utf-8")
    Image.effect_noise((28, 28), 200).save(tmp_path / "noise.png")
    shown = run(trained, tmp_path, "predict", "model", "boot.jpg", "noise.png")
    assert shown.returncode == 0, shown.stderr
    assert "model was exported by an earlier version" in shown.stderr
    assert "noise.png" not in shown.stderr
