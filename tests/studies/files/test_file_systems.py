from pathlib import Path

import pytest
from optuna.storages import InMemoryStorage

from spaces.stages import AUTOENCODER
from studies.engine import launch
from studies.engine.progress import Notice
from studies.files import file_systems
from studies.files.file_systems import NETWORK, network_file_system
from studies.records.request import SearchRequest
from studies.storage.artifacts import ArtifactFolder
from studies.storage.databases import storage_url
from studies.storage.place import Place


def kind_of(path: Path) -> str:
    kind = file_systems._kind(path)
    assert kind is not None
    return kind


def test_a_local_disk_is_no_network_file_system(tmp_path: Path) -> None:
    assert network_file_system(Path("/proc/self")) is None
    assert kind_of(Path("/proc/self/status")) == "proc"
    assert network_file_system(tmp_path / "not" / "there") is None
    assert {"nfs4", "cifs", "fuse.sshfs", "lustre"} <= NETWORK


def test_a_run_says_once_that_its_database_lies_on_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, store = tmp_path / "a.db", ArtifactFolder(tmp_path)
    request = SearchRequest(study=AUTOENCODER.short, jobs=1)

    def cautions(location: str) -> list[Notice]:
        place = Place(storage_url(location), InMemoryStorage(), store)
        return list(launch._cautions(place, request))

    assert cautions(str(path)) == []
    monkeypatch.setattr(file_systems, "NETWORK", {kind_of(tmp_path)})
    (said,) = cautions(str(path))
    assert f"{path} is on a network file system ({kind_of(tmp_path)})" in said.text
    (shared,) = cautions("postgresql://u@h/x")
    assert "stay on this machine" in shared.text
