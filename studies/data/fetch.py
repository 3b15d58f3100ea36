"""Finds Fashion-MNIST, fetches it where it is missing, and answers for every byte of it.

What a caller gets is a folder with the four uncompressed files, each checked by its SHA-256. Knows
no torch: whoever only fetches need not wait for it.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from spaces.errors import DataError
from studies.data import idx_files
from studies.data.idx_files import Progress, locate, verified_chunks, verify
from studies.data.sources import (
    PACKAGE,
    DataSource,
    Say,
    debian_package,
    installed_package,
    torchvision_download,
)
from studies.files import places

ENVIRONMENT_VARIABLE = "FMNIST_SEARCH_DATA"
"""Names a folder as ``--data-dir`` does, which goes before it."""

SOURCES = (
    DataSource("installed Debian package", installed_package),
    DataSource("torchvision's download", torchvision_download),
    DataSource(f"Debian package {PACKAGE}", debian_package),
)
"""Where the files come from if neither a named folder nor the cache has them, in this order."""

LOCK_TIMEOUT_S = 1800.0
"""How long one process waits for another that is fetching."""


def ensure_data(data_dir: Path | None, say: Say, *, progress: Progress = lambda *_: None) -> Path:
    """A folder with the four verified, uncompressed files; fetched into the cache if need be.

    A named folder is only read. If it holds ``.gz`` files, or torchvision's layout of them, they
    are unpacked into the cache. No network is touched while a named folder or the cache will do.

    Args:
        data_dir: folder that holds the files; None for FMNIST_SEARCH_DATA, and without that for
            the cache.
        say: takes one line for each step.
        progress: takes the bytes of a download or of unpacking as they come.

    Raises:
        DataError: a file in the named folder is missing or damaged, the cache cannot be written,
            or no source has the files.
    """
    if named := _named(data_dir):
        return _use_folder(*named, say, progress)
    cache = places.fashion_mnist()
    problem = find_problem(cache)
    if problem is None:
        say(f"Fashion-MNIST: cache {places.short_path(str(cache))}, verified")
        return cache
    say(f"cache: {problem}")
    with _writing(cache, say) as work:
        # Another process may have fetched them while this one waited.
        if find_problem(cache) is not None:
            _fetch(work, cache, say, progress)
    say(f"Fashion-MNIST: stored in {places.short_path(str(cache))}, verified")
    return cache


def find_problem(folder: Path) -> str | None:
    """What keeps ``folder`` from being used as it is; None if all files are there and right."""
    try:
        for file in idx_files.FILES:
            verify(folder / file.name, file)
    except DataError as error:
        return str(error)
    return None


def check_named(data_dir: Path | None) -> None:
    """Refuse at once a named folder that lacks files; what is in them is not read.

    Raises:
        DataError: as :func:`ensure_data`.
    """
    if named := _named(data_dir):
        folder, named_by = named
        with _to_be_mended(named_by):
            _locate_all(places.expanded(folder))


def _named(data_dir: Path | None) -> tuple[Path, str] | None:
    """The folder that the user named, and by what."""
    if data_dir is not None:
        return data_dir, "--data-dir"
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        return Path(named), ENVIRONMENT_VARIABLE
    return None


@contextmanager
def _to_be_mended(named_by: str) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise DataError(
            f"{error}; fix the folder that {named_by} names, "
            "or name none, so that the files are found or fetched"
        ) from error


def _use_folder(folder: Path, named_by: str, say: Say, progress: Progress) -> Path:
    """The folder that the user named if it can be used in place, else the cache filled from it."""
    with _to_be_mended(named_by):
        paths = _locate_all(places.expanded(folder))
        for path, file in zip(paths, idx_files.FILES, strict=True):
            verify(path, file)
    in_place = paths[0].parent
    if paths == [in_place / file.name for file in idx_files.FILES]:
        say(f"Fashion-MNIST: {in_place} ({named_by}), verified")
        return in_place
    cache = places.fashion_mnist()
    if find_problem(cache) is not None:
        with _writing(cache, say) as work:
            _store(paths, work, cache, progress)
    shown = places.short_path(str(cache))
    say(f"Fashion-MNIST: {folder} ({named_by}), verified; unpacked in {shown}")
    return cache


def _locate_all(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder")
    return [locate(folder, file) for file in idx_files.FILES]


def _fetch(work: Path, cache: Path, say: Say, progress: Progress) -> None:
    """Fill the cache from the first source that has the right files."""
    reasons = []
    for number, source in enumerate(SOURCES):
        place = work / f"source-{number}"
        place.mkdir()
        try:
            paths = _locate_all(source.fetch(place, say, progress))
            _store(paths, work, cache, progress)
        except DataError as error:
            say(f"{source.name}: {error}")
            reasons.append(f"{source.name}: {error}")
        else:
            say(f"{source.name}: has the files")
            return
    raise DataError(
        f"Fashion-MNIST was not found and could not be fetched ({'; '.join(reasons)}). "
        f"Connect to a network and try again, `apt-get install {PACKAGE}`, or put the four files "
        f"(plain or .gz) in a folder and name it with --data-dir or {ENVIRONMENT_VARIABLE}"
    )


def _store(paths: Sequence[Path], work: Path, cache: Path, progress: Progress) -> None:
    """Write the files, verified and uncompressed, into the cache: none of them if one is bad."""
    files = idx_files.FILES
    done, total = 0, sum(file.n_bytes for file in files)
    for path, file in zip(paths, files, strict=True):
        with (work / file.name).open("wb") as sink:
            for chunk in verified_chunks(path, file):
                sink.write(chunk)
                done += len(chunk)
                progress("unpacking", done, total)
    for file in files:
        (work / file.name).replace(cache / file.name)


@contextmanager
def _writing(cache: Path, say: Say) -> Iterator[Path]:
    """A folder inside ``cache`` to work in, for one process at a time; gone afterwards.

    Raises:
        DataError: the cache cannot be written, or another process holds it for too long.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / "lock", say):
            for left_by_the_dead in cache.glob("partial-*"):
                shutil.rmtree(left_by_the_dead, ignore_errors=True)
            with tempfile.TemporaryDirectory(
                prefix="partial-", dir=cache, ignore_cleanup_errors=True
            ) as work:
                yield Path(work)
    except OSError as error:
        raise DataError(
            f"the cache {cache} cannot be written ({error}): set XDG_CACHE_HOME to a folder that "
            f"can, or name a folder that holds the uncompressed files with --data-dir"
        ) from error


def _locked(path: Path, say: Say) -> AbstractContextManager[object]:
    lock = FileLock(path)
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        say("cache: another process is filling it; waiting")
    try:
        return lock.acquire(timeout=LOCK_TIMEOUT_S)
    except Timeout:
        raise DataError(f"another process has held {path} for too long") from None
