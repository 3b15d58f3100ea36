import io
import json
import os
import re
import shutil
import socket
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from helpers.postgres import Postgres
from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.trial import Trial
from PIL import Image
from safetensors.torch import save_file
from sqlalchemy.engine import make_url

from spaces.errors import StudyError
from studies.records import garbage, weights
from studies.records.pictures import learning_curve
from studies.storage.artifacts import OWNERS, ArtifactFolder
from studies.storage.databases import open_storage, storage_url
from studies.training.metrics import EpochMetrics

pytestmark = pytest.mark.slow

PNG = learning_curve([EpochMetrics(1, 0.5, 0.5, 1.0, 0.1)])
CONFIG = {"dropout": 0.0}


class Place:
    """Databases in a folder, and the artifacts that they share."""

    def __init__(self, folder: Path, artifacts: str = "artifacts") -> None:
        self.folder = folder
        self.store = ArtifactFolder(folder / artifacts)

    def study(self, name: str = "s", database: str = "studies.db") -> optuna.Study:
        url = storage_url(str(self.folder / database))
        garbage.note_owner(self.store, url)
        return optuna.create_study(storage=open_storage(url), study_name=name, load_if_exists=True)

    def picture(self, owner: Trial | optuna.Study, content: bytes = PNG) -> str:
        path = self.folder / "picture.png"
        path.write_bytes(content)
        found: str = upload_artifact(
            artifact_store=self.store, file_path=str(path), study_or_trial=owner
        )
        return found

    def unused(self, *databases: str, min_age_s: float = -1.0) -> set[str]:
        urls = [storage_url(str(self.folder / name)) for name in databases or ("studies.db",)]
        return {f.name for f in garbage.survey(self.store, urls, min_age_s).unused}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def delete(study: optuna.Study) -> None:
    optuna.delete_study(study_name=study.study_name, storage=study._storage)


def test_what_a_deleted_study_left_can_go_and_all_else_stays(place: Place) -> None:
    kept, gone = place.study("kept"), place.study("gone")
    used = {place.picture(kept.ask()), place.picture(kept)}
    unused = {place.picture(gone.ask()), place.picture(gone)}
    assert place.unused() == set()
    delete(gone)
    assert place.unused() == unused
    found = garbage.survey(place.store, [storage_url(str(place.folder / "studies.db"))], -1.0)
    assert {file.name for file in found.used} == used
    place.store.discard(file.name for file in found.unused)
    place.store.discard(file.name for file in found.unused)  # gone already
    assert {path.name for path in place.store.folder.iterdir()} == used | {OWNERS}


def test_a_folder_named_after_its_database_needs_no_note_and_may_be_copied_with_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "here").mkdir()
    place = Place(tmp_path / "here", "studies.db-artifacts")
    used = place.picture(place.study())
    assert not (place.store.folder / OWNERS).exists()
    shutil.copytree(tmp_path / "here", tmp_path / "copy")
    copy = ArtifactFolder(tmp_path / "copy" / "studies.db-artifacts")
    found = garbage.survey(copy, [storage_url(str(tmp_path / "copy" / "studies.db"))], -1.0)
    assert ([file.name for file in found.used], found.unused) == ([used], [])


def test_what_the_database_a_folder_is_named_after_refers_to_is_safe_from_others(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path, "studies.db-artifacts")
    place.picture(place.study())
    place.study(database="guest.db")
    with pytest.raises(StudyError, match=r"studies\.db; name each with --also"):
        place.unused("guest.db")
    assert place.unused("guest.db", "studies.db") == set()


def test_a_folder_that_is_named_after_no_database_has_files_of_those_that_are_noted_alone(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path, "run-artifacts")
    (tmp_path / "run").mkdir()
    gone = place.study("gone")
    unused = {place.picture(gone)}
    delete(gone)
    assert place.unused() == unused


