"""What bash is told when somebody presses Tab."""

import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from helpers.installed_command import Command
from helpers.postgres import Postgres

from studies.storage.databases import open_storage, storage_url
from studies.storage.glance import study_names, trial_numbers

ONLY_LIGHT = (
    "import atexit, sys; from search.app import main; "
    "atexit.register(lambda: print(*{'optuna', 'torch', 'sqlalchemy'} & set(sys.modules)))\n"
    "main()"
)


def fill(url: str) -> None:
    storage = open_storage(storage_url(url))
    for name in ("ae", "ae-wide"):
        study = optuna.create_study(storage=storage, study_name=name)
        study.ask()
        study.ask()


@pytest.fixture
def command(tmp_path: Path) -> Command:
    command = Command(tmp_path, tmp_path)
    command.database.parent.mkdir()
    return command


def completed(command: Command, *words: str) -> list[str]:
    """The answers for the last of the words, as bash takes them apart."""
    asked = {"COMP_WORDS": "\n".join(["fmnist-search", *words]), "COMP_CWORD": str(len(words))}
    command.environment |= {**asked, "_FMNIST_SEARCH_COMPLETE": "complete_bash"}
    done = command.run()
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip().splitlines()


def test_names_of_studies_and_trials_are_completed_the_newest_first(command: Command) -> None:
    fill(str(command.database))
    assert completed(command, "studies", "show", "a") == ["ae-wide", "ae"]
    assert completed(command, "export", "ae#") == ["ae#1", "ae#0"]
    assert completed(command, "clf", "--encoder", "ae-w") == ["ae-wide"]
    assert completed(command, "ae", "--study", "ae-w") == ["ae-wide"]


def test_a_name_that_a_shell_would_part_is_escaped(command: Command) -> None:
    storage = open_storage(storage_url(str(command.database)))
    optuna.create_study(storage=storage, study_name="mi año 'ñ'").ask()
    for typed in ("m", "mi\\ a"):
        assert completed(command, "studies", "show", typed) == [r"mi\ año\ \'ñ\'"]


def test_another_storage_is_asked_where_one_is_named(command: Command, tmp_path: Path) -> None:
    fill(str(tmp_path / "other.db"))
    words = ("studies", "show", "--storage", str(tmp_path / "other.db"), "ae-")
    assert completed(command, *words) == ["ae-wide"]


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_without_a_database_nothing_is_said(command: Command, content: bytes | None) -> None:
    if content is not None:
        command.database.write_bytes(content)
    assert completed(command, "studies", "show", "a") == []
    assert completed(command, "studies", "show", "ae#") == []
    assert sorted(path.name for path in command.database.parent.iterdir()) == (
        [] if content is None else ["studies.db"]
    )


def test_the_papers_rows_are_completed_though_bash_parts_words_at_colons(command: Command) -> None:
    assert "paper:fc-sgd" in completed(command, "train", "pa")
    assert completed(command, "train", "paper", ":", "ch") == ["channels"]
    assert "fc-sgd" in completed(command, "train", "paper", ":")


def test_values_of_a_dimension_are_completed_after_a_comma_too(command: Command) -> None:
    assert completed(command, "ae", "--conv1-channels", "1") == ["16", "128"]
    assert completed(command, "ae", "--conv1-channels", "16,6") == ["16,64"]
    assert completed(command, "ae", "--pool2", "") == ["max", "avg"]


def test_a_shell_does_not_wait_for_optuna(command: Command) -> None:
    asked = {"COMP_WORDS": "fmnist-search studies show a", "COMP_CWORD": "3"}
    done = subprocess.run(
        [sys.executable, "-c", ONLY_LIGHT],
        env={**command.environment, **asked, "_FMNIST_SEARCH_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""


def test_names_on_a_server_are_read_and_one_that_is_away_is_no_error(postgres: Postgres) -> None:
    url = postgres.database()
    fill(url)
    assert study_names(url) == ["ae-wide", "ae"]
    assert trial_numbers(url.replace("postgresql", "postgresql+psycopg"), "ae") == [1, 0]
    assert study_names("postgresql://me@127.0.0.1:1/nothing") == []
