"""What of an artifacts folder nothing refers to any more, so that it can go.

A folder can hold files of several databases: those beside each other in one folder share theirs,
and so do all servers' on one machine. Every database that has written into a folder is listed in
it, and a file can go only if none of them refers to it. Files that do not say that this program
made them are never touched.
"""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import UUID

from optuna.storages import BaseStorage
from PIL import Image
from safetensors import SafetensorError, safe_open
from sqlalchemy.engine import URL

from spaces.errors import StudyError
from studies import encoders
from studies.pictures import MADE_BY
from studies.references import all_studies
from studies.storage import (
    ArtifactFolder,
    exists,
    open_to_look_on,
    sqlite_path,
    storage_url,
    without_password,
)
from studies.weights import ARTIFACTS_ATTR_PREFIX

OWNERS = ".storages"
"""File of an artifacts folder that names the databases whose files are in it."""

MIN_AGE_S = 600.0
"""Younger files stay: somebody may be writing them."""

_ARTIFACT_PREFIXES = (ARTIFACTS_ATTR_PREFIX, f"dashboard:{ARTIFACTS_ATTR_PREFIX}")
"""Of attributes that name artifacts: Optuna's, and optuna-dashboard's own of earlier versions."""

Kind = Literal["weights", "checkpoint", "picture", "left half-written"]


class File(NamedTuple):
    """A file that this program made."""

    path: Path
    kind: Kind
    n_bytes: int


class Survey(NamedTuple):
    """All files of an artifacts folder."""

    unused: list[File]
    """Nothing refers to them: they can go."""
    used: list[File]
    """Trials or studies refer to them."""
    young: list[File]
    """Nothing refers to them yet, but somebody may be writing them."""
    n_foreign: int
    """Files that this program did not make."""


def note_owner(store: ArtifactFolder, url: URL) -> None:
    """Note in the folder that the database has files in it."""
    name, path = _name(url), store.folder / OWNERS
    if name not in _noted(path):
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")


def survey(store: ArtifactFolder, urls: Iterable[URL], min_age_s: float = MIN_AGE_S) -> Survey:
    """Sort the folder's files by whether anything refers to them.

    Args:
        store: the folder.
        urls: databases, those with passwords that the folder itself does not know among them.
        min_age_s: files must be older to count as unused.

    Raises:
        StudyError: a database that has files in the folder cannot be looked into.
    """
    if not store.folder.is_dir():
        return Survey([], [], [], 0)
    oldest = time.time() - min_age_s
    there = list(_own_files(store.folder))  # before the databases, which refer to a file first
    n_files = sum(path.is_file() and path.name != OWNERS for path in store.folder.iterdir())
    referred = set[str]().union(*(_referred(storage) for storage in _storages(store, urls)))
    sorted_ = Survey([], [], [], n_files - len(there))
    for file in there:
        if file.path.name in referred:
            sorted_.used.append(file)
        elif file.path.stat().st_mtime > oldest:
            sorted_.young.append(file)
        else:
            sorted_.unused.append(file)
    return sorted_


def remove(files: Iterable[File]) -> None:
    """Remove the files; that one is gone already is no error."""
    for file in files:
        file.path.unlink(missing_ok=True)


def _storages(store: ArtifactFolder, urls: Iterable[URL]) -> Iterator[BaseStorage]:
    """The databases named and those noted in the folder, each once."""
    named = {_name(url): url for url in urls}
    noted = {name: storage_url(name) for name in _noted(store.folder / OWNERS)}
    for name, url in (noted | named).items():
        try:
            yield open_to_look_on(url)
        except StudyError as error:
            if name in named:
                raise
            gone = "is not there" if not exists(url) else "cannot be opened as it is noted there"
            raise StudyError(
                f"{store.folder} also holds files of {name}, which {gone}, so nothing is removed; "
                "if it moved or needs a password, name it with --also; if it is gone for good, "
                f"take its line out of {store.folder / OWNERS}"
            ) from error


def _referred(storage: BaseStorage) -> Iterator[str]:
    """Identifiers of all artifacts that the database refers to."""
    try:
        for study in all_studies(storage):
            yield from _live(storage.get_study_system_attrs(study._study_id))
            encoder = encoders.artifact_id(study)
            if encoder is not None:
                yield encoder
            for trial in study.get_trials(deepcopy=False):
                yield from _live(trial.system_attrs)
    except KeyError as error:
        raise StudyError(
            "a study was deleted or renamed while it was looked into; run this again"
        ) from error


def _live(attrs: dict[str, Any]) -> Iterator[str]:
    """Artifacts that a study's or trial's attributes name; a browser nulls those it deletes."""
    for key, text in attrs.items():
        if key.startswith(_ARTIFACT_PREFIXES) and json.loads(text) is not None:
            yield key.rpartition(":")[2]


def _own_files(folder: Path) -> Iterator[File]:
    for path in sorted(folder.iterdir()):
        kind = _kind(path) if path.is_file() else None
        if kind is not None:
            yield File(path, kind, path.stat().st_size)


def _kind(path: Path) -> Kind | None:
    """What the file is; None if it does not say that it is ours."""
    if path.suffix == ".partial" and _is_artifact_id(path.stem):
        return "left half-written"
    if not _is_artifact_id(path.name):
        return None
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return "picture" if image.info.get("Software") == MADE_BY else None
    except OSError:  # no picture, or a damaged one
        pass
    try:
        with safe_open(path, framework="numpy") as tensors:
            if "config" not in (tensors.metadata() or {}):
                return None
            return "checkpoint" if "generator" in set(tensors.keys()) else "weights"
    except SafetensorError:
        return None


def _is_artifact_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def _name(url: URL) -> str:
    """How a database is noted: without password, a file by its real place."""
    path = sqlite_path(url)
    return without_password(url) if path is None else str(path.resolve())


def _noted(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
