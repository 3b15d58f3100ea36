"""Files of the user's that are named as our packages are, and come first on Python's path."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT

from fmnist_search import PACKAGES


def run(*words: str, path: Path | None = None, folder: Path = ROOT) -> tuple[int, str]:
    places = [str(place) for place in (path, ROOT) if place]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run(
        [sys.executable, *words], env=environment, cwd=folder, capture_output=True, text=True
    )
    return done.returncode, done.stderr


def in_the_way(folder: Path, name: str, is_package: bool) -> Path:
    path = folder / name / "__init__.py" if is_package else folder / f"{name}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise AssertionError('it was run')\n")
    return path


@pytest.mark.parametrize("is_package", [False, True])
@pytest.mark.parametrize("name", PACKAGES)
def test_a_file_in_the_way_of_a_package_is_named_and_not_run(
    tmp_path: Path, name: str, is_package: bool
) -> None:
    path = in_the_way(tmp_path, name, is_package)
    code, said = run("-P", "-c", "from fmnist_search import main; main()", path=tmp_path)
    assert code == 1
    assert said.startswith(f"error: {path} comes before fmnist-search's own {name!r}")
    assert said.count("\n") == 1
    assert "PYTHONPATH" in said


def test_a_file_beside_the_script_that_is_started_is_named(tmp_path: Path) -> None:
    path = in_the_way(tmp_path, "studies", is_package=False)
    script = tmp_path / "mine.py"
    script.write_text("from fmnist_search import main\nmain()\n")
    code, said = run(str(script))
    assert (code, said.startswith(f"error: {path} comes before")) == (1, True)


def test_the_library_names_a_file_in_the_way_too(tmp_path: Path) -> None:
    path = in_the_way(tmp_path, "search", is_package=False)
    code, said = run("-P", "-c", "import fmnist_search; fmnist_search.search", path=tmp_path)
    assert code == 1
    assert said.splitlines()[-1].startswith(f"ImportError: {path} comes before")


def test_with_nothing_in_the_way_the_command_begins(tmp_path: Path) -> None:
    in_the_way(tmp_path, "studies", is_package=False)  # in the working folder, which is no matter
    program = "import sys; sys.argv[1:] = ['--version']; from fmnist_search import main; main()"
    assert run("-P", "-c", program, folder=tmp_path) == (0, "")
