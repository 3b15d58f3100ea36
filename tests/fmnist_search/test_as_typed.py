"""Options of functions are read as a command reads those that are typed."""

from pathlib import Path

import pytest

from fmnist_search import as_typed
from search.app import whole_command_line


def test_a_file_that_the_environment_names_gives_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('storage = "there.db"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    for named in (str(file), "~/mine.toml"):
        monkeypatch.setenv("FMNIST_SEARCH_CONFIG", named)
        whole_command_line.cache_clear()
        assert as_typed.read("report").params["storage"] == "there.db"
        assert as_typed.read("report", storage="given.db").params["storage"] == "given.db"
