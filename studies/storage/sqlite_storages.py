"""Optuna's storage over an SQLite file: to look at as it is at one moment, or to search in."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages._rdb.models import BaseModel
from optuna.trial import TrialState
from sqlalchemy import event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from spaces.errors import FaultError, StudyError
from studies.storage.guarded import TRANSACTIONS, GuardedStorage, T
from studies.storage.server import LAST_TABLE
from studies.storage.sqlite_faults import in_words, state_faults
from studies.storage.sqlite_locks import first_bytes, locked
from studies.storage.sqlite_snapshots import TIMEOUT_S, DamagedDatabaseError, check, snapshot

_TABLES = ("studies", "study_", "trial", "version_info", "alembic_version", "sqlite_")
"""How the names of the tables in a database of Optuna's begin."""

_OWN_ARTIFACTS = 1
"""Number in the header of databases that are made here, SQLite's ``user_version``."""

_READING = {name for name in TRANSACTIONS if "get_" in name and "best" not in name}
"""Those of Optuna's methods that read; asked for the best trial, it may rightly refuse."""

_SENSELESS = (
    *(SQLAlchemyError, StorageInternalError),
    *(ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError),
)
"""What is raised where content makes no sense."""


class EmptyDatabaseError(StudyError):
    """The file is a database without any table: whoever was making it died, or a copy lacks all."""


class FileStorage(GuardedStorage):
    """Optuna's storage on an SQLite file or a copy of it.

    A page can be damaged so that it looks whole, with other bytes in a name, a number or a text.

    Raises:
        DamagedDatabaseError: from any method that reads, where the content makes no sense.
    """

    path: Path
    """Where the database lies."""

    def guard(self, name: str, transaction: Callable[[], T]) -> T:
        """What the transaction returns; Optuna says by a KeyError that there is no such trial."""
        try:
            return transaction()
        except (FaultError, KeyError):
            raise
        except _SENSELESS as error:
            if name not in _READING:
                raise
            what = (error.__cause__ if isinstance(error, StorageInternalError) else None) or error
            raise DamagedDatabaseError(self.path, getattr(what, "orig", None) or what) from error


class SearchedFile(FileStorage):
    """The file itself, which is never more than a trial behind what was stored.

    SQLite writes into a file of its own first. A copy of the database alone would lack all that
    is still there.
    """

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Optuna's; what was stored until a trial's end is in the file then.

        Raises:
            FaultError: the file is damaged.
        """
        done = super().set_trial_state_values(trial_id, state, values)
        if state.is_finished():
            bring_home(self.path)
        return done


def bring_home(path: Path, mode: Literal["PASSIVE", "TRUNCATE"] = "PASSIVE") -> None:
    """Put what SQLite wrote beside the database into it, and see whether it is whole.

    Args:
        path: of the database.
        mode: TRUNCATE empties what lies beside it too, if nobody reads it within a second.

    Raises:
        FaultError: the database is damaged, or cannot be used.
    """
    uri = f"{path.as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, timeout=1, uri=True)) as connection:
            connection.execute(f"PRAGMA wal_checkpoint({mode})")
            check(connection, path, thoroughly=False)
    except DamagedDatabaseError as error:
        raise FaultError(f"{error}, and type the same command again") from error
    except sqlite3.Error as error:
        if not error.sqlite_errorname.startswith("SQLITE_BUSY"):  # else somebody does it just now
            raise FaultError(in_words(error, path)) from error


def look_at(path: Path) -> FileStorage:
    """The database as it is now, as a storage that cannot be written.

    Raises:
        EmptyDatabaseError: there is nothing in it, perhaps as it was copied in part.
        StudyError: it is damaged, or belongs to another program.
        sqlite3.Error, OSError, RuntimeError, sqlalchemy.exc.SQLAlchemyError: it cannot be read.
    """
    copy = snapshot(path)
    tables = _own_tables(copy, path)
    if not tables and path.stat().st_size:
        raise EmptyDatabaseError(
            f"there is nothing in {path}; if it is a copy of a database in use, copy that again by "
            "`sqlite3 studies.db '.backup copy.db'`, which also takes what is in studies.db-wal"
        )
    arguments = {"creator": lambda: copy, "poolclass": StaticPool}
    storage = FileStorage("sqlite://", arguments, skip_table_creation=LAST_TABLE in tables)
    storage.path = path
    _check_parts(storage)
    copy.execute("PRAGMA query_only = ON")
    return storage


def open_file(path: Path, url: URL, to_look_on: bool = False) -> FileStorage:
    """Open or create the database to run searches in it.

    It is put in WAL mode, so that looking on never blocks a search. Every transaction begins with
    the write lock, so that two processes cannot both take one waiting trial.

    Args:
        path: of the database.
        url: the same.
        to_look_on: nothing will be run, so reading takes no lock at all.

    Raises:
        StudyError: it is damaged, or belongs to another program.
        sqlite3.Error, OSError, RuntimeError, sqlalchemy.exc.SQLAlchemyError: it cannot be used.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not _is_ready(path):
        # Neither Optuna's making of tables nor the switch to WAL bears company.
        with locked(path, "tables", TIMEOUT_S):
            _use_wal(path)
            _connect(path, url, skip_table_creation=False).engine.dispose()
    storage = _connect(path, url, skip_table_creation=True)
    try:
        _check_parts(storage)
    except StudyError:
        storage.engine.dispose()  # else the refused file stays open
        raise
    state_faults(storage.engine, path)
    if not to_look_on:
        _begin_immediate(storage.engine)
    return storage


