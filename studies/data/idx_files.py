"""Fashion-MNIST's four files: their names, sizes, checksums, and where a folder may keep them.

Knows nothing of networks, caches or torch.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from spaces.bounded import open_regular
from spaces.errors import DataError

Progress = Callable[[str, int, int | None], None]
"""Called as bytes arrive with what is under way, the bytes done, and the bytes in all if known."""

CHUNK_BYTES = 1 << 20


class DataFile(NamedTuple):
    """One file in the idx format, uncompressed."""

    name: str
    n_bytes: int
    sha256: str


FILES = (
    DataFile(
        "train-images-idx3-ubyte",
        47_040_016,
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    DataFile(
        "train-labels-idx1-ubyte",
        60_008,
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    DataFile(
        "t10k-images-idx3-ubyte",
        7_840_016,
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    DataFile(
        "t10k-labels-idx1-ubyte",
        10_008,
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)
"""Training images, training labels, test images, test labels: in this order everywhere.

The checksums are of the uncompressed bytes, because packagers compress anew. The compressed files
whose MD5 torchvision lists hold the same bytes.
"""


def digest() -> str:
    """What tells these files from any others: SHA-256 over their own."""
    return hashlib.sha256(" ".join(file.sha256 for file in FILES).encode()).hexdigest()


SUBFOLDERS = ("", "FashionMNIST/raw", "raw")
"""Where a folder may keep the files: itself, or as torchvision's root or dataset folder."""


def locate(folder: Path, file: DataFile) -> Path:
    """The file in ``folder``, preferably uncompressed, else as ``.gz``.

    Raises:
        DataError: there is neither.
    """
    for suffix in ("", ".gz"):
        for subfolder in SUBFOLDERS:
            path = folder / subfolder / (file.name + suffix)
            if path.is_file():
                return path
    raise DataError(f"{folder} has no {file.name}, with or without .gz")


def verify(path: Path, file: DataFile) -> None:
    """Check that ``path`` holds ``file``, compressed or not, byte for byte.

    Args:
        path: a file; ``.gz`` at the end of its name means that it is compressed.
        file: what it should be.

    Raises:
        DataError: it is missing, unreadable, cut short, another of the four, or altered.
    """
    for _ in verified_chunks(path, file):
        pass


def verified_chunks(path: Path, file: DataFile) -> Iterator[bytes]:
    """The uncompressed bytes of ``path``; what :func:`verify` raises comes after the last of them.

    Whoever keeps the bytes must therefore read to the end before trusting any.
    """
    digest, n_bytes = hashlib.sha256(), 0
    try:
        with open_regular(path) as opened:
            stream = gzip.GzipFile(fileobj=opened) if path.suffix == ".gz" else opened
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
                n_bytes += len(chunk)
                if n_bytes > file.n_bytes + CHUNK_BYTES:  # a few bytes can be packed for many
                    raise DataError(f"{path} has more than the {file.n_bytes:,} bytes expected")
                yield chunk
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except EOFError:
        raise DataError(f"{path} is cut short after {n_bytes:,} bytes of data") from None
    except (OSError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    _compare(path, n_bytes, digest.hexdigest(), file)


def _compare(path: Path, n_bytes: int, sha256: str, file: DataFile) -> None:
    if sha256 == file.sha256:
        return
    for other in FILES:
        if sha256 == other.sha256:
            raise DataError(f"{path} contains {other.name}: two files were swapped")
    if n_bytes != file.n_bytes:
        raise DataError(f"{path} has {n_bytes:,} bytes of data; {file.n_bytes:,} are expected")
    raise DataError(
        f"{path} is damaged: its SHA-256 is {sha256[:12]}…, expected {file.sha256[:12]}…"
    )
