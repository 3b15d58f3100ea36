"""Rights that bind root, too, as most tests of containers run as root."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_VERSION = 0x20080522
"""Of the kernel's interface to capabilities; linux/capability.h."""
_OVERRIDE, _READ_SEARCH = 1, 2
"""The capabilities by which modes of files do not bind root."""

_LIBC = ctypes.CDLL(None, use_errno=True)


@contextmanager
def modes(folder: Path, mode: int) -> Iterator[None]:
    """The folder or file has the mode, which binds this thread and those it starts, root or not."""
    before = folder.stat().st_mode
    folder.chmod(mode)
    try:
        with _bound():
            yield
    finally:
        folder.chmod(before)


@contextmanager
def _bound() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    # For each half of the sets: effective, permitted, inheritable.
    header, sets = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    _asked("capget", header, sets)
    all_of_them = sets[0]
    sets[0] &= ~(1 << _OVERRIDE | 1 << _READ_SEARCH)
    _asked("capset", header, sets)
    try:
        yield
    finally:
        sets[0] = all_of_them
        _asked("capset", header, sets)


def _asked(name: str, header: object, sets: object) -> None:
    if getattr(_LIBC, name)(header, sets) != 0:
        pytest.skip(f"{name} is not allowed here: {os.strerror(ctypes.get_errno())}")
