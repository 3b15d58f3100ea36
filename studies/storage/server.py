"""PostgreSQL as a storage: it may restart, and several machines may write to it at once."""

import hashlib
import logging
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import sqlalchemy
from optuna.exceptions import StorageInternalError
from sqlalchemy import event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import NullPool

from spaces.errors import FaultError
from studies.storage.guarded import GuardedStorage, T

PATIENCE_S = 120.0
"""How long a server that was there may stay away before a run gives up."""
RETRY_S = 0.5
"""Between two attempts to reach it."""
CONNECT_S = 10
"""How long a server may take to let a connection in."""
LOCK_S = 150
"""How long others may hold a lock that this process waits for; they need milliseconds."""
LAST_TABLE = "alembic_version"
"""The one that Optuna makes, and fills, when all its others are there."""
STALL_S = 60
"""After which the server takes a lock away from a process that was suspended while it held it."""

_log = logging.getLogger(__name__)

_STORAGE = "storage"
"""Where a session notes whose it is."""


class LockLostError(FaultError):
    """The server let go of a lock while this process held it; others may have taken it since."""


class PatientStorage(GuardedStorage):
    """Optuna's storage on a PostgreSQL server that may restart at any moment.

    A transaction that was cut off is done again, and never twice: of each the server is asked
    whether it was committed, where only its answer was lost. The connection alone cannot do that.
    A half of a transaction went with it, and only the method knows how to do that half again.

    Raises:
        FaultError: from any method, once the server stayed away for ``PATIENCE_S``.
    """

    gave_up = False
    """The server stayed away for too long; nothing waits for it again."""

    def __init__(self, url: str, engine_kwargs: dict[str, Any]) -> None:
        super().__init__(url, engine_kwargs)
        its = {_STORAGE: weakref.proxy(self)}
        self.scoped_session = scoped_session(sessionmaker(self.engine, class_=_Session, info=its))

    def guard(self, name: str, transaction: Callable[[], T]) -> T:  # noqa: ARG002
        """What the transaction returns, done again while the server is away."""
        return self.patiently(transaction)

    def patiently(self, action: Callable[[], T]) -> T:
        """What ``action`` returns, done again while the server is away.

        Raises:
            FaultError: the server stayed away.
        """
        begun = time.monotonic()
        told = False
        while True:
            try:
                return action()
            except (DBAPIError, StorageInternalError) as error:
                cause = error if isinstance(error, DBAPIError) else error.__cause__
                if cause is None or not _is_away(cause):
                    raise
                if self.gave_up or time.monotonic() - begun > PATIENCE_S:
                    self.gave_up = True
                    raise FaultError(
                        f"the database on {self.engine.url.host or 'this machine'} is gone: "
                        f"{first_line(cause)}; the same command goes on once it is back"
                    ) from error
            if not told and time.monotonic() - begun > 1:
                _log.warning("the database does not answer; waiting %g s for it", PATIENCE_S)
                told = True
            time.sleep(RETRY_S)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold a lock that all processes on the database share; it goes with the process.

        Raises:
            LockLostError: after the block, if the server restarted inside it.
            FaultError: somebody else holds it for ``LOCK_S``.
        """
        connection = self.patiently(lambda: _lock(self.engine, name))
        try:
            yield
            try:
                connection.commit()
            except DBAPIError as error:
                raise LockLostError(
                    "the database restarted just now; type the same command again"
                ) from error
        finally:
            with suppress(DBAPIError):
                connection.close()


class _Session(Session):
    """One in which a commit is known to be done, or not to be."""

    def commit(self) -> None:
        """SQLAlchemy's; an error says that nothing was written, even if the answer was lost."""
        self.flush()
        number = self.scalar(text("SELECT txid_current_if_assigned()"))
        try:
            super().commit()
        except DBAPIError as error:
            storage: PatientStorage = self.info[_STORAGE]
            if number is None or not _is_away(error):
                raise
            self.rollback()
            if not storage.patiently(lambda: _is_committed(storage.engine, number)):
                raise


def _is_committed(engine: sqlalchemy.Engine, number: int) -> bool:
    """Whether the server committed the transaction of this number, once it has decided."""
    with engine.connect() as connection:
        while True:
            status = connection.scalar(text("SELECT txid_status(:number)"), {"number": number})
            if status != "in progress":
                return bool(status == "committed")
            time.sleep(RETRY_S)


def open_server(url: URL) -> PatientStorage:
    """Open the storage on a server, and make its tables if it has none.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: it cannot be reached or used.
        ImportError: there is no driver for it.
    """
    arguments = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_S}
    engine = sqlalchemy.create_engine(url, poolclass=NullPool, connect_args=arguments)
    # PostgreSQL's CREATE TABLE IF NOT EXISTS bears no company; who only looks waits for nobody.
    is_made = sqlalchemy.inspect(engine).has_table(LAST_TABLE)
    with nullcontext() if is_made else _lock(engine, "tables"):
        shown = url.render_as_string(hide_password=False)
        storage = PatientStorage(shown, {"connect_args": arguments})
    event.listen(storage.engine, "connect", _prepare)
    storage.engine.dispose()  # connections made before the listener
    return storage


def first_line(error: BaseException) -> str:
    """What the database says, without SQL."""
    cause = str(getattr(error, "orig", None) or error).strip()
    return cause.splitlines()[0] if cause else type(error).__name__


def _prepare(connection: Any, _record: Any) -> None:
    """Have the server speak UTC, and notice soon when this machine vanishes with a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
        cursor.execute("SET tcp_keepalives_idle = 30")
        cursor.execute("SET tcp_keepalives_interval = 10")
        cursor.execute("SET tcp_keepalives_count = 3")
    connection.commit()


def _lock(engine: sqlalchemy.Engine, name: str) -> sqlalchemy.Connection:
    """A connection in whose transaction the lock is held."""
    digest = hashlib.sha256(f"fmnist-search {name}".encode()).digest()
    key = int.from_bytes(digest[:8], signed=True)
    connection = engine.connect()
    try:
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_S}s'"))
        connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{STALL_S}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
    except BaseException as error:
        with suppress(DBAPIError):
            connection.close()
        if isinstance(error, DBAPIError) and _state(error) == "55P03":
            raise FaultError(
                f"another process keeps the database for itself for more than {LOCK_S} s; "
                "see what it does with: SELECT * FROM pg_stat_activity"
            ) from error
        raise
    return connection


def _is_away(error: BaseException) -> bool:
    """Whether the server is shutting down, starting up, full, or cannot be reached."""
    if isinstance(error, PendingRollbackError):
        return True  # Optuna takes any error of a query for too long a list, and asks otherwise
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state = _state(error)
    if state is None:
        return isinstance(error, sqlalchemy.exc.OperationalError)  # no connection was made
    return state.startswith(("08", "57P")) or state == "53300"


def _state(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)
