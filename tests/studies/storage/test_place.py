"""A database and its artifacts, opened together: to run, to look on."""

import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest

from spaces.errors import StudyError
from studies.storage.place import Place


def test_looking_on_makes_nothing_and_finds_nothing_where_nothing_is(tmp_path: Path) -> None:
    place = Place.to_look_on(str(tmp_path / "studies.db"), None)
    assert optuna.get_all_study_names(place.storage) == []
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_named_must_be_there_to_be_read(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="there is no database"):
        Place.there(str(tmp_path / "studies.db"), None)


def test_what_a_run_writes_is_seen_by_who_looks_on(tmp_path: Path) -> None:
    file = str(tmp_path / "studies.db")
    place = Place.to_run(file, None)
    optuna.create_study(storage=place.storage, study_name="ae")
    assert Path(place.artifacts.place).is_dir()
    assert place.name == f"sqlite:///{file}"
    for looked_at in (Place.to_look_on(file, None), Place.there(file, None)):
        assert optuna.get_all_study_names(looked_at.storage) == ["ae"]


def test_a_database_whose_maker_was_killed_before_its_tables_is_filled_by_the_next(
    tmp_path: Path,
) -> None:
    file = tmp_path / "studies.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    assert file.stat().st_size > 0
    assert optuna.get_all_study_names(Place.to_look_on(str(file), None).storage) == []
    with pytest.raises(StudyError, match="there is nothing in"):
        Place.there(str(file), None)
    optuna.create_study(storage=Place.to_run(str(file), None).storage, study_name="ae")
    assert optuna.get_all_study_names(Place.there(str(file), None).storage) == ["ae"]


def test_artifacts_that_cannot_be_made_are_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StudyError, match="--artifacts"):
        Place.to_run(str(tmp_path / "studies.db"), tmp_path / "file")
