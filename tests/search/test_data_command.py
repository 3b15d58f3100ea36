import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from helpers import ROOT
from typer.testing import CliRunner

from search.data_command import data, find_data
from spaces.errors import DataError
from studies.data.idx_files import FILES
from studies.data.images import CLASS_NAMES

app = typer.Typer()
app.command()(data)
runner = CliRunner()


def test_the_command_shows_the_folder_each_file_and_each_class(data_dir: Path) -> None:
    result = runner.invoke(app, ["--data-dir", str(data_dir)])
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["folder", str(data_dir)] in lines
    for file in FILES:
        assert [file.name, f"{file.n_bytes:,}", f"{file.sha256[:16]}…", "verified"] in lines
    for name in CLASS_NAMES:
        assert [*name.split(), "6,000", "1,000"] in lines
    assert "verified" in result.stderr


def test_json_stands_alone_on_stdout(data_dir: Path) -> None:
    result = runner.invoke(app, ["--data-dir", str(data_dir), "--json"])
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert shown["folder"] == str(data_dir)
    assert [(f["name"], f["bytes"], f["sha256"]) for f in shown["files"]] == list(FILES)
    assert [c["name"] for c in shown["classes"]] == list(CLASS_NAMES)
    assert {(c["train"], c["test"]) for c in shown["classes"]} == {(6000, 1000)}


def test_a_damaged_folder_raises_the_error_that_the_program_shows(
    data_dir: Path, tmp_path: Path
) -> None:
    for file in FILES[1:]:
        shutil.copy(data_dir / file.name, tmp_path)
    (tmp_path / FILES[0].name).write_bytes(b"cut")
    result = runner.invoke(app, ["--data-dir", str(tmp_path)])
    assert isinstance(result.exception, DataError)
    assert result.stdout == ""


def test_the_environment_names_the_folder_for_every_command(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FMNIST_SEARCH_DATA", str(data_dir))
    assert find_data(None) == data_dir
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"Fashion-MNIST: {data_dir} (FMNIST_SEARCH_DATA), verified\n"


def test_the_command_is_declared_without_torch() -> None:
    program = (
        "import sys, search.data_command; sys.exit('torch' in sys.modules or 'rich' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
