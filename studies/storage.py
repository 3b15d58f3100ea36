"""Where studies and their artifacts live, opened so that one SQLite file can take a long search."""

import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import platformdirs
import sqlalchemy
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._cached_storage import _CachedStorage
from optuna.storages._rdb.models import StudySystemAttributeModel
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from spaces.errors import StudyError
from studies.artifacts import ArtifactFolder, ArtifactStore
from studies.server import PatientStorage, first_line, open_server
from studies.sqlite_faults import state_faults
from studies.sqlite_locks import HeldError, locked

SQLITE_TIMEOUT_S = 60
"""How long a write waits for another process's before it gives up."""


DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
"""Which of several drivers is meant where none is named."""

SHOWN_OPTIONS = ("host", "port", "user", "dbname", "sslmode", "connect_timeout", "mode", "uri")
"""Parts of a URL's query that hold no secret; one that is unknown may be a password misspelt."""

OPTUNA_TABLES = ("studies", "study_", "trial", "version_info", "alembic_version", "sqlite_")
"""How the names of the tables in a database of Optuna's begin."""


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
        url = make_url(location)
        return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    except (ArgumentError, ValueError):  # whose text can hold a part of the password
        raise StudyError(
            "--storage is not a URL that can be read; give a file, or a URL such as "
            "sqlite:///studies.db or postgresql://user@host/name"
        ) from None


def without_password(url: URL) -> str:
    """The URL as it may be shown and stored."""
    hidden = {name: "hidden" for name in url.query if name not in SHOWN_OPTIONS}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


def exists(url: URL) -> bool:
    """Whether there is anything to open; a server's database is taken to be there."""
    path = sqlite_path(url)
    return path is None or path.exists()


def sqlite_path(url: URL) -> Path | None:
    """The file behind an SQLite URL, None for other databases."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database).absolute()


def open_storage(url: URL, to_look_on: bool = False) -> RDBStorage:
    """Open or create the storage.

    SQLite is put in WAL mode, so that looking on never blocks the search, and begins every
    transaction with the write lock, so that two processes cannot both take one waiting trial.

    Args:
        url: of the database.
        to_look_on: nothing will be run, so reading takes no lock at all.

    Raises:
        StudyError: the database cannot be opened or written, or belongs to another program.
    """
    path = sqlite_path(url)
    if path is None:
        opens = open_server if url.get_backend_name() == "postgresql" else _optunas
        return _connect(url, opens)
    try:
        _check_ownership(path)
        # Neither Optuna's making of tables nor the switch to WAL bears company.
        with locked(path, "tables", SQLITE_TIMEOUT_S):
            _use_wal(path)
            storage = _connect(url, _optunas)
    except (OSError, sqlite3.Error) as error:
        raise StudyError(
            f"cannot open the studies in {path}: {first_line(error)}; "
            "name another file with --storage"
        ) from error
    state_faults(storage.engine, path)
    if not to_look_on:
        _begin_immediate(storage.engine)
    return storage


def has_study_attribute(storage: BaseStorage, study_id: int, key: str) -> bool:
    """Whether a study has a system attribute, without reading all that it has."""
    backend = storage._backend if isinstance(storage, _CachedStorage) else storage
    if not isinstance(backend, RDBStorage):
        return key in backend.get_study_system_attrs(study_id)
    query = sqlalchemy.select(StudySystemAttributeModel.key).where(
        StudySystemAttributeModel.study_id == study_id, StudySystemAttributeModel.key == key
    )
    engine = backend.engine

    def look() -> bool:
        with engine.connect() as connection:
            return connection.execute(query).first() is not None

    return backend.patiently(look) if isinstance(backend, PatientStorage) else look()


def open_existing(location: str | None) -> RDBStorage | None:
    """Open the storage that ``location`` means; None where nobody has made the default one yet.

    Raises:
        StudyError: there is no such database, or it cannot be opened.
    """
    url = storage_url(location)
    if location is not None and not exists(url):
        raise StudyError(f"there is no database {location}; --storage takes a file or a URL")
    return open_to_look_on(url) if exists(url) else None


def open_to_look_on(url: URL) -> RDBStorage:
    """Open a storage that is there, without holding up whoever runs a search in it.

    Raises:
        StudyError: there is none, or it cannot be opened.
    """
    if not exists(url):
        raise StudyError(
            f"there is no database {sqlite_path(url)}; --storage names another, "
            "and this makes one: fmnist-search ae --trials 50"
        )
    return open_storage(url, to_look_on=True)


def _optunas(url: URL) -> RDBStorage:
    arguments = {"timeout": SQLITE_TIMEOUT_S} if url.get_backend_name() == "sqlite" else {}
    shown = url.render_as_string(hide_password=False)
    return RDBStorage(shown, engine_kwargs={"connect_args": arguments})


def _connect(url: URL, opens: Callable[[URL], RDBStorage]) -> RDBStorage:
    try:
        storage = opens(url)
        weakref.finalize(storage, storage.engine.dispose)  # Optuna leaves connections open
        return storage
    except (SQLAlchemyError, RuntimeError) as error:
        raise StudyError(
            f"cannot open the studies in {without_password(url)}: {first_line(error)}"
        ) from error
    except ImportError as error:
        raise StudyError(
            f"no database driver for {url.drivername} is installed; "
            "install it beside fmnist-search (for PostgreSQL: pip install 'psycopg[binary]')"
        ) from error


def artifacts_folder(url: URL, folder: Path | str | None) -> Path:
    """Where weights and pictures of the storage's trials go: named, or beside the database."""
    if folder is not None:
        return Path(folder).expanduser().absolute()
    path = sqlite_path(url)
    return (path.parent if path is not None else home()) / "artifacts"


