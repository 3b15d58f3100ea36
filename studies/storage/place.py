"""A database of studies and the artifacts of their trials, opened together."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from optuna.storages import BaseStorage, InMemoryStorage
from sqlalchemy.engine import URL

from studies.storage.artifacts import ArtifactStore
from studies.storage.databases import (
    exists,
    open_artifacts,
    open_existing,
    open_storage,
    open_to_look_on,
    storage_url,
    without_password,
)
from studies.storage.sqlite_storages import EmptyDatabaseError


@dataclass(frozen=True)
class Place:
    """Where studies live, and where their trials' weights, states and pictures lie."""

    url: URL
    storage: BaseStorage
    """An empty one in memory where there is no database yet."""
    artifacts: ArtifactStore

    @property
    def name(self) -> str:
        """The database's URL, without password."""
        return without_password(self.url)

    @classmethod
    def to_run(cls, storage: str | None, artifacts: Path | str | None) -> Self:
        """Open both to write there, or make them.

        Args:
            storage: a file or a URL; None for the user's own database.
            artifacts: a folder or a bucket; None for the database's own folder.

        Raises:
            StudyError: one of them cannot be opened or written.
            FaultError: the artifacts cannot be written now.
        """
        url = storage_url(storage)
        place = cls(url, open_storage(url), open_artifacts(url, artifacts))
        place.artifacts.check_writable()
        return place

    @classmethod
    def to_look_on(cls, storage: str | None, artifacts: Path | str | None) -> Self:
        """Open what there is of both, as above, to read it; nothing is made.

        A run that is to come will fill a database in which there is nothing yet.
        """
        url = storage_url(storage)
        opened: BaseStorage = InMemoryStorage()
        if exists(url):
            with suppress(EmptyDatabaseError):
                opened = open_to_look_on(url)
        return cls(url, opened, open_artifacts(url, artifacts, make=False))

    @classmethod
    def there(cls, storage: str | None, artifacts: Path | str | None) -> Self:
        """The same, where a database that is named must be there.

        Raises:
            StudyError: it is not, or cannot be opened.
        """
        url, opened = storage_url(storage), open_existing(storage)
        return cls(url, opened, open_artifacts(url, artifacts, make=False))
