"""Where Fashion-MNIST can come from when it is not at hand.

Each source leaves the four files, compressed or not, in a folder and checking them to its caller.
Downloads run as processes of their own: no silent mirror, name server or prompt can hold up the
caller for longer than :data:`STALL_S`, and nothing they print reaches the console.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import NamedTuple

from spaces.errors import DataError
from studies.data.idx_files import Progress

Say = Callable[[str], None]
"""Called with one line for each step."""

PACKAGE = "dataset-fashion-mnist"
PACKAGE_FOLDER = "usr/share/datasets/fashion-mnist"
"""Where the package keeps the four ``.gz`` files, from the root of the file system."""
INSTALLED = Path("/", PACKAGE_FOLDER)

TORCHVISION_BYTES = 30_878_645
"""The four ``.gz`` files together."""
TORCHVISION_PROGRAM = """\
import socket, sys
from studies.data.torchvision_import import import_torchvision
socket.setdefaulttimeout(15)
import_torchvision().datasets.FashionMNIST(sys.argv[1], download=True)
"""
"""Torchvision's download takes no timeout, hence the default for all sockets of its process."""

APT_OPTIONS = ("-q", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=15")

STALL_S = 60.0
"""Seconds without a new byte after which a download is given up; starting Python counts too."""
POLL_S = 0.1


class DataSource(NamedTuple):
    """A place that may have the files."""

    name: str
    fetch: Callable[[Path, Say, Progress], Path]
    """Takes an empty folder to work in; returns the one that holds the files.

    Raises DataError, saying why, where the files cannot be had.
    """


def installed_package(work: Path, say: Say, progress: Progress) -> Path:  # noqa: ARG001
    """Debian's package as installed on this machine."""
    if not INSTALLED.is_dir():
        raise DataError(f"there is no {INSTALLED}")
    return INSTALLED


def torchvision_download(work: Path, say: Say, progress: Progress) -> Path:
    """What ``torchvision.datasets.FashionMNIST`` downloads from the mirror it knows."""
    say("torchvision's download: asking its mirror for 31 MB")

    def report() -> None:
        progress("download", _folder_bytes(work, "*.gz"), TORCHVISION_BYTES)

    # -P and the caller's own path: a module in the working directory must not get in the way.
    command = [sys.executable, "-P", "-c", TORCHVISION_PROGRAM, str(work)]
    _run(command, work, report, {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))})
    return work


def debian_package(work: Path, say: Say, progress: Progress) -> Path:
    """The package from the system's Debian or Ubuntu mirror, unpacked without being installed.

    It needs no root. Where the system's package lists are missing or stale, fresh ones are fetched
    for this download only.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise DataError(f"this system has no {tool}")
    say(f"Debian package: downloading {PACKAGE}")
    try:
        archive = _download_package(work, (), progress)
    except DataError as error:
        say(f"Debian package: {error}; fetching package lists for this download")
        lists = _fetch_lists(work, say, progress)
        try:
            archive = _download_package(work, lists, progress)
        except DataError as again:
            raise DataError(f"{error}; with fresh package lists: {again}") from again
    _run(["dpkg-deb", "-x", str(archive), str(work)], work)
    return work / PACKAGE_FOLDER


def _fetch_lists(work: Path, say: Say, progress: Progress) -> tuple[str, ...]:
    """Apt options for lists of our own: they need no root and leave the system's alone."""
    lists, cache = work / "lists", work / "apt-cache"
    (lists / "partial").mkdir(parents=True)
    cache.mkdir()
    options = ("-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={cache}")

    def report() -> None:
        progress("package lists", _folder_bytes(lists, "*"), None)

    # One unreachable repository among many fails the update, and need not be the one that counts.
    update = ["apt-get", "update", *APT_OPTIONS, *options]
    for line in _run(update, work, report, check=False).splitlines():
        if "Failed to fetch" in line:
            say(f"Debian package: {line}")
    return options


def _download_package(work: Path, options: Sequence[str], progress: Progress) -> Path:
    download = ["apt-get", "download", *APT_OPTIONS, *options]
    # One line: 'address' file-name size checksum
    line = _run([*download, "--print-uris", PACKAGE], work)
    total = next((int(word) for word in line.split() if word.isdigit()), None)

    def report() -> None:
        progress("download", _folder_bytes(work, "*.deb"), total)

    _run([*download, PACKAGE], work, report)
    archives = list(work.glob("*.deb"))
    if not archives:
        raise DataError("apt-get left no package behind")
    return archives[0]


def _folder_bytes(folder: Path, pattern: str) -> int:
    total = 0
    for path in folder.rglob(pattern):
        with suppress(FileNotFoundError):  # renamed meanwhile
            total += path.stat().st_size if path.is_file() else 0
    return total


def _run(
    command: Sequence[str],
    work: Path,
    report: Callable[[], None] = lambda: None,
    environment: Mapping[str, str] = MappingProxyType({}),
    check: bool = True,
) -> str:
    """Run a command in ``work`` and return what it printed; it never outlives this call.

    Raises:
        DataError: it failed (with the last line it printed), or the folder stopped growing.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=work,
            env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            status = _wait(process, work, report)
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        text = output.read().decode(errors="replace").strip()
    if status is None:
        raise DataError(f"no data came for {STALL_S:.0f} s")
    if status != 0 and check:
        raise DataError(text.splitlines()[-1] if text else f"{command[0]} failed ({status})")
    return text


def _wait(process: subprocess.Popen[bytes], work: Path, report: Callable[[], None]) -> int | None:
    """The exit status, or None once ``work`` has not grown for ``STALL_S`` seconds."""
    n_bytes, grown_at = 0, monotonic()
    while monotonic() - grown_at < STALL_S:
        try:
            return process.wait(POLL_S)
        except subprocess.TimeoutExpired:
            report()
        if (now := _folder_bytes(work, "*")) != n_bytes:
            n_bytes, grown_at = now, monotonic()
    return None
