import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from studies.files.writing import replacing, write


@pytest.fixture
def for_a_group() -> Iterator[None]:
    before = os.umask(0o007)
    yield
    os.umask(before)


@pytest.mark.usefixtures("for_a_group")
@pytest.mark.parametrize("content", ["text", b"bytes"])
def test_a_file_has_the_rights_that_the_umask_leaves(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "file"
    write(path, content)
    assert path.stat().st_mode & 0o777 == 0o660
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_there_stays_until_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path, "old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_what_fails_in_its_middle_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path, "old")

    def stopped() -> None:
        with replacing(path) as file:
            file.write(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
