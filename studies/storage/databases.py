"""Where studies and their artifacts live, opened so that one SQLite file can take a long search."""

import os
import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from optuna import Study, logging
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from spaces.errors import FaultError, StudyError
from spaces.secrets import without_secrets
from studies.files import places, temporary
from studies.storage.artifacts import ArtifactFolder, ArtifactStore
from studies.storage.server import first_line, open_server
from studies.storage.sqlite_faults import in_words
from studies.storage.sqlite_locks import HeldError, locked
from studies.storage.sqlite_snapshots import DamagedDatabaseError, snapshot
from studies.storage.sqlite_storages import bring_home, has_own_artifacts, look_at, open_file

OWN_SUFFIX = "-artifacts"
"""Of the folder of a database's own artifacts, after the database's name."""

DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
"""Which of several drivers is meant where none is named."""

_NO_URL = (
    "--storage is not a URL that can be read; give a file, or a URL such as "
    "sqlite:///studies.db or postgresql://user@host/name"
)


def storage_url(location: str | None) -> URL:
    """The storage that ``location`` means: None for the default, an SQLite file, or a URL.

    Raises:
        StudyError: ``location`` looks like a URL, or as if a password were in it, and is no URL.
    """
    if location is None:
        location = str(places.studies() / "studies.db")
    if "://" not in location:
        if without_secrets(location) != location:  # it would be a folder's name
            raise StudyError(_NO_URL)
        return URL.create("sqlite", database=str(places.expanded(location).absolute()))
    try:
        url = make_url(location)
        return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    except (ArgumentError, ValueError):  # whose text can hold a part of the password
        raise StudyError(_NO_URL) from None


def without_password(url: URL) -> str:
    """The URL as it may be shown and stored."""
    return without_secrets(url.render_as_string(hide_password=False))


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
    """Open or create the storage, to write in it.

    Args:
        url: of the database.
        to_look_on: no search will be run, so reading an SQLite file takes no lock at all.

    Raises:
        StudyError: the database cannot be opened or written, or belongs to another program.
    """
    return _open(url, lambda path: open_file(path, url, to_look_on))


def open_existing(location: str | None) -> BaseStorage:
    """Open the storage that ``location`` means; an empty one where nobody made the default one yet.

    Raises:
        StudyError: there is no such database, or it cannot be opened.
    """
    url = storage_url(location)
    if location is not None and not exists(url):
        raise StudyError(f"there is no database {location}; --storage takes a file or a URL")
    return open_to_look_on(url) if exists(url) else InMemoryStorage()


def open_to_look_on(url: URL) -> RDBStorage:
    """Open a storage that is there, to read it; an SQLite file as it is now, whatever comes later.

    Raises:
        StudyError: there is none, or it cannot be opened.
    """
    check_there(url)
    return _open(url, look_at)


def check_there(url: URL) -> None:
    """Refuse an SQLite file that is not there.

    Raises:
        StudyError: it is not.
    """
    if not exists(url):
        raise StudyError(
            f"there is no database {sqlite_path(url)}; --storage names another, "
            "and this makes one: fmnist-search ae --trials 50"
        )


@contextmanager
def shown(url: URL) -> Iterator[URL]:
    """Where a program that wants to write can look at a storage: the storage itself, or a copy.

    Yields:
        ``url``, or where an SQLite file cannot be written that of a copy, gone after the block.

    Raises:
        StudyError: there is no such storage, or it cannot be read.
    """
    path = sqlite_path(url)
    if path is None or all(os.access(p, os.W_OK) for p in (path, path.parent)):
        yield url
        return
    with temporary.folder() as folder:
        copied = folder / path.name
        with (
            _opening(url),
            closing(snapshot(path)) as copy,
            closing(sqlite3.connect(copied)) as file,
        ):
            copy.backup(file)
        yield url.set(database=str(copied))


def _open(url: URL, open_at: Callable[[Path], RDBStorage]) -> RDBStorage:
    path = sqlite_path(url)
    logging.set_verbosity(logging.ERROR)  # whoever reads and writes here says it all
    with _opening(url):
        if path is not None:
            storage = open_at(path)
        elif url.get_backend_name() == "postgresql":
            storage = open_server(url)
        else:
            storage = RDBStorage(url.render_as_string(hide_password=False))
    weakref.finalize(storage, storage.engine.dispose)  # Optuna leaves connections open
    return storage


