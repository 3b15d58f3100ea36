"""Files of unknown origin, read up to a limit and never waited for."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file, or what a link to one leads to.

    Raises:
        OSError: it cannot be opened, or is a device or a pipe, which may have no end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe is not waited for
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "no regular file", str(path))


def read_bounded(path: Path, limit: int) -> bytes:
    """All of a regular file's bytes.

    Raises:
        OSError: it cannot be read, is no regular file, or has more than ``limit`` bytes.
    """
    with open_regular(path) as file:
        n_bytes = os.fstat(file.fileno()).st_size
        content = b"" if n_bytes > limit else file.read(limit + 1)
    if max(n_bytes, len(content)) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit:,} bytes", str(path))
    return content
