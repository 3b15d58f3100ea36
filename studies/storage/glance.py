"""Names in a database at a glance, for a shell that completes them.

Without Optuna, which takes a second to load, and silent about whatever is wrong. Reads only, and
waits for nobody.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Any

from spaces.errors import StudyError
from studies.files import places

_STUDIES = "SELECT study_name FROM studies ORDER BY study_id DESC"
_TRIALS = (
    "SELECT number FROM trials JOIN studies USING (study_id) WHERE study_name = {mark} "
    "ORDER BY number DESC"
)
"""The newest first."""
_ANSWER_S = 1
"""How long a server may take to let a connection in."""


def study_names(location: str | None) -> list[str]:
    """Names of the studies in a storage, newest first; none where it cannot be read.

    Args:
        location: as ``--storage`` takes it: a file, a URL of SQLite or PostgreSQL, or None.
    """
    return [str(name) for (name,) in _asked(location, _STUDIES)]


def trial_numbers(location: str | None, study_name: str) -> list[int]:
    """Numbers of a study's trials, newest first; none where they cannot be read."""
    return [int(number) for (number,) in _asked(location, _TRIALS, study_name)]


def _asked(location: str | None, query: str, *values: str) -> Sequence[tuple[Any, ...]]:
    with suppress(sqlite3.Error, OSError, StudyError):
        if location is not None and location.startswith("postgres"):
            return _asked_of_server(location, query.format(mark="%s"), values)
        place = (location or str(places.studies() / "studies.db")).removeprefix("sqlite:///")
        path = places.expanded(place).absolute()
        # Where nobody writes just now no file is made beside it, not even for a moment.
        at_rest = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
        uri = f"{path.as_uri()}?mode=ro{at_rest}"
        with closing(sqlite3.connect(uri, timeout=0, uri=True)) as connection:
            return connection.execute(query.format(mark="?"), values).fetchall()
    return []


def _asked_of_server(url: str, query: str, values: Sequence[str]) -> Sequence[tuple[Any, ...]]:
    with suppress(ImportError):
        import psycopg

        scheme, _, rest = url.partition("://")
        plain = f"{scheme.partition('+')[0]}://{rest}"
        with (
            suppress(psycopg.Error),
            psycopg.connect(plain, connect_timeout=_ANSWER_S) as connection,
        ):
            return connection.execute(query.encode(), values).fetchall()
    return []
