"""Fixtures that several packages' tests share: the real data, and four tiny files like them."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.buckets import S3, running_s3
from helpers.installed_command import Command
from helpers.postgres import Postgres, find_binaries, running_postgres
from helpers.tiny_data import TinyData, write_tiny_data
from helpers.trained_studies import TrainedStudies, train_studies
from helpers.untraced import leave_libraries_untraced
from helpers.warm import start_loading

from spaces.budget import Budget
from studies.data import idx_files
from studies.data.fetch import ensure_data
from studies.data.images import Split, load_split

LONGEST = (
    *("test_documents", "test_sharing", "test_checkpoints", "test_kills", "test_coordinator"),
    *("test_dashboard_command", "test_recipe_commands", "test_making", "test_workers"),
)
"""Files that take the longest; begun first, so that no process waits for one of them at the end."""


MEMORY, ROOM = Path("/dev/shm"), 4 * 2**30
"""A folder in memory, and the bytes that must be free there: all tests' files take a quarter."""


def pytest_configure() -> None:
    """Prepare what saves time: what is not traced, and where files are."""
    leave_libraries_untraced()
    _keep_folders_in_memory()


def _keep_folders_in_memory() -> None:
    """There no commit has to wait for a disk."""
    if not MEMORY.is_dir() or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:  # a program is started
        return
    if shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; each stays in one process, for its fixtures."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else 99)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Load for the slow tests while the first of them begins."""
    gc.freeze()  # no collection need look through all that was loaded
    if any(item.get_closest_marker("slow") for item in session.items):
        start_loading()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real four files, verified, found or fetched as the tool itself does."""
    return ensure_data(None, print)


@pytest.fixture(scope="session")
def small_split(data_dir: Path) -> Split:
    """500 training and 100 validation images, 50 and 10 of each class."""
    return load_split(data_dir, Budget(epochs=1, subset=600))


@pytest.fixture
def tiny_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyData:
    """120 training and 20 test images in a folder of their own, in place of the real ones."""
    data = write_tiny_data(tmp_path / "tiny")
    monkeypatch.setattr(idx_files, "FILES", data.files)
    return data


@pytest.fixture
def command(tmp_path: Path, data_dir: Path) -> Command:
    """The command, with no study yet."""
    return Command(tmp_path, data_dir)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL server."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    with running_postgres(binaries) as server:
        yield server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    """A server that speaks S3, on a free port of this machine."""
    with running_s3() as server:
        yield server


@pytest.fixture
def s3(s3_server: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The same, in the environment of this process, whose cache is empty."""
    for name, value in s3_server.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> TrainedStudies:
    """A study of autoencoders and one of classifiers, with their weights; not to be changed."""
    return train_studies(tmp_path_factory.mktemp("trained"), data_dir)
