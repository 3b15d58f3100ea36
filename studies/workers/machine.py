"""What of its machine this process may use: cores, processor time, memory.

Containers and batch systems limit them by control groups, of which there are two versions: a limit
of the process's own group or of any above it holds.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path("/")


def n_cores() -> int:
    """Physical cores, of those that the process may use, and of which it may use all the time."""
    cores = psutil.cpu_count(logical=False) or 1
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    quota = processor_quota()
    return cores if quota is None else max(1, min(cores, int(quota)))


def load() -> float | None:
    """Processes that ran or wanted to, on average over the last minute; None if nobody counts."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # not on Windows, nor in every container
        return None


def processor_quota(root: Path = ROOT) -> float | None:
    """How many cores' time the process gets at most, such as 0.5; None if nothing limits it."""
    quotas = []
    for group in _groups("cpu", root):
        both = _words(group / "cpu.max")
        both = both or _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")
        with suppress(ValueError):  # "max", or a file that is not there
            quota_us, period_us = map(int, both)
            if quota_us > 0 and period_us > 0:  # the first version says -1 for none
                quotas.append(quota_us / period_us)
    return min(quotas, default=None)


def memory_limit(root: Path = ROOT) -> int | None:
    """Bytes that the process's group may take at most; None if it is the machine's memory."""
    limits = [psutil.virtual_memory().total]
    for group in _groups("memory", root):
        for word in _words(group / "memory.max") or _words(group / "memory.limit_in_bytes"):
            with suppress(ValueError):  # "max"
                limits.append(int(word))
    least = min(limits)
    return least if least < limits[0] else None


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """Folders of the process's control group and of those above it, in both versions."""
    mounted = root / "sys/fs/cgroup"
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            top = mounted / controller if controllers else mounted
            if controllers and controller not in controllers.split(","):
                continue
            # In a container the path may be the host's, and the container's group be on top.
            group = top / path.lstrip("/")
            yield from (above for above in (group, *group.parents) if above.is_relative_to(top))


def _words(file: Path) -> list[str]:
    with suppress(OSError):
        return file.read_text().split()
    return []
