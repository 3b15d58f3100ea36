"""What can go wrong with an SQLite file that is open, said in words of its own."""

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext

from spaces.errors import FaultError, StudyError

_WHAT_TO_DO = {
    "SQLITE_BUSY": "another process keeps it locked; find it with `fuser {path}`, and",
    "SQLITE_FULL": "its disk is full; free some space, and",
    "SQLITE_IOERR": "see whether its disk is full or damaged, and",
    "SQLITE_READONLY": "make it and its folder writable again, and",
    "SQLITE_CANTOPEN": "see whether its folder is there and can be written, and",
    "SQLITE_CORRUPT": "put a copy in its place or repair it with `sqlite3 {path} .recover`, and",
    "SQLITE_NOTADB": "something wrote over it; put a copy in its place, and",
}
"""By SQLite's name for the error, of which the longer ones are kinds."""


def state_faults(engine: sqlalchemy.Engine, path: Path) -> None:
    """Have the engine raise errors that say what to do, also where SQLite would go on in vain.

    SQLite writes to a file that was deleted or replaced as if nothing had happened, and all of it
    is gone when the process ends.

    Raises:
        FaultError: later, from any use of the engine, in place of SQLite's own errors.
        StudyError: later, when a transaction begins and ``path`` is no longer the file that it is
            now.
    """
    opened = _identity(path)

    @event.listens_for(engine, "begin")
    def look_for_the_file(_connection: sqlalchemy.Connection) -> None:
        if _identity(path) != opened:
            raise StudyError(
                f"the database {path} was deleted or replaced while it was in use, and what this "
                "run stored in it is gone; put a copy in its place, or type the same command to "
                "begin anew"
            )

    @event.listens_for(engine, "handle_error", retval=True)
    def put_in_words(context: ExceptionContext) -> BaseException | None:
        error = context.original_exception
        is_fault = isinstance(error, sqlite3.OperationalError) or type(error) is (
            sqlite3.DatabaseError
        )
        return FaultError(in_words(error, path)) if is_fault else None


def in_words(error: Any, path: Path) -> str:
    """SQLite's error in a line that says what to do."""
    name = getattr(error, "sqlite_errorname", "")
    known = (text for key, text in _WHAT_TO_DO.items() if name.startswith(key))
    hint = next(known, "when that is fixed,").format(path=path)
    return f"cannot use the database {path}: {error}; {hint} type the same command again"


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
