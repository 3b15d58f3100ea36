"""One study of a database that makes no sense takes no other down, and is named with its reason."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from helpers.installed_command import called
from helpers.trained_studies import AE, CLF, TrainedStudies
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.analysis.chosen_studies import choose
from reports.analysis.tables import list_studies, summary
from reports.analysis.values import csv_text, every_trial, trials_frame
from reports.figures.dashboard_plots import refresh
from reports.page.making import build
from spaces.budget import Budget
from spaces.errors import NoEncoderError, StudyError
from studies.records import encoders
from studies.records.attributes import RECORD_PREFIX
from studies.records.garbage import survey
from studies.records.readable import table_of
from studies.records.references import all_studies, find_study, find_trial
from studies.storage.databases import open_storage, storage_url
from studies.storage.place import Place

pytestmark = pytest.mark.slow

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([10**30, "\ud800", "../..", -1, 0, "autoencoder", "null"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
TABLES = (
    *("study_user_attributes", "study_system_attributes"),
    *("trial_user_attributes", "trial_system_attributes"),
)


class Change(NamedTuple):
    """One attribute, by its place among those of its table, and what it is to hold."""

    table: str
    place: int
    value: Any
    within: int | None
    """Which of its fields is changed; None for all of it."""


CHANGES = st.builds(
    Change, st.sampled_from(TABLES), st.integers(0, 400), JSON, st.none() | st.integers(0, 20)
)


@contextmanager
def changed(trained: TrainedStudies, changes: list[Change], place: Path) -> Iterator[Path]:
    """A copy of the database in which some attributes were overwritten."""
    database = place / "studies.db"
    shutil.copy(trained.database, database)
    with closing(sqlite3.connect(database)) as connection:
        for table, number, value, within in changes:
            rows = connection.execute(f"SELECT rowid, value_json FROM {table}").fetchall()
            if not rows:
                continue
            row, text = rows[number % len(rows)]
            before = json.loads(text)
            with suppress(ValueError):  # no text of a table
                before = table_of(before)
            if within is not None and isinstance(before, dict) and before:
                key = list(before)[within % len(before)]
                value = {**before, key: value}
            connection.execute(
                f"UPDATE {table} SET value_json = ? WHERE rowid = ?", (json.dumps(value), row)
            )
        connection.commit()
    yield database


def read_everything(trained: TrainedStudies, database: Path, with_report: bool) -> None:
    """As every command does that looks at studies; only errors of ours may come out."""
    place = Place.there(str(database), trained.artifacts)
    storage, store = place.storage, place.artifacts
    list_studies(all_studies(storage))
    for name in (AE, CLF, "ae", "clf", "no-such"):
        with suppress(StudyError):
            study = find_study(storage, name)
            json.dumps([summary(study), every_trial(study)])
            csv_text(trials_frame(study.get_trials(deepcopy=False)))
            find_trial(place, name)
    survey(store, [storage_url(str(path)) for path in (database, trained.database)])
    for source in (None, "paper", "scratch", AE):
        with suppress(StudyError):
            encoders.find(place, source, Budget(epochs=1, subset=600))
    sources = choose(all_studies(storage), (), store)._replace(data_folder=trained.data_dir)
    assert len(sources.unread) + len(sources.searches) <= 2
    refresh(open_storage(storage_url(str(database))))
    if with_report:
        build(sources, "en")


FUZZ = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=6
)


@FUZZ
@given(changes=st.lists(CHANGES, min_size=1, max_size=3))
def test_no_attribute_brings_a_reader_down(
    trained: TrainedStudies, tmp_path: Path, changes: list[Change]
) -> None:
    with changed(trained, changes, tmp_path) as database:
        read_everything(trained, database, with_report=False)


@settings(FUZZ, max_examples=1)
@given(changes=st.lists(CHANGES, min_size=1, max_size=2))
def test_no_attribute_brings_a_report_down(
    trained: TrainedStudies, tmp_path: Path, changes: list[Change]
) -> None:
    with changed(trained, changes, tmp_path) as database:
        read_everything(trained, database, with_report=True)


def test_the_largest_loss_that_training_can_come_to_is_read(
    trained: TrainedStudies, tmp_path: Path
) -> None:
    """A learning rate that is too large makes losses grow up to there before they are infinite."""
    huge = float(np.finfo(np.float32).max)
    with changed(trained, [], tmp_path) as database:
        with closing(sqlite3.connect(database)) as connection:
            where = f"WHERE trial_id = 2 AND key = '{RECORD_PREFIX}epochs'"
            (text,) = connection.execute(
                f"SELECT value_json FROM trial_system_attributes {where}"
            ).fetchone()
            epochs = {**json.loads(text), "train_loss": [huge], "validation_loss": [huge]}
            connection.execute(
                f"UPDATE trial_system_attributes SET value_json = ? {where}", (json.dumps(epochs),)
            )
            for table, column in VALUES.items():
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE trial_id = 2", (huge,))
            connection.commit()
        storage = open_storage(storage_url(str(database)))
        assert find_study(storage, AE).trials[1].value == huge
        json.dumps(list_studies(all_studies(storage)), allow_nan=False)
        assert refresh(storage) == []
        sources = choose(all_studies(storage), (), trained.store())._replace(
            data_folder=trained.data_dir
        )
        assert sources.unread == []
        build(sources, "en")


VALUES = {"trial_values": "value", "trial_intermediate_values": "intermediate_value"}
BAD = {
    "an unknown stage": ("study_user_attributes", {"stage": "transformer"}),
    "a budget that is none": ("study_user_attributes", {"budget": [1]}),
    "a text for a number": ("trial_user_attributes", {"seconds": "long"}),
    "a spread in words": ("trial_user_attributes", {"latency_spread_ms": "wide"}),
    "a rest in words": ("trial_user_attributes", {"rests_at": "soon"}),
    "no number": ("trial_user_attributes", {"n_parameters": -3}),
    "a list for a table": ("trial_system_attributes", {f"{RECORD_PREFIX}metrics": [1, 2]}),
    "half a character": ("trial_user_attributes", {"configuration": "\ud800"}),
    "epochs of unlike length": (
        "trial_system_attributes",
        {f"{RECORD_PREFIX}epochs": {"epoch": [1], "loss": []}},
    ),
    "a trial that is not there": ("trial_user_attributes", {"same_as": 99}),
    "an artifact without a name": ("trial_system_attributes", {"artifacts:x": "[]"}),
    "a file that is none": ("trial_system_attributes", {"fmnist-search:file:state": "x"}),
}


@pytest.fixture(params=BAD, ids=str)
def one_bad(
    request: pytest.FixtureRequest, trained: TrainedStudies, tmp_path: Path
) -> TrainedStudies:
    """The study of autoencoders does not make sense; that of classifiers does."""
    table, change = BAD[request.param]
    place = tmp_path / "place"
    shutil.copytree(trained.database.parent, place)
    with closing(sqlite3.connect(place / "studies.db")) as connection:
        for key, value in change.items():
            if table.startswith("study"):
                (text,) = connection.execute(
                    f"SELECT value_json FROM {table} WHERE key = 'fmnist_search' AND study_id = 1"
                ).fetchone()
                key, value = "fmnist_search", {**table_of(json.loads(text)), key: value}
            where = (1, key) if table.startswith("study") else (2, key)
            owner = "study_id" if table.startswith("study") else "trial_id"
            connection.execute(f"DELETE FROM {table} WHERE {owner} = ? AND key = ?", where)
            connection.execute(
                f"INSERT INTO {table} ({owner}, key, value_json) VALUES (?, ?, ?)",
                (*where, json.dumps(value)),
            )
        connection.commit()
    return TrainedStudies(place / "studies.db", trained.data_dir)


def test_a_bad_study_is_named_and_every_other_shown(one_bad: TrainedStudies) -> None:
    environment = {"COLUMNS": "200", "FMNIST_SEARCH_DATA": str(one_bad.data_dir), "HOME": "/"}

    def said(code: int, *words: str) -> str:
        done = called([*words, "--storage", str(one_bad.database)], environment)
        assert done.returncode == code, done.stderr
        assert code == 0 or (done.stderr.startswith("error: ") and done.stderr.count("\n") == 1)
        return done.stdout + done.stderr

    rows = {row["name"]: row for row in json.loads(said(0, "studies", "--json"))}
    assert AE in rows[AE]["best_label"]
    assert rows[CLF]["n_paper"] == 2
    assert AE in said(1, "studies", "show", AE)
    assert "fc10-adam" in said(0, "studies", "show", CLF)
    assert CLF in said(1, "studies", "show", "clf-epochs1-subset60")
    assert "can go" in said(0, "gc", "--dry-run")
    storage = open_storage(storage_url(str(one_bad.database)))
    with pytest.raises(NoEncoderError):
        encoders.find(one_bad.place(), None, Budget(epochs=1, subset=600))
    (line,) = refresh(storage)
    assert AE in line
    sources = choose(all_studies(storage), (), one_bad.store())
    assert (sources.unread, [s.name for s in sources.searches]) == ([line], [CLF])
