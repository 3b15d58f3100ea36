"""Where trials' weights, states and pictures lie: what each such place can do, and a folder.

Both places, this folder and the bucket of :mod:`studies.storage.bucket`, are read through Optuna's
own artifact stores and can be handed to its functions.
"""

import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from optuna.artifacts import FileSystemArtifactStore
from optuna.artifacts.exceptions import ArtifactNotFound

from spaces.errors import FaultError, StudyError, lacks_right
from studies.files.writing import replacing

OWNERS = ".storages"
"""Name under which a place keeps which databases have artifacts in it."""

FEW = 10
"""Artifacts to discard of which each is asked for; of more the place is asked what there is."""


class Stored(NamedTuple):
    """Something that lies in a place of artifacts, whoever put it there."""

    name: str
    n_bytes: int
    age_s: float
    """By the clock of whoever keeps it."""


class ArtifactStore(ABC):
    """A place of artifacts, with the methods that Optuna asks of an artifact store.

    Args:
        place: as people name it.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self._gone: set[str] = set()

    def checked(self, artifact_id: str) -> str:
        """The identifier, which comes from a database, if it names something in this place.

        Raises:
            StudyError: it leads out of it.
        """
        if artifact_id in ("", ".", "..") or any(c in artifact_id for c in "/\\\0"):
            raise StudyError(
                f"an artifact of the study is named {artifact_id!r}, which is no name of a file in "
                f"{self.place}; somebody tampered with the database, so use none of it"
            )
        return artifact_id

    @abstractmethod
    def has(self, artifact_id: str) -> bool:
        """Whether an artifact is there."""

    @abstractmethod
    def path(self, artifact_id: str) -> Path:
        """A file on this machine with the artifact's content, if it is there."""

    def drop_copy(self, artifact_id: str) -> bool:  # noqa: ARG002
        """Forget this machine's copy of an artifact that lies elsewhere; whether there is one."""
        return False

    @abstractmethod
    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Open for reading from the beginning.

        Raises:
            ArtifactNotFound: it is not there.
        """

    @abstractmethod
    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Write an artifact, whole or not at all.

        Raises:
            FaultError: it cannot be written, as when the disk is full.
        """

    @abstractmethod
    def check_writable(self) -> None:
        """Write a little and remove it, before anything is trained.

        Raises:
            StudyError: that is not allowed.
            FaultError: it cannot be done now.
        """

    @abstractmethod
    def remove(self, artifact_id: str) -> None:
        """Remove an artifact; ArtifactNotFound may say that there was none."""

    def discard(self, artifact_ids: Iterable[str]) -> None:
        """Remove artifacts that may be gone already; this process removes none of them again."""
        left = [name for name in artifact_ids if name not in self._gone]
        if len(left) > FEW:
            there = {stored.name for stored in self.stored()}
            self._gone.update(name for name in left if name not in there)
            left = [name for name in left if name in there]
        for name in left:
            with suppress(ArtifactNotFound):
                self.remove(name)
            self._gone.add(name)

    @abstractmethod
    def stored(self) -> Iterator[Stored]:
        """All that lies there but for the note of the owners."""

    @abstractmethod
    def owners(self) -> list[str]:
        """Names of the databases that have artifacts there."""

    @abstractmethod
    def note_owner(self, name: str) -> None:
        """Note that the database of this name has artifacts there."""

    @abstractmethod
    def how_to_forget(self, name: str) -> str:
        """What a person does so that an owner is none any more, in words."""


class ArtifactFolder(ArtifactStore):
    """A folder.

    Args:
        folder: absolute.
        make: make it if it is not there.

    Raises:
        StudyError: it cannot be made.
    """

    def __init__(self, folder: Path, make: bool = True) -> None:
        super().__init__(str(folder))
        try:
            if make:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StudyError(
                f"cannot make the folder {folder} for weights: {error.strerror}; "
                "name another with --artifacts"
            ) from error
        self.folder = folder
        self._store = FileSystemArtifactStore(folder)

    def has(self, artifact_id: str) -> bool:
        """Whether the file is there."""
        with self._reading():
            return self.path(artifact_id).exists()

    def path(self, artifact_id: str) -> Path:
        """The file itself."""
        return self.folder / self.checked(artifact_id)

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Open the file."""
        with self._reading():
            return self._store.open_reader(self.checked(artifact_id))

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Write under a temporary name, and rename when all of it is on the disk."""
        try:
            with replacing(self.path(artifact_id)) as file:
                shutil.copyfileobj(content_body, file)
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def check_writable(self) -> None:
        """Write a file that has no name, so that nothing can be left of it."""
        try:
            with tempfile.TemporaryFile(dir=self.folder) as file:
                file.write(bytes(1))
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def remove(self, artifact_id: str) -> None:
        """Remove the file."""
        self._store.remove(self.checked(artifact_id))

    def stored(self) -> Iterator[Stored]:
        """The folder's files; none where there is no folder."""
        now = time.time()
        with self._reading():
            paths = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        for path in paths:
            with suppress(FileNotFoundError):  # removed meanwhile
                if path.is_file() and path.name != OWNERS:
                    stat = path.stat()
                    yield Stored(path.name, stat.st_size, now - stat.st_mtime)

    def owners(self) -> list[str]:
        """The lines of the note."""
        note = self.folder / OWNERS
        with self._reading():
            return note.read_text(encoding="utf-8").splitlines() if note.exists() else []

    def note_owner(self, name: str) -> None:
        """Add a line to the note.

        Raises:
            FaultError: the folder cannot be read or written.
        """
        try:
            if name not in self.owners():
                with (self.folder / OWNERS).open("a", encoding="utf-8") as file:
                    file.write(f"{name}\n")
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise StudyError(
                f"cannot read weights in {self.folder}: {error.strerror}; make it readable, or "
                "name another folder with --artifacts"
            ) from error

    def how_to_forget(self, name: str) -> str:
        """Take its line out of the note."""
        return f"take the line {name} out of {self.folder / OWNERS}"


def cannot_write(folder: Path, error: Exception) -> StudyError:
    """What to raise for an error at writing weights, states and pictures."""
    kind = StudyError if lacks_right(error) else FaultError
    text = getattr(error, "strerror", None) or error
    return kind(
        f"cannot write weights in {folder}: {text}; free some space or make it writable, and type "
        "the same command again"
    )
