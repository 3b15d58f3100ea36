"""Data fetched into a cache of a test's own, and from sources that it names."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from studies.data import fetch
from studies.data.idx_files import Progress
from studies.data.sources import DataSource, Say
from studies.files import places


def ensure_data(
    data_dir: Path | None,
    say: Say,
    *,
    cache: Path,
    sources: Sequence[DataSource] = (),
    progress: Progress = lambda *_: None,
) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "fashion_mnist", lambda: cache)
        patch.setattr(fetch, "SOURCES", sources)
        return fetch.ensure_data(data_dir, say, progress=progress)
