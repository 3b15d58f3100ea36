"""A folder for the temporary files of a run, which a later run removes if this one was killed.

The run holds a lock in it, which the system lets go of when the process ends, however that ends. A
folder without such a lock is none of these and is never touched.
"""

import atexit
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

PREFIX = "fmnist-search-run-"
LOCK = ".lock-of-a-run"


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for files that are gone after the block, or are removed by a later run.

    Raises:
        OSError: it cannot be made.
    """
    with tempfile.TemporaryDirectory(dir=own_folder()) as name:
        yield Path(name)


def own_folder() -> Path:
    """This process's, readable by its user alone; removed at its end.

    Raises:
        OSError: it cannot be made.
    """
    if not _made_by(os.getpid()).exists():  # systems remove what lay there for days
        _made_by.cache_clear()
    return _made_by(os.getpid())


@cache
def _made_by(process: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    atexit.register(_remove, folder, process)
    unlocked = folder / "unlocked"
    descriptor = os.open(unlocked, os.O_RDWR | os.O_CREAT, 0o600)  # open as long as the process is
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    unlocked.rename(folder / LOCK)  # under that name it is never seen without its lock
    return folder


def _remove(folder: Path, process: int) -> None:
    if process == os.getpid():  # and not a fork of it
        shutil.rmtree(folder, ignore_errors=True)


def remove_left() -> None:
    """Remove the folders of this user's runs that are no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            about = folder.lstat()
            is_own = stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()
            if is_own and _is_let_go_of(folder / LOCK):
                shutil.rmtree(folder)


def _is_let_go_of(lock: Path) -> bool:
    """Whether nobody holds the lock.

    Raises:
        OSError: there is none, or somebody holds it.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)
    return True
