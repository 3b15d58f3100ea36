"""What of a folder or bucket of artifacts nothing refers to any more, so that it can go.

A place can hold files of several databases: those that a person gave it, and of earlier versions
those that lie beside each other, or all servers'. Each is listed in it, but whoever can write there
can list what he likes: only databases that the user named are opened. While one that is listed was
not, nothing can go.
Files that do not say that this program made them are never touched.
"""

import io
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple
from uuid import UUID

from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.storages import BaseStorage
from PIL import Image
from sqlalchemy.engine import URL

from spaces.errors import StudyError
from studies.records import disk
from studies.records.pictures import MADE_BY
from studies.records.references import all_studies
from studies.storage.artifacts import ArtifactStore
from studies.storage.databases import OWN_SUFFIX, open_to_look_on, sqlite_path, storage_url

MIN_AGE_S = 600.0
"""Younger files stay: somebody may be writing them."""

N_HEAD = 2**17
"""Bytes at the beginning of a file in which it says what it is."""

FileKind = Literal["weights", "state", "picture", "left half-written"]


class OwnFile(NamedTuple):
    """A file that this program made."""

    name: str
    kind: FileKind
    n_bytes: int
    age_s: float


class Survey(NamedTuple):
    """All files of a place of artifacts."""

    unused: list[OwnFile]
    """Nothing refers to them: they can go."""
    used: list[OwnFile]
    """Trials or studies refer to them."""
    young: list[OwnFile]
    """Nothing refers to them yet, but somebody may be writing them."""
    n_foreign: int
    """Files that this program did not make."""


def note_owner(store: ArtifactStore, url: URL) -> None:
    """Note in the place that the database has files in it, unless its name says so."""
    if _place(url) != _own_database(store):
        store.note_owner(_place(url))


def survey(store: ArtifactStore, urls: Iterable[URL], min_age_s: float = MIN_AGE_S) -> Survey:
    """Sort the place's files by whether anything refers to them.

    Args:
        store: the folder or bucket.
        urls: the databases to look into; no other is opened.
        min_age_s: files must be older to count as unused.

    Raises:
        StudyError: a database cannot be looked into, or the place lists one that was not named.
    """
    named = {_place(url): url for url in urls}
    stored = list(store.stored())  # before the databases, which refer to a file first
    kinds = ((each, _kind(store, each.name)) for each in stored)
    own = [OwnFile(each.name, kind, each.n_bytes, each.age_s) for each, kind in kinds if kind]
    sorted_ = Survey([], [], [], len(stored) - len(own))
    if not stored:
        return sorted_
    if Path(store.place).is_symlink() and not store.owners():
        raise StudyError(
            f"{store.place} is a link, and it is not noted there which databases have files in "
            "that folder; resume a search of each, which notes it, and run this again"
        )
    if others := other_owners(store, named.values()):
        ways = "; ".join(map(store.how_to_forget, others))
        raise StudyError(
            f"{store.place} also has files of other databases: {', '.join(others)}; name each with "
            f"--also, or if it is gone for good {ways}"
        )
    opened = map(open_to_look_on, named.values())
    referred = set[str]().union(*(_referred(storage) for storage in opened))
    for file in own:
        if file.name in referred:
            sorted_.used.append(file)
        else:
            (sorted_.young if file.age_s < min_age_s else sorted_.unused).append(file)
    return sorted_


def other_owners(store: ArtifactStore, urls: Iterable[URL]) -> list[str]:
    """Databases that have files in the place beside those of ``urls``, as far as it says so."""
    named = {_place(url) for url in urls}
    owners = store.owners()
    if (own_database := _own_database(store)) and Path(own_database).is_file():
        owners.append(own_database)
    return [name for name in owners if _place_noted(name) not in named]


def _referred(storage: BaseStorage) -> Iterator[str]:
    """Identifiers of all artifacts that the database refers to."""
    try:
        for study in all_studies(storage):
            yield from disk.ids_of(study)
    except KeyError as error:
        raise StudyError(
            "a study was deleted or renamed while it was read; run this again"
        ) from error


def _kind(store: ArtifactStore, name: str) -> FileKind | None:
    """What the file is; None if it does not say that it is ours."""
    if name.endswith(".partial") and _is_artifact_id(name.removesuffix(".partial")):
        return "left half-written"
    if not _is_artifact_id(name):
        return None
    with suppress(ArtifactNotFound), store.open_reader(name) as file:
        head = file.read(N_HEAD)
        return "picture" if _is_own_picture(head) else _kind_of_tensors(head)
    return None


def _is_own_picture(head: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(head), formats=("PNG",)) as image:
            return bool(image.info.get("Software") == MADE_BY)
    except OSError:  # no picture, or a damaged one
        return False


def _kind_of_tensors(head: bytes) -> FileKind | None:
    """What a safetensors file is: eight bytes with its header's length, and the header as JSON."""
    end = 8 + int.from_bytes(head[:8], "little")
    try:
        header = json.loads(head[8:end])
        if "config" not in header["__metadata__"]:
            return None
    except (ValueError, TypeError, KeyError, RecursionError):  # a file of another kind
        return None
    return "state" if "generator" in header else "weights"


def _is_artifact_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def _own_database(store: ArtifactStore) -> str | None:
    """The SQLite file that the folder is named after; the two may be copied together.

    A link to a folder counts as that folder, which other databases may have, too.
    """
    place = str(Path(store.place).resolve())
    name = place.removesuffix(OWN_SUFFIX)
    return None if name == place else name


def _place(url: URL) -> str:
    """Where a database is, whoever asks it: what tells it from others, and how it is noted."""
    path = sqlite_path(url)
    if path is not None:
        return str(path.resolve())
    leads = {name: value for name, value in url.query.items() if name in ("host", "port", "dbname")}
    anybody = url.set(drivername=url.get_backend_name(), query=leads)._replace(username=None)
    return anybody._replace(password=None).render_as_string()


def _place_noted(name: str) -> str | None:
    """The same of a line of the note; None if it names no database."""
    try:
        return _place(storage_url(name))
    except StudyError:
        return None
