"""Four small files in the idx format, for tests that damage or serve data."""

import hashlib
import struct
from pathlib import Path
from random import Random
from typing import NamedTuple

from studies.data.idx_files import FILES, DataFile


class TinyData(NamedTuple):
    """A folder with the four files, and what they must be."""

    folder: Path
    files: tuple[DataFile, ...]


def write_tiny_data(folder: Path) -> TinyData:
    """120 training and 20 test images of random pixels, labels in turn."""
    folder.mkdir()
    random = Random(0)
    contents = []
    for n_images in (120, 20):
        header = struct.pack(">4i", 0x803, n_images, 28, 28)
        contents.append(header + random.randbytes(n_images * 28 * 28))
        contents.append(struct.pack(">2i", 0x801, n_images) + bytes(range(10)) * (n_images // 10))
    files = []
    for file, content in zip(FILES, contents, strict=True):
        (folder / file.name).write_bytes(content)
        files.append(DataFile(file.name, len(content), hashlib.sha256(content).hexdigest()))
    return TinyData(folder, tuple(files))