def _is_ready(path: Path) -> bool:
    """Whether the file is whole, has all of Optuna's tables, and is in WAL mode."""
    if not path.exists():
        return False
    with closing(snapshot(path)) as copy:
        tables = _own_tables(copy, path)
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", TIMEOUT_S, uri=True)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    return mode == "wal" and LAST_TABLE in tables


def _own_tables(copy: sqlite3.Connection, path: Path) -> set[str]:
    """The names of the database's tables.

    Raises:
        StudyError: some are not Optuna's, or cannot be read.
    """
    try:
        rows = copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {row[0] for row in rows}
    except UnicodeDecodeError as error:
        raise DamagedDatabaseError(path, error) from error
    # A process that makes them now, or died at it, leaves only some of Optuna's tables.
    foreign = [name for name in tables if not name.startswith(_TABLES)]
    if foreign and not {"studies", "version_info"} <= tables:
        raise StudyError(f"{path} is a database of another program; name another file")
    return tables


def _check_parts(storage: FileStorage) -> None:
    """Refuse a database that says it is of this version and lacks a part of it."""
    there = sqlalchemy.inspect(storage.engine)
    for name, table in BaseModel.metadata.tables.items():
        try:
            names = {column["name"] for column in there.get_columns(name)}
        except NoSuchTableError as error:
            raise DamagedDatabaseError(storage.path, f"there is no table {name}") from error
        if missing := set(table.columns.keys()) - names:
            raise DamagedDatabaseError(storage.path, f"{name} lacks {', '.join(missing)}")
    with storage.engine.connect() as connection:  # SQLite stores anything in any column
        query = text("SELECT count(*) FROM trials WHERE typeof(number) <> 'integer'")
        if connection.scalar(query):
            raise DamagedDatabaseError(storage.path, "a trial's number is none")


def _connect(path: Path, url: URL, skip_table_creation: bool) -> SearchedFile:
    arguments = {"connect_args": {"timeout": TIMEOUT_S}}
    shown = url.render_as_string(hide_password=False)
    storage = SearchedFile(shown, arguments, skip_table_creation=skip_table_creation)
    storage.path = path
    return storage


def has_own_artifacts(path: Path) -> bool:
    """Whether a database is new, or of a version that keeps its artifacts apart from others'."""
    try:
        header = first_bytes(path, 64)
    except OSError:
        return not path.exists()
    return not header or int.from_bytes(header[60:]) == _OWN_ARTIFACTS


def _use_wal(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=TIMEOUT_S)) as connection:
        if not path.stat().st_size:
            connection.execute(f"PRAGMA user_version = {_OWN_ARTIFACTS}")
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
