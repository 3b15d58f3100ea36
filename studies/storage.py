"""Where studies and their artifacts live, opened so that one SQLite file can take a long search."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import platformdirs
import sqlalchemy
from filelock import FileLock, Timeout
from optuna.artifacts import FileSystemArtifactStore
from optuna.storages import RDBStorage
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from spaces.errors import StudyError

SQLITE_TIMEOUT_S = 60
"""How long a write waits for another process's before it gives up."""


def home() -> Path:
    """The user's folder for studies, the same from whatever folder a search is started."""
    return platformdirs.user_data_path("fmnist-search")


def storage_url(location: str | None) -> URL:
    """The storage that ``location`` means: None for the default, an SQLite file, or a URL.

    Raises:
        StudyError: ``location`` looks like a URL and is none.
    """
    if location is None:
        location = str(home() / "studies.db")
    if "://" not in location:
        return URL.create("sqlite", database=str(Path(location).expanduser().absolute()))
    try:
        return make_url(location)
    except ArgumentError as error:
        raise StudyError(
            "--storage is not a URL that can be read; give a file, or a URL such as "
            "sqlite:///studies.db or postgresql://user@host/name"
        ) from error


def without_password(url: URL) -> str:
    """The URL as it may be shown and stored."""
    return url.render_as_string(hide_password=True)


def exists(url: URL) -> bool:
    """Whether there is anything to open; a server's database is taken to be there."""
    path = sqlite_path(url)
    return path is None or path.exists()


def sqlite_path(url: URL) -> Path | None:
    """The file behind an SQLite URL, None for other databases."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database).absolute()


def open_storage(url: URL) -> RDBStorage:
    """Open or create the storage.

    SQLite is put in WAL mode, so that looking on never blocks the search, and begins every
    transaction with the write lock, so that two processes cannot both take one waiting trial.

    Raises:
        StudyError: the database cannot be opened or written, or belongs to another program.
    """
    path = sqlite_path(url)
    if path is not None:
        _check_sqlite(path)
    arguments = {"timeout": SQLITE_TIMEOUT_S} if path is not None else {}
    try:
        storage = RDBStorage(
            url.render_as_string(hide_password=False),
            engine_kwargs={"connect_args": arguments},
            skip_compatibility_check=False,
        )
    except (SQLAlchemyError, RuntimeError) as error:
        raise StudyError(
            f"cannot open the studies in {without_password(url)}: {_first_line(error)}"
        ) from error
    except ImportError as error:
        raise StudyError(
            f"no database driver for {url.drivername} is installed; "
            "install it beside fmnist-search (for PostgreSQL: pip install 'psycopg[binary]')"
        ) from error
    if path is not None:
        _begin_immediate(storage.engine)
    return storage


def artifacts_folder(url: URL, folder: Path | None) -> Path:
    """Where weights and pictures of the storage's trials go: named, or beside the database."""
    if folder is not None:
        return folder.expanduser().absolute()
    path = sqlite_path(url)
    return (path.parent if path is not None else home()) / "artifacts"


class ArtifactFolder(FileSystemArtifactStore):
    """Optuna's artifact store on a folder, with files that are there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StudyError(
                f"cannot make the folder {folder} for weights: {error.strerror}; "
                "name another with --artifacts"
            ) from error
        super().__init__(folder)
        self.folder = folder

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Write under a temporary name, then rename."""
        partial = f"{artifact_id}.partial"
        super().write(partial, content_body)
        (self.folder / partial).replace(self.folder / artifact_id)


@contextmanager
def sole_coordinator(url: URL, study_name: str) -> Iterator[bool]:
    """Hold the study for this process; the system lets go of it when the process dies.

    Yields:
        True if no other process can be running the study; False where the storage is a server
        that several may share.

    Raises:
        StudyError: another process on this machine runs the study now.
    """
    path = sqlite_path(url)
    if path is None:
        yield False
        return
    digest = hashlib.sha256(study_name.encode()).hexdigest()[:12]
    try:
        with FileLock(path.with_name(f".{path.name}.{digest}.lock"), timeout=0):
            yield True
    except Timeout as error:
        raise StudyError(
            f"study '{study_name}' is being run by another process; wait for it, stop it, "
            "or give this run a study of its own with --study NAME"
        ) from error


def _check_sqlite(path: Path) -> None:
    if path.is_dir():
        raise StudyError(f"{path} is a folder; --storage takes a database file or a URL")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=SQLITE_TIMEOUT_S)) as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            if tables and not {"studies", "trials"} <= tables:
                raise StudyError(f"{path} is a database of another program; name another file")
            connection.execute("PRAGMA journal_mode=WAL")
    except (OSError, sqlite3.Error) as error:
        raise StudyError(
            f"cannot open the studies in {path}: {_first_line(error)}; "
            "name another file with --storage"
        ) from error


def _begin_immediate(engine: sqlalchemy.Engine) -> None:
    """Take SQLite's write lock at the start of each transaction, not at its first write."""

    @event.listens_for(engine, "connect")
    def leave_transactions_to_us(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine.dispose()  # connections made before the listeners


def _first_line(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
