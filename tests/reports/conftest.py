"""What the report's tests read."""

from collections.abc import Callable, Sequence
from pathlib import Path

import optuna
import pytest

from reports.analysis.chosen_studies import Sources, choose
from studies.records.encoders import all_studies
from studies.storage.artifacts import ArtifactFolder


@pytest.fixture
def storage() -> optuna.storages.BaseStorage:
    return optuna.storages.InMemoryStorage()


@pytest.fixture
def sources(storage: optuna.storages.BaseStorage, tmp_path: Path) -> Callable[..., Sources]:
    """The report's sources from what is in ``storage`` by then; no weights and no images."""

    def read(*names: str, compare: Sequence[str] = ()) -> Sources:
        store = ArtifactFolder(tmp_path / "artifacts")
        return choose(all_studies(storage), names, store, compare=compare)

    return read
