"""The commands on studies, over made-up studies in a database of their own."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from helpers.installed_command import Command
from helpers.made_up_studies import make
from optuna.trial import create_trial

from spaces.budget import Budget
from studies.records import attributes, trials
from studies.records.pictures import learning_curve
from studies.storage.databases import open_storage, storage_url
from studies.storage.noted_files import put
from studies.storage.place import Place
from studies.storage.sqlite_storages import bring_home
from studies.training.metrics import EpochMetrics

AE = "ae-epochs6-subset2000"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a study of twelve searched trials, of which the last is a repeat."""
    path = tmp_path_factory.mktemp("made") / "studies.db"
    storage = open_storage(storage_url(str(path)))
    study = make(storage, AE, n_trials=11, budget=Budget(6, 2000))
    copied = next(t for t in study.trials if not trials.is_paper(t) and t.state.name == "COMPLETE")
    attrs = {**attributes.of(copied), trials.SAME_AS: copied.number}
    study.add_trial(create_trial(value=copied.value, user_attrs=attrs))
    make(storage, "clf", n_trials=3, stage="classifier", budget=Budget(6))
    bring_home(path, "TRUNCATE")
    return path


@pytest.fixture
def command(made: Path, tmp_path: Path) -> Command:
    """The command, with a copy of that database as its own."""
    command = Command(tmp_path, tmp_path)
    command.database.parent.mkdir()
    shutil.copy(made, command.database)
    return command


@pytest.fixture
def lines(command: Command) -> Callable[..., list[str]]:
    """What the command prints on a terminal of so many columns, as lines."""

    def run(*words: str, columns: int = 80) -> list[str]:
        command.environment["COLUMNS"] = str(columns)
        done = command.run(*words)
        assert done.returncode == 0, done.stderr
        return [line.rstrip() for line in done.stdout.splitlines()]

    return run


def test_each_study_has_a_line_with_its_counts_at_80_columns(
    lines: Callable[..., list[str]],
) -> None:
    shown = lines("studies")
    assert max(map(len, shown)) <= 80
    (line,) = [line for line in shown if line.startswith(AE)]
    assert "12 = " in line
    assert sum(map(int, line.split("12 = ")[1].split()[0].split("+"))) == 12
    assert " 6  paper  " in line


def test_a_wide_terminal_has_the_counts_in_words(lines: Callable[..., list[str]]) -> None:
    (line,) = [line for line in lines("studies", columns=140) if line.startswith(AE)]
    assert "to the end" in line
    assert "1 repeat" in line


def test_the_list_for_machines_says_what_a_study_takes(command: Command) -> None:
    rows = json.loads(command.run("studies", "--json").stdout)
    assert rows[0]["disk"] == {"weights": 0, "states": 0, "pictures": 0}
    assert rows[0]["ended"]["n_repeats"] == 1


def test_one_trial_is_shown_with_configuration_curve_and_costs(
    lines: Callable[..., list[str]],
) -> None:
    shown = lines("studies", "show", f"{AE}#3")
    assert shown[0] == f"{AE}#3 paper:max-avg"
    text = "\n".join(shown)
    for words in ("trained to the end: 6 of 6", "█", "pool2              avg", "seed  ", "18,289"):
        assert words in text
    assert "no files are kept" in text


def test_all_trials_are_listed_a_line_each_the_best_first(
    lines: Callable[..., list[str]],
) -> None:
    shown = lines("studies", "show", AE, "--sort", "value")
    assert max(map(len, shown)) <= 80
    values = [float(line[19:].split()[1]) for line in shown[2:]]
    assert len(values) == 17
    assert values == sorted(values)
    assert sum(" repeat " in line for line in shown) == 1


def test_a_stage_is_taken_for_its_study_and_it_is_said(command: Command) -> None:
    done = command.run("studies", "show", "ae#3", "--quiet")
    assert done.stdout.startswith(f"{AE}#3: complete")
    done = command.run("studies", "show", "ae#3")
    assert f"ae means {AE}, the only study of the autoencoder" in done.stderr
    assert " means " not in command.run("studies", "show", "clf").stderr


def test_a_trial_is_a_document_for_machines(command: Command) -> None:
    shown = json.loads(command.run("studies", "show", f"{AE}#3", "--json").stdout)
    assert shown["number"] == 3
    assert shown["facts"]["seed"] == 7


def test_a_study_is_deleted_only_with_the_users_word(command: Command) -> None:
    done = command.run("studies", "delete", AE)
    assert done.returncode == 2
    assert "add --yes" in done.stderr
    done = command.run("studies", "delete", "ae", "--yes")
    assert done.returncode == 2
    assert f"type the study's full name: {AE}" in done.stderr
    done = command.run("studies", "delete", AE, "--yes")
    assert done.stdout.startswith(f"deleted study '{AE}': 17 trials, 0 files")
    assert command.run("studies", "--quiet").stdout.split() == ["clf"]


def test_a_study_is_renamed_and_copied_to_another_database(command: Command) -> None:
    assert (
        command.run("studies", "rename", "ae", "first").stdout
        == f"study '{AE}' is now called 'first'\n"
    )
    other = str(command.home / "other.db")
    done = command.run("studies", "copy", "first", "--to", other)
    assert done.returncode == 0, done.stderr
    assert "17 trials" in done.stdout
    assert command.run("studies", "--quiet", "--storage", other).stdout.split() == ["first"]
    refused = command.run("studies", "copy", "first", "--to", str(command.database))
    assert "name another one, or add --as NAME" in refused.stderr


def test_a_name_that_nobody_could_type_is_refused(command: Command) -> None:
    done = command.run("studies", "rename", "ae", "a\x1bb")
    assert done.returncode == 2
    assert "NAME must be a name" in done.stderr


def test_searches_are_compared_in_a_table_and_two_figures(
    command: Command, lines: Callable[..., list[str]], tmp_path: Path
) -> None:
    storage = open_storage(storage_url(str(command.database)))
    make(storage, "ae-2", n_trials=6, budget=Budget(6, 2000), seed=1)
    shown = lines("studies", "compare", AE, "ae-2", "--out", str(tmp_path / "figures"))
    assert max(map(len, shown[:4])) <= 80
    assert [line.split()[0] for line in shown[2:4]] == [AE, "ae-2"]
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"comparison-time.png", "comparison-share.svg"} < names
    found = json.loads(command.run("studies", "compare", AE, "ae-2", "--json").stdout)
    assert found["searches"][1]["n_trials"] == 6
    assert "two or more different studies" in command.run("studies", "compare", AE, AE).stderr


def test_gc_says_what_each_study_takes(command: Command, lines: Callable[..., list[str]]) -> None:
    place = Place.to_run(str(command.database), None)
    study = optuna.load_study(study_name=AE, storage=place.storage)
    curve = learning_curve([EpochMetrics(1, 0.5, 0.5, 1.0, 0.1)])
    put(place.artifacts, study.ask(), "learning-curve.png", curve)
    taken = [f"{len(curve) / 1000:.1f}", "kB"]
    shown = lines("gc", "--dry-run")
    assert [line.split() for line in shown if line.startswith((AE, "clf"))] == [
        [AE, *["0.0", "kB"] * 2, *taken, *taken],
        ["clf", *["0.0", "kB"] * 4],
    ]
    assert any("studies delete" in line for line in shown)
