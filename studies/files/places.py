"""The user's own folders, and whether others can write what lies there.

A process can be without a home: no HOME, and a user whom the system does not know, as containers
have it. Then what nobody named a place for has none.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import platformdirs

from spaces.errors import DataError, StudyError

_NAME = "fmnist-search"
_NO_HOME = (
    "there is no home folder for {}, as HOME is not set and the system does not know this user; "
    "name every place: {}"
)


def studies() -> Path:
    """Where studies are, the same from whatever folder a search is started.

    Raises:
        StudyError: there is no home.
    """
    folder = _if_any(platformdirs.user_data_path)
    if folder is None:
        raise StudyError(_NO_HOME.format("studies", "--storage FILE, --artifacts DIR, --out DIR"))
    return folder


def fashion_mnist() -> Path:
    """Where fetched images are kept: in the user's cache, so under XDG_CACHE_HOME if that is set.

    Raises:
        DataError: there is no home.
    """
    folder = cache()
    if folder is None:
        raise DataError(_NO_HOME.format("Fashion-MNIST", "--data-dir DIR, or set XDG_CACHE_HOME"))
    return folder / "fashion-mnist"


def cache() -> Path | None:
    """Where it is kept what can be had again; None without a home."""
    return _if_any(platformdirs.user_cache_path)


def config() -> Path | None:
    """Where the user's own settings are; None without a home."""
    return _if_any(platformdirs.user_config_path)


def state() -> Path | None:
    """Where it is kept what the user agreed to; None without a home."""
    return _if_any(platformdirs.user_state_path)


def expanded(path: Path | str) -> Path:
    """The path, a ``~`` in it replaced.

    Raises:
        StudyError: there is no such home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise StudyError(f"{path}: there is no such home folder; name the place in full") from error


def short_path(place: str) -> str:
    """A place as a person is shown it: what lies in the home folder begins with ``~``."""
    home = os.environ.get("HOME", "")
    return f"~{place.removeprefix(home)}" if home and place.startswith(f"{home}/") else place


def is_private(path: Path) -> bool:
    """Whether the file that a path leads to is the user's, and nobody else can write to it."""
    try:
        about = path.stat()
    except OSError:
        return False
    return about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _if_any(find: Callable[[str], Path]) -> Path | None:
    try:
        folder = find(_NAME)
    except RuntimeError:  # of platformdirs; its older versions give a folder named ~
        return None
    return folder if folder.is_absolute() else None
