"""What an SQLite file holds at one moment, copied into memory, looked through and checked.

Whoever only looks works on such a copy: no lock outlasts the copying, which takes milliseconds, all
that is read comes from one moment, and neither the file nor its folder need be writable.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from textwrap import shorten

from spaces.errors import StudyError
from studies.files import temporary

TIMEOUT_S = 60
"""How long a statement waits for another process's lock before it gives up."""
N_CHECKED = 64 * 2**20
"""Bytes of a database up to which its indexes too are compared with its tables: 0.2 s."""

_NOT_LOCKABLE = ("SQLITE_CANTOPEN", "SQLITE_READONLY")
"""SQLite's names for what it says where it may not write beside a file what it needs to read it."""
_BESIDE = ("-wal", "-journal")
"""Ends of the names of files that hold a part of a database while it is written, or was cut off."""


class DamagedDatabaseError(StudyError):
    """A database's content is not what SQLite wrote.

    Args:
        path: the database.
        what: is wrong.
    """

    def __init__(self, path: Path, what: object) -> None:
        super().__init__(
            f"the database {path} is damaged ({shorten(str(what), 160)}); put a copy in its place, "
            f"or repair it with `sqlite3 {path} .recover`"
        )


def snapshot(path: Path) -> sqlite3.Connection:
    """A copy in memory of all that the database holds now, found to be whole.

    Raises:
        DamagedDatabaseError: it is not whole.
        sqlite3.Error: it is no database, or is kept locked.
        OSError: it cannot be read.
    """
    try:
        copy = _copy_at_rest(path) or _copy(f"{path.as_uri()}?mode=ro")
    except sqlite3.OperationalError as error:
        if not error.sqlite_errorname.startswith(_NOT_LOCKABLE):
            raise
        copy = _copy_from_elsewhere(path)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname.startswith("SQLITE_NOTADB"):
            raise
        raise DamagedDatabaseError(path, error) from error
    check(copy, path)
    (page_bytes,) = copy.execute("PRAGMA page_size").fetchone()
    if path.stat().st_size % page_bytes:  # SQLite would take zeros for what is missing
        raise DamagedDatabaseError(path, "it is cut off within a page")
    return copy


def check(connection: sqlite3.Connection, path: Path, thoroughly: bool = True) -> None:
    """Have SQLite look through a database for damage.

    Args:
        connection: to it or to its copy.
        path: of the database.
        thoroughly: where it is not too large, compare indexes with tables too.

    Raises:
        DamagedDatabaseError: there is some.
    """
    (n_pages,), (page_bytes,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
    )
    whole = thoroughly and n_pages * page_bytes <= N_CHECKED
    try:
        pragma = "integrity_check" if whole else "quick_check"
        (found,) = connection.execute(f"PRAGMA {pragma}(1)").fetchone()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise DamagedDatabaseError(path, error) from error
    if found != "ok":
        raise DamagedDatabaseError(path, found.removeprefix("*** in database main ***"))


def _copy_at_rest(path: Path) -> sqlite3.Connection | None:
    """A copy of a file that nobody has open; None if somebody has, or had just now.

    SQLite would make files beside it, which may belong to another user then.
    """
    before = _state(path)
    if before is None:
        return None
    try:
        copy = _copy(f"{path.as_uri()}?immutable=1")
    except sqlite3.DatabaseError:
        if _state(path) == before:
            raise
        return None
    return copy if _state(path) == before else None


def _state(path: Path) -> tuple[int, int, int] | None:
    if any(path.with_name(path.name + end).exists() for end in _BESIDE):
        return None
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _copy(uri: str) -> sqlite3.Connection:
    with closing(sqlite3.connect(uri, timeout=TIMEOUT_S, uri=True, isolation_level=None)) as source:
        source.execute("BEGIN")  # else a lock of others would be waited for without end
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        source.backup(copy)
    return copy


def _copy_from_elsewhere(path: Path) -> sqlite3.Connection:
    """A copy of a file whose folder is read-only, and in which a run was cut off."""
    with temporary.folder() as folder:
        there = folder / "studies.db"
        for end in ("", *_BESIDE):
            source = path.with_name(path.name + end)
            if not end or source.exists():
                shutil.copyfile(source, f"{there}{end}")
        return _copy(there.as_uri())
