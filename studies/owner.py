"""Which process runs a trial, and whether that process still lives."""

import os
import platform
from pathlib import Path
from typing import Any, NamedTuple

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")
_START_TOLERANCE_S = 2.0
"""psutil derives a process's start from the boot time, which wobbles with clock adjustments."""


class Owner(NamedTuple):
    """One process on one machine since one boot; a recycled process number is another owner."""

    host: str
    """With a name for the container, if the process is in one: others cannot see it from outside,
    even if they have the machine's name."""
    boot: str
    pid: int
    started: float
    """Seconds since the epoch at which the process started."""

    @classmethod
    def current(cls) -> "Owner":
        """This process."""
        pid = os.getpid()
        return cls(_host(), _boot_id(), pid, psutil.Process(pid).create_time())

    @classmethod
    def from_attr(cls, attr: Any) -> "Owner | None":
        """The owner as a trial's attribute holds it; None if it holds none that can be read."""
        try:
            return cls(**attr)
        except TypeError:
            return None

    def is_alive(self) -> bool | None:
        """Whether the process lives; None if it ran on another machine and cannot be looked at."""
        if self.host != _host():
            return None
        if self.boot != _boot_id():
            return False
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _START_TOLERANCE_S
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def _host() -> str:
    try:
        return f"{platform.node()} {_PID_NAMESPACE.readlink()}"
    except OSError:  # not Linux
        return platform.node()


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:  # not Linux
        return f"{psutil.boot_time():.0f}"
