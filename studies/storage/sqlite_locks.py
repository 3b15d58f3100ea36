"""Locks inside an SQLite file itself: there as long as the database is, and gone with the process.

A byte far behind any page stands for each name. It is locked by an open file description, so the
system lets go of it however the process ends. Nobody can remove it, and two links to a file are
one file.
"""

import errno
import fcntl
import hashlib
import os
import re
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spaces.errors import StudyError

_FIRST_BYTE = 2**62
"""SQLite's own locks are at the first gigabyte's end, and its pages end long before this."""
_FLOCK = "hhqqi4x"
"""``struct flock``: type, whence, start, length, process."""
_HELD = (errno.EAGAIN, errno.EACCES)
_RETRY_S = 0.02

_spare: dict[tuple[int, int], list[int]] = {}
"""Descriptors by the file that they are of, unlocked. To close any descriptor of a file takes
SQLite's own locks on it away from the process, so none is closed before the process ends."""


_readers: dict[tuple[int, int], int] = {}
"""A descriptor of each file that was read by, not closed either."""


class HeldError(StudyError):
    """Another process holds the lock, or another part of this one.

    Args:
        path: the database.
        holder: who it is, in words.
    """

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"the database {path} is in use by {holder}; wait for it or stop it")
        self.holder = holder


@contextmanager
def locked(path: Path, name: str, wait_s: float = 0) -> Iterator[None]:
    """Hold the lock ``name`` of the database inside the block; makes an empty file if need be.

    Raises:
        HeldError: it stays with somebody else for ``wait_s``.
        StudyError: the file cannot be written, or its file system keeps no locks.
    """
    descriptor = _descriptor(path)
    key = _key(os.fstat(descriptor))
    deadline = time.monotonic() + wait_s
    try:
        while not _set(descriptor, fcntl.F_WRLCK, name, path):
            if time.monotonic() >= deadline:
                raise HeldError(path, _holder(path, name))
            time.sleep(_RETRY_S)
        try:
            yield
        finally:
            _set(descriptor, fcntl.F_UNLCK, name, path)
    finally:
        _spare.setdefault(key, []).append(descriptor)


def first_bytes(path: Path, n_bytes: int) -> bytes:
    """The beginning of a database, read so that this process keeps SQLite's locks on it.

    Raises:
        OSError: it cannot be read.
    """
    descriptor = _readers.get(_key(path.stat()))
    if descriptor is None:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        _readers[_key(os.fstat(descriptor))] = descriptor
    return os.pread(descriptor, n_bytes, 0)


def _descriptor(path: Path) -> int:
    with suppress(FileNotFoundError, KeyError, IndexError):
        return _spare[_key(path.stat())].pop()
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # closed in programs that are started
    except OSError as error:
        raise StudyError(
            f"cannot write to the database {path}: {error.strerror}; make it and its folder "
            "writable, or name another file with --storage"
        ) from error


def _key(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _set(descriptor: int, kind: int, name: str, path: Path) -> bool:
    """Whether the byte is now locked, or unlocked, as wanted."""
    wanted = struct.pack(_FLOCK, kind, os.SEEK_SET, _byte(name), 1, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise StudyError(
            f"the file system of {path} keeps no locks ({error.strerror}), so two runs of a study "
            "could not be kept apart; put the studies on a local disk with --storage"
        ) from error
    return True


def _byte(name: str) -> int:
    return _FIRST_BYTE + int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])


def _holder(path: Path, name: str) -> str:
    """Who holds the lock, as far as the system lets this process see."""
    byte = _byte(name)
    lock = re.compile(rf"OFDLCK .*:{path.stat().st_ino} {byte} {byte}$", re.MULTILINE)
    for descriptor in Path("/proc").glob("[0-9]*/fdinfo/*"):
        with suppress(OSError):  # another user's, or gone meanwhile
            if lock.search(descriptor.read_text()):
                return f"another process, number {descriptor.parts[2]}"
    return "another process"