def test_a_link_to_a_folder_has_files_of_those_that_are_noted_there(tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    places = {}
    for name in ("one", "two"):
        (tmp_path / f"{name}.db-artifacts").symlink_to(tmp_path / "big")
        places[name] = Place(tmp_path, f"{name}.db-artifacts")
        places[name].picture(places[name].study(database=f"{name}.db"))
    with pytest.raises(StudyError, match=r"files of other databases: .*two\.db"):
        places["one"].unused("one.db")
    assert places["one"].unused("one.db", "two.db") == set()
    (tmp_path / "big" / OWNERS).unlink()  # as versions left it that noted neither
    with pytest.raises(StudyError, match="is a link"):
        places["one"].unused("one.db", "two.db")


def test_what_a_copied_trial_refers_to_stays_when_its_study_is_deleted(place: Place) -> None:
    study, copy = place.study("original"), place.study("copy")
    trial = study.ask()
    place.picture(trial)
    study.tell(trial, 0.5)
    copy.add_trials(study.get_trials())
    delete(study)
    assert place.unused() == set()
    delete(copy)
    assert len(place.unused()) == 1


def test_what_a_running_trial_is_writing_stays(place: Place) -> None:
    trial = place.study().ask()
    tensors = {"generator": torch.zeros(2)}
    weights.save(place.store, trial, tensors, CONFIG, weights.STATE)
    assert place.unused() == set()


def test_the_encoder_that_a_study_starts_from_stays(place: Place) -> None:
    study = place.study()
    artifact_id = place.picture(study)
    study.set_user_attr("encoder_file", artifact_id)
    study._storage.set_study_system_attr(study._study_id, f"artifacts:{artifact_id}", "null")
    assert place.unused() == set()


def test_an_artifact_deleted_in_the_browser_can_go(place: Place) -> None:
    study = place.study()
    artifact_id = place.picture(study)
    key = f"artifacts:{artifact_id}"
    study._storage.set_study_system_attr(study._study_id, key, json.dumps(None))
    assert place.unused() == {artifact_id}


def test_nothing_of_a_folder_with_files_of_another_database_goes_until_it_is_named(
    place: Place,
) -> None:
    own, other = place.study(), place.study(database="other.db")
    place.picture(other.ask())
    left = place.picture(own.ask())
    delete(own)
    refused = f"{place.folder / 'other.db'}; name each with --also, .* take the line .* out of"
    with pytest.raises(StudyError, match=refused):
        place.unused()
    assert place.unused("studies.db", "other.db") == {left}
    delete(other)
    assert len(place.unused("studies.db", "other.db")) == 2


def test_what_the_folder_names_is_neither_opened_nor_made_but_keeps_its_files(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = place.study()
    place.picture(study.ask())
    delete(study)
    monkeypatch.setenv("PGPASSWORD", "secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        named = [
            f"postgresql://me@127.0.0.1:{server.getsockname()[1]}/x",
            str(place.folder / "n.db"),
            "no://[database",
        ]
        with (place.store.folder / OWNERS).open("a") as file:
            file.writelines(f"{name}\n" for name in named)
        with pytest.raises(StudyError, match=re.escape(f"of other databases: {', '.join(named)};")):
            place.unused()
        with pytest.raises(BlockingIOError):
            server.accept()
    assert not (place.folder / "n.db").exists()


def test_a_database_is_known_by_where_it_is_and_not_by_who_asks_it(
    place: Place, postgres: Postgres
) -> None:
    url = make_url(postgres.database())
    optuna.create_study(storage=open_storage(storage_url(url.render_as_string(False))))
    place.picture(place.study().ask())
    somebody = url.set(drivername="postgresql+psycopg", username="you", password="***")
    elsewhere = str(url.set(port=1, password=None))
    note = place.store.folder / OWNERS
    note.write_text("\n".join([str(somebody), elsewhere]))
    urls = [storage_url(url.render_as_string(False)), storage_url(str(place.folder / "studies.db"))]
    with pytest.raises(StudyError, match=re.escape(f"of other databases: {elsewhere};")):
        garbage.survey(place.store, urls, -1.0)


def test_the_folder_notes_each_database_once_and_no_password(place: Place) -> None:
    server = make_url("postgresql://somebody:secret@host/studies")
    for url in (storage_url(str(place.folder / "studies.db")), server, server.set(username="you")):
        garbage.note_owner(place.store, url)
    assert (place.store.folder / OWNERS).read_text().splitlines() == [
        str(place.folder / "studies.db"),
        "postgresql://host/studies",
    ]


def test_young_files_stay(place: Place) -> None:
    study = place.study()
    name = place.picture(study.ask())
    delete(study)
    assert place.unused(min_age_s=600.0) == set()
    path = place.store.folder / name
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 601))
    assert place.unused(min_age_s=600.0) == {name}


def foreign_png() -> bytes:
    file = io.BytesIO()
    Image.new("L", (4, 4)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [foreign_png(), b"", b"BM of another program" * 100],
    ids=["picture", "empty", "anything"],
)
def test_what_another_program_made_stays(place: Place, content: bytes) -> None:
    study = place.study()
    trial = study.ask()
    foreign = place.folder / "file.bin"
    foreign.write_bytes(content)
    upload_artifact(
        artifact_store=FileSystemArtifactStore(place.store.folder),
        file_path=str(foreign),
        study_or_trial=trial,
    )
    save_file({"weight": torch.zeros(2)}, place.store.folder / str(foreign_name()))
    (place.store.folder / "notes.txt").write_text("mine")
    delete(study)
    found = garbage.survey(place.store, [storage_url(str(place.folder / "studies.db"))], -1.0)
    assert found.unused == []
    assert found.n_foreign == 3


def foreign_name() -> str:
    return "0c7c2f3e-54ab-4c0b-8a3d-6d1b7c1f0a11"


def test_files_are_known_by_what_is_in_them(place: Place) -> None:
    study = place.study()
    trial = study.ask()
    tensors = {"encoder.weight": torch.zeros(2)}
    weights.save(place.store, trial, tensors, CONFIG)
    weights.save(place.store, trial, {"generator": torch.zeros(2)}, CONFIG, weights.STATE)
    place.picture(trial)
    (place.store.folder / f"{foreign_name()}.partial").write_bytes(b"half of")
    delete(study)
    url: Any = storage_url(str(place.folder / "studies.db"))
    kinds = sorted(file.kind for file in garbage.survey(place.store, [url], -1.0).unused)
    assert kinds == ["left half-written", "picture", "state", "weights"]


def test_a_folder_that_is_not_there_has_nothing_in_it(place: Place) -> None:
    nothing = ArtifactFolder(place.folder / "nothing", make=False)
    assert garbage.survey(nothing, []) == ([], [], [], 0)
