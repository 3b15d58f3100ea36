"""PostgreSQL as a storage: it may restart, and several machines may write to it at once."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.pool import NullPool

from spaces.errors import FaultError

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

_BEGUN_OR_QUEUED = (TrialState.RUNNING, TrialState.WAITING)

P = ParamSpec("P")
T = TypeVar("T")


class LockLostError(FaultError):
    """The server let go of a lock while this process held it; others may have taken it since."""


def _patient(
    method: Callable[Concatenate[Any, P], T],
) -> Callable[Concatenate["PatientStorage", P], T]:
    """A storage's method that is done again if the server went away while it ran."""

    @wraps(method)
    def again_and_again(self: "PatientStorage", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.patiently(lambda: method(self, *args, **kwargs))

    return again_and_again


class PatientStorage(RDBStorage):
    """Optuna's storage on a PostgreSQL server that may restart at any moment.

    What was cut off is done again. Where that could do a thing twice, because only the server's
    answer was lost, the method looks first whether it is done.

    Raises:
        FaultError: from any method, once the server stayed away for ``PATIENCE_S``.
    """

    gave_up = False
    """The server stayed away for too long; nothing waits for it again."""

    get_study_id_from_name = _patient(RDBStorage.get_study_id_from_name)
    get_study_name_from_id = _patient(RDBStorage.get_study_name_from_id)
    get_study_directions = _patient(RDBStorage.get_study_directions)
    get_study_user_attrs = _patient(RDBStorage.get_study_user_attrs)
    get_study_system_attrs = _patient(RDBStorage.get_study_system_attrs)
    get_all_studies = _patient(RDBStorage.get_all_studies)
    set_study_user_attr = _patient(RDBStorage.set_study_user_attr)
    set_study_system_attr = _patient(RDBStorage.set_study_system_attr)
    get_trial = _patient(RDBStorage.get_trial)
    get_trial_id_from_study_id_trial_number = _patient(
        RDBStorage.get_trial_id_from_study_id_trial_number
    )
    set_trial_intermediate_value = _patient(RDBStorage.set_trial_intermediate_value)
    set_trial_user_attr = _patient(RDBStorage.set_trial_user_attr)
    set_trial_system_attr = _patient(RDBStorage.set_trial_system_attr)
    _get_trials = _patient(RDBStorage._get_trials)
    _set_trial_param = _patient(RDBStorage._set_trial_param)
    _get_best_trial_id = _patient(RDBStorage._get_best_trial_id)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Optuna's, done again if need be."""
        attempts = 0

        def attempt() -> bool:
            nonlocal attempts
            attempts += 1
            try:
                return super(PatientStorage, self).set_trial_state_values(trial_id, state, values)
            except UpdateFinishedTrialError:
                if attempts > 1 and self.get_trial(trial_id).state == state:
                    return True  # only the answer to the first attempt was lost
                raise

        return self.patiently(attempt)

    def _create_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None = None
    ) -> FrozenTrial:
        """Optuna's, done again if need be.

        A trial that was made without our knowing is RUNNING without a heartbeat, and so is found
        lost; one that was queued is looked for.
        """
        attempts = 0

        def attempt() -> FrozenTrial:
            nonlocal attempts
            attempts += 1
            if attempts > 1 and template_trial is not None and template_trial.user_attrs:
                there = self._get_trials(study_id, _BEGUN_OR_QUEUED, set(), -1)
                for trial in there:
                    if template_trial.user_attrs.items() <= trial.user_attrs.items():
                        return trial
            return super(PatientStorage, self)._create_new_trial(study_id, template_trial)

        return self.patiently(attempt)

    def patiently(self, action: Callable[[], T]) -> T:
        """What ``action`` returns, done again while the server is away.

        Raises:
            StudyError: the server stayed away.
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
        storage = PatientStorage(shown, engine_kwargs={"connect_args": arguments})
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