def open_artifacts(url: URL, named: Path | str | None, make: bool = True) -> ArtifactStore:
    """Where weights and pictures of the storage's trials are read and written.

    Args:
        url: of the database.
        named: a folder, or a bucket as ``s3://bucket/prefix``; None for the folder beside the
            database.
        make: make the folder if it is not there; a bucket must be.

    Raises:
        StudyError: the folder cannot be made, or the bucket cannot be used.
    """
    if named is not None and "://" in str(named):
        return _open_bucket(str(named))
    return ArtifactFolder(artifacts_folder(url, named), make)


def _open_bucket(location: str) -> ArtifactStore:
    try:
        from studies.bucket import ArtifactBucket
    except ImportError as error:
        raise StudyError(
            "boto3, which --artifacts needs for a bucket, is not installed; install it beside "
            "fmnist-search: pip install 'boto3>=1.40'"
        ) from error
    return ArtifactBucket(location)


@contextmanager
def sole_coordinator(url: URL, study_name: str) -> Iterator[bool]:
    """Hold the study for this process; the system lets go of it when the process dies.

    The lock lies in the database, where it cannot be removed by itself.

    Yields:
        True if no other process can be running the study; False where the storage is a server
        that several may share.

    Raises:
        StudyError: another process on this machine runs the study now.
    """
    path = sqlite_path(url)
    if path is None:
        yield url.get_backend_name() == "sqlite"  # in memory
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(path, f"study {study_name}"))
        except HeldError as error:
            raise StudyError(
                f"study '{study_name}' is being run by {error.holder}; wait for it, stop it, "
                "or give this run a study of its own with --study NAME"
            ) from error
        yield True


def _check_ownership(path: Path) -> None:
    """Refuse what is no database of Optuna's, without writing to it."""
    if path.is_dir():
        raise StudyError(f"{path} is a folder; --storage takes a database file or a URL")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        return
    read_only = f"{path.as_uri()}?mode=ro"
    with closing(sqlite3.connect(read_only, timeout=SQLITE_TIMEOUT_S, uri=True)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {row[0] for row in rows}
    # A process that makes them now, or died at it, leaves only some of Optuna's tables.
    foreign = [name for name in tables if not name.startswith(OPTUNA_TABLES)]
    if foreign and not {"studies", "version_info"} <= tables:
        raise StudyError(f"{path} is a database of another program; name another file")


def _use_wal(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=SQLITE_TIMEOUT_S)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _begin_immediate(engine: sqlalchemy.Engine) -> None:
    """Take SQLite's write lock at the start of each transaction, not at its first write."""

    @event.listens_for(engine, "connect")
    def leave_transactions_to_us(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine.dispose()  # connections made before the listeners
