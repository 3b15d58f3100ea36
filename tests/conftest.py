"""Fixtures that several packages' tests share: the real data, and four tiny files like them."""

from pathlib import Path

import pytest
from tiny_data import TinyData, write_tiny_data

from spaces.budget import Budget
from studies.data import Split, load_split
from studies.fetch import ensure_data


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real four files, verified, found or fetched as the tool itself does."""
    return ensure_data(None, print)


@pytest.fixture(scope="session")
def small_split(data_dir: Path) -> Split:
    """500 training and 100 validation images, 50 and 10 of each class."""
    return load_split(data_dir, Budget(epochs=1, subset=600))


@pytest.fixture
def tiny_data(tmp_path: Path) -> TinyData:
    """120 training and 20 test images, in a folder of their own."""
    return write_tiny_data(tmp_path / "tiny")
