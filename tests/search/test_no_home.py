"""A process without a home: no HOME, and a user whom the system does not know."""

import os
from pathlib import Path
from unittest import mock

import pytest
from helpers.installed_command import called
from helpers.trained_studies import TrainedStudies

NO_HOME = "there is no home folder"


def run(folder: Path, *words: str) -> tuple[int, str]:
    environment = {"PATH": os.environ["PATH"], "NO_COLOR": "1", "COLUMNS": "100"}
    with mock.patch("pwd.getpwuid", side_effect=KeyError("uid not found")):
        done = called(words, environment, folder)
    assert not (folder / "~").exists()
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("studies",),
        ("report", "--out", "report"),
        ("export", "ae-epochs1-subset600", "--out", "exported"),
        ("train", "clf-epochs1-subset600", "--repeat", "--out", "final"),
        ("clf", "--trials", "0", "--epochs", "1", "--subset", "600", "--jobs", "1", "--dry-run"),
        ("gc", "--dry-run"),
        ("config",),
    ],
    ids=lambda words: words[0],
)
def test_where_every_place_is_named_no_home_is_needed(
    trained: TrainedStudies, tmp_path: Path, words: tuple[str, ...]
) -> None:
    named = [] if words[0] == "config" else ["--storage", trained.database]
    if words[0] not in ("config", "studies"):
        named += ["--artifacts", trained.artifacts]
    if words[0] not in ("config", "studies", "gc"):
        named += ["--data-dir", trained.data_dir]
    code, said = run(tmp_path, *words, *map(str, named))
    assert code == 0, said


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("studies", "--storage FILE"),
        ("studies show ae", "--storage FILE"),
        ("ae --dry-run", "--storage FILE"),
        ("gc --dry-run", "--storage FILE"),
        ("data", "--data-dir"),
        ("ae --storage ~/studies.db", "in full"),
        ("train paper:fc-adam --storage ~/x.db", "in full"),
        ("data --data-dir ~/fashion", "in full"),
        ("train paper:fc-adam --storage postgresql://127.0.0.1:9/d", "127.0.0.1"),
        ("config --trust", "no fmnist-search.toml"),
    ],
)
def test_a_place_that_is_needed_and_not_named_is_one_line(
    tmp_path: Path, words: str, options: str
) -> None:
    code, said = run(tmp_path, *words.split())
    assert code == 1, said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert options in said


def test_a_file_that_nobody_named_can_be_named_where_no_word_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "fmnist-search.toml").write_text('storage = "none.db"\n')
    code, said = run(tmp_path, "config", "--trust")
    assert (code, "name the file with --config" in said) == (1, True)
    code, said = run(tmp_path, "--config", "fmnist-search.toml", "studies")
    assert (code, "there is no database none.db" in said) == (1, True)
