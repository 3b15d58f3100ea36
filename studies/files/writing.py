"""Writing the files that stay: whole or not at all, with the rights that the umask leaves.

Temporary files of Python and of safetensors are their owner's alone; what is renamed from one stays
so, and nobody else in a group can read it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".partial"
"""Ending of a file's name until all of it is there."""


def write(path: Path, content: bytes | str) -> None:
    """Put the content into the file; what was there stays until all of it is on the disk.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of ``path`` at the block's end if nothing goes wrong.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(f"{path.name}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a power cut can leave the name without the contents
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
