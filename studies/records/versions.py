"""Versions and machine that a result came from."""

import platform
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def made_with() -> dict[str, str]:
    """Versions and machine that a result came from."""
    packages = ("fmnist-search", "torch", "optuna", "numpy")
    return {name: _version(name) for name in packages} | {
        "python": platform.python_version(),
        "machine": f"{platform.machine()} {platform.system()}",
        "processor": _processor(),
    }


@cache
def _processor() -> str:
    """Its model, which with the versions decides the last bits."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model"):
                return value.strip()
    return platform.processor() or "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a source tree
        return "unknown"
