"""Folders and files that must not be written or read: one line and code 1, before any training."""

import re
import shutil
from pathlib import Path

import pytest
from helpers.installed_command import BUDGET, Command, called
from helpers.rights import modes
from helpers.trained_studies import AE, CLF, TrainedStudies

pytestmark = pytest.mark.slow

ONE_MORE = ("ae", "--more", "1", "--jobs", "1", "--study", AE, "--epochs", "1", "--subset", "600")


@pytest.fixture
def studies(trained: TrainedStudies, tmp_path: Path) -> TrainedStudies:
    """The same studies, which a test may change."""
    shutil.copytree(trained.database.parent, tmp_path / "studies")
    return TrainedStudies(tmp_path / "studies" / trained.database.name, trained.data_dir)


def refused(studies: TrainedStudies, *words: str) -> str:
    """The one line of a command that ends with 1, and trained nothing."""
    folder = studies.database.parent
    command = Command(folder.parent / "home", studies.data_dir)
    where = ("--storage", str(studies.database))
    done = called([*words, *where], command.environment, folder.parent)
    assert done.returncode == 1, (done.stdout, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "started" not in done.stdout
    return lines[0]


def test_a_known_artifacts_folder_made_read_only_is_refused_before_anything_is_trained(
    studies: TrainedStudies,
) -> None:
    n_trials = len(studies.trial(f"{AE}#0").study.trials())
    with modes(studies.artifacts, 0o500):
        line = refused(studies, *ONE_MORE)
    assert f"cannot write weights in {studies.artifacts}: Permission denied" in line
    assert len(studies.trial(f"{AE}#0").study.trials()) == n_trials


@pytest.mark.parametrize(
    "words",
    [
        ONE_MORE,
        ("clf", *BUDGET, "--study", "new"),
        ("export", CLF, "--out", "out"),
        ("gc", "--dry-run"),
        ("train", CLF),
    ],
    ids=lambda words: words[0],
)
def test_an_artifacts_folder_that_must_not_be_read_is_one_line(
    studies: TrainedStudies, words: tuple[str, ...]
) -> None:
    with modes(studies.artifacts, 0):
        line = refused(studies, *words)
    assert str(studies.artifacts) in line
    assert "ermission denied" in line


def test_an_unreadable_state_is_not_taken_for_a_damaged_one(studies: TrainedStudies) -> None:
    for file in studies.artifacts.iterdir():
        file.chmod(0)
    with modes(studies.artifacts, 0o700):
        line = refused(studies, "export", CLF, "--out", "out")
    assert "ermission denied" in line
    assert "damaged" not in line


@pytest.mark.parametrize(
    "words",
    [("train", CLF, "--seeds", "1", *BUDGET[:4]), ("report",), ("export", CLF)],
    ids=lambda words: words[0],
)
def test_a_folder_for_results_that_must_not_be_written_is_refused_before_anything_is_done(
    studies: TrainedStudies, tmp_path: Path, words: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    for folder in (out, out / "there"):
        folder.mkdir()
        with modes(folder, 0o500):
            line = refused(studies, *words, "--out", str(out / "there"))
        assert re.match(r"error: (--out: )?cannot (write|make) .*: Permission denied", line), line


def test_a_home_that_must_not_be_written_is_one_line(
    trained: TrainedStudies, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with modes(home, 0o500):
        command = Command(home, trained.data_dir)
        done = called(["ae", "--trials", "1", *BUDGET], command.environment, tmp_path)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert re.search(r"^error: cannot .*Permission denied.*$", done.stderr, re.MULTILINE)
