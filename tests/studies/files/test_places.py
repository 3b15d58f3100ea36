from pathlib import Path

import pytest

from studies.files import places


def test_the_users_folders_are_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert places.fashion_mnist() == tmp_path / "cache" / "fmnist-search" / "fashion-mnist"
    assert places.studies() == tmp_path / "data" / "fmnist-search"
