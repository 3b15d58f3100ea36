"""The user's own folders, and whether others can write what lies there."""

import os
import stat
from pathlib import Path

import platformdirs

_NAME = "fmnist-search"


def config() -> Path | None:
    """Where the user's own settings are; None without a home."""
    return _absolute(platformdirs.user_config_path(_NAME))


def state() -> Path | None:
    """Where it is kept what the user agreed to; None without a home."""
    return _absolute(platformdirs.user_state_path(_NAME))


def is_private(path: Path) -> bool:
    """Whether the file that a path leads to is the user's, and nobody else can write to it."""
    try:
        about = path.stat()
    except OSError:
        return False
    return about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _absolute(folder: Path) -> Path | None:
    """The folder, if the system knows a home: else it begins with a tilde."""
    return folder if folder.is_absolute() else None