@contextmanager
def _opening(url: URL) -> Iterator[None]:
    """Say in words why the database cannot be opened."""
    path = sqlite_path(url)
    if path is not None and path.is_dir():
        raise StudyError(f"{path} is a folder; --storage takes a database file or a URL")
    try:
        yield
    except (SQLAlchemyError, RuntimeError) as error:
        raise StudyError(
            f"cannot open the studies in {without_password(url)}: {first_line(error)}"
        ) from error
    except ImportError as error:
        raise StudyError(
            f"no database driver for {url.drivername} is installed; "
            "install it in the same environment (for PostgreSQL: pip install 'psycopg[binary]')"
        ) from error
    except (sqlite3.Error, OSError) as error:
        if path and getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
            raise StudyError(in_words(error, path)) from error
        raise StudyError(
            f"cannot open the studies in {path or url.host}: {first_line(error)}; "
            "name another file with --storage"
        ) from error


def artifacts_folder(url: URL, folder: Path | str | None) -> Path:
    """Where weights and pictures of the storage's trials go: named, or beside the database.

    Earlier versions kept those of all databases that lie beside each other in one folder, and of
    all servers in another. Where that folder is, a database of theirs goes on using it.
    """
    if folder is not None:
        return places.expanded(folder).absolute()
    path = sqlite_path(url)
    is_apart = path is not None and has_own_artifacts(path)
    file = places.studies() / Path(url.database or "memory").name if path is None else path
    file = file.resolve() if is_apart else file  # one folder, whichever link leads to the database
    own, shared = file.with_name(f"{file.name}{OWN_SUFFIX}"), file.with_name("artifacts")
    is_new = is_apart or own.is_dir() or not shared.is_dir()
    return own if is_new else shared


def open_artifacts(url: URL, named: Path | str | None, make: bool = True) -> ArtifactStore:
    """Where weights and pictures of the storage's trials are read and written.

    Args:
        url: of the database.
        named: a folder, or a bucket as ``s3://bucket/prefix``; None for the database's own folder.
        make: make the folder if it is not there; a bucket must be.

    Raises:
        StudyError: the folder cannot be made, or the bucket cannot be used.
    """
    if named is None or "://" not in str(named):
        return ArtifactFolder(artifacts_folder(url, named), make)
    try:
        from studies.storage.bucket import ArtifactBucket
    except ImportError as error:
        raise StudyError(
            "boto3, which --artifacts needs for a bucket, is not installed; install it beside "
            "fmnist-search: pip install 'boto3>=1.40'"
        ) from error
    return ArtifactBucket(str(named))


def confirm_stored(url: URL, study: Study) -> None:
    """See at a run's end whether all its trials are in the database.

    Raises:
        FaultError: an SQLite file was damaged, cut or written over meanwhile.
    """
    path = sqlite_path(url)
    if path is None:
        return
    n_trials = len(study.get_trials(deepcopy=False))
    query = (
        "SELECT count(*) FROM trials WHERE study_id = "
        "(SELECT study_id FROM studies WHERE study_name = ?)"
    )
    try:
        with closing(snapshot(path)) as copy:
            (n_stored,) = copy.execute(query, (study.study_name,)).fetchone()
    except (sqlite3.Error, OSError, DamagedDatabaseError) as error:
        raise FaultError(in_words(error, path)) from error
    if n_stored < n_trials:
        raise FaultError(
            f"the database {path} holds {n_stored} of the {n_trials} trials that were stored in "
            "it; something wrote over it; put a copy in its place, and type the same command again"
        )


@contextmanager
def sole_coordinator(url: URL, study_name: str) -> Iterator[bool]:
    """Hold the study for this process; the system lets go of it when the process dies.

    The lock lies in the database, where it cannot be removed by itself. At the end all that was
    stored is in the database too, so that a copy of it is whole.

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
        try:
            yield True
        except BaseException:
            with suppress(StudyError):  # of a database that is gone, as the error that goes on
                bring_home(path, "TRUNCATE")
            raise
        bring_home(path, "TRUNCATE")
