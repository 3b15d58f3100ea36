"""Which Dask scheduler's workers shall train. Imports nothing heavy."""

from pathlib import Path
from typing import NamedTuple


class Scheduler(NamedTuple):
    """A Dask scheduler, and what it is to be shown and to show."""

    address: str
    ca: Path | None = None
    """None, as with the next two: what Dask's own configuration says."""
    cert: Path | None = None
    key: Path | None = None
