"""Who else runs a study: nobody, as on SQLite, or processes on any number of machines.

Whoever decides that another trial is begun holds the study's lock from counting what there is until
the trial is known to be its own. So the wanted total is exact, and no trial is taken twice.
"""

import threading
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress

import optuna
import sqlalchemy
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from spaces.errors import StudyError
from studies.storage.server import PatientStorage

HEARTBEAT_S = 10.0
"""How often a process says that it still runs its trials."""
UNHELD_AFTER_S = 30.0
"""Silence after which a trial whose process is no longer connected is given up as lost."""
LOST_AFTER_S = 180.0
"""Silence after which a trial is given up as lost in any case."""
_TRIALS = 0x666D6E74
"""First half of the number of a running trial's lock on a server; the second is the trial's own."""
LOOK_S = 3.0
"""How often a process that has nothing left to do looks at what the others do."""


class Sharing:
    """The trials this process runs, and those of others; here of a process that runs a study alone.

    Whatever such a process does not run itself is lost.
    """

    def __init__(self) -> None:
        self._held: set[int] = set()

    def exclusively(self) -> AbstractContextManager[None]:
        """Keep all others from beginning a trial inside the block."""
        return nullcontext()

    def hold(self, trial: Trial) -> None:
        """Run the trial from now on, for all to see."""
        self._held.add(trial.number)

    def let_go(self, trial: Trial) -> None:
        """Run it no longer."""
        self._held.discard(trial.number)

    def lost(self, all_trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
        """RUNNING trials that nobody runs any more; asked for inside :meth:`exclusively`."""
        return self._not_held(all_trials)

    def elsewhere(self, all_trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:  # noqa: ARG002
        """RUNNING trials that other processes may bring to an end."""
        return []

    def close(self) -> None:
        """Run nothing any more."""
        self._held.clear()

    def _not_held(self, all_trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
        running = (trial for trial in all_trials if trial.state == TrialState.RUNNING)
        return [trial for trial in running if trial.number not in self._held]


class Shared(Sharing):
    """Other processes may run the same study on a server, here and on other machines.

    A thread of its own records heartbeats, all trials' in one statement, and keeps a connection on
    which the server holds a lock for each trial, until the process is gone wherever it ran. Both
    are made anew after an error. A fresh heartbeat always means a live trial; ages are taken by
    the server's clock alone, and nothing of a machine decides.
    """

    def __init__(self, storage: PatientStorage, study: optuna.Study) -> None:
        super().__init__()
        self._storage = storage
        self._study_name = study.study_name
        self._study_id = storage.get_study_id_from_name(study.study_name)
        self._closed = threading.Event()
        self._heart = threading.Thread(target=self._beat_on, daemon=True, name="heartbeat")
        self._heart.start()

    def exclusively(self) -> AbstractContextManager[None]:
        """Keep all others from beginning a trial of this study."""
        return self._storage.locked(f"study {self._study_name}")

    def hold(self, trial: Trial) -> None:
        """Run the trial from now on; its first heartbeat is recorded at once."""
        self._storage.patiently(lambda: self._beat_first(trial.number))
        super().hold(trial)

    def lost(self, all_trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
        """Those whose process is gone or silent for too long, or died before its first heartbeat.

        Without heartbeat and yet RUNNING while we hold the lock: its process died under the lock.
        """
        others = self.elsewhere(all_trials)
        if not others:
            return []
        gone = self._storage.patiently(self._silent)
        return [trial for trial in others if trial.number in gone]

    def elsewhere(self, all_trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
        """RUNNING trials that are not ours."""
        return self._not_held(all_trials)

    def close(self) -> None:
        """End the heartbeats."""
        self._closed.set()
        self._heart.join(timeout=1)

    def _beat_on(self) -> None:
        while not self._closed.wait(HEARTBEAT_S):
            # After an error all is done anew on another connection.
            with suppress(DBAPIError), self._storage.engine.connect() as connection:
                while True:
                    numbers = list(self._held)
                    _beat(connection, self._study_id, numbers)
                    _lock_alone(connection, self._study_id, numbers)
                    if self._closed.wait(HEARTBEAT_S):
                        return

    def _beat_first(self, number: int) -> None:
        with self._storage.engine.connect() as connection:
            _beat(connection, self._study_id, [number])

    def _silent(self) -> set[int]:
        """Numbers of RUNNING trials with too old a heartbeat, or with none.

        A server that was away could not record any: it must be there for as long itself.
        """
        statement = text(
            "SELECT t.number FROM trials t LEFT JOIN trial_heartbeats h USING (trial_id) "
            "WHERE t.study_id = :study_id AND t.state = 'RUNNING' AND (h.heartbeat IS NULL OR "
            "LEAST(LOCALTIMESTAMP - h.heartbeat, now() - pg_postmaster_start_time()) "
            "> make_interval(secs => CASE WHEN EXISTS ("
            "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted "
            "AND classid = :trials AND objid = t.trial_id AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
            ") THEN :lost_after_s ELSE :unheld_after_s END))"
        )
        values = {
            "study_id": self._study_id,
            "trials": _TRIALS,
            "lost_after_s": LOST_AFTER_S,
            "unheld_after_s": min(UNHELD_AFTER_S, LOST_AFTER_S),
        }
        with self._storage.engine.connect() as connection:
            return set(connection.execute(statement, values).scalars())


def share(storage: RDBStorage, study: optuna.Study, alone: bool) -> Sharing:
    """How this process runs the study; ``alone`` if no other can be running it.

    Raises:
        StudyError: the storage is no PostgreSQL, so others could not be kept out.
    """
    if alone:
        return Sharing()
    if not isinstance(storage, PatientStorage):
        raise StudyError(
            f"a search cannot run on {storage.engine.name}; give an SQLite file or a PostgreSQL "
            "URL, such as postgresql://user@host/name"
        )
    return Shared(storage, study)


def _beat(connection: sqlalchemy.Connection, study_id: int, numbers: Sequence[int]) -> None:
    """Record that these trials are being run, in Optuna's own table."""
    statement = text(
        "INSERT INTO trial_heartbeats (trial_id, heartbeat) SELECT trial_id, LOCALTIMESTAMP "
        "FROM trials WHERE study_id = :study_id AND number = ANY(:numbers) "
        "ON CONFLICT (trial_id) DO UPDATE SET heartbeat = LOCALTIMESTAMP"
    )
    connection.execute(statement, {"study_id": study_id, "numbers": numbers})
    connection.commit()


def _lock_alone(connection: sqlalchemy.Connection, study_id: int, numbers: Sequence[int]) -> None:
    """Have the server hold the locks of these trials, and of no others, for the connection."""
    connection.execute(text("SELECT pg_advisory_unlock_all()"))
    take = text(
        "SELECT pg_try_advisory_lock(:trials, trial_id) "
        "FROM trials WHERE study_id = :study_id AND number = ANY(:numbers)"
    )
    connection.execute(take, {"trials": _TRIALS, "study_id": study_id, "numbers": numbers})
    connection.commit()  # such locks outlast it


def making_studies(storage: RDBStorage) -> AbstractContextManager[None]:
    """Keep all others from making a study inside the block."""
    return storage.locked("studies") if isinstance(storage, PatientStorage) else nullcontext()
