import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest
from helpers import ROOT

from studies.files import temporary


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are made."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    unmade = cache(temporary._made_by.__wrapped__)  # other tests of this process may have made one
    monkeypatch.setattr(temporary, "_made_by", unmade)
    return tmp_path


def run() -> "subprocess.Popen[str]":
    """A process that has such a folder, and waits; it has said which."""
    program = "from studies.files.temporary import own_folder as f; print(f(), flush=True); input()"
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_folder_of_a_killed_run_is_removed_and_that_of_a_living_one_stays(place: Path) -> None:
    with run() as killed, run() as living:
        assert killed.stdout is not None
        assert living.stdout is not None
        left, used = (Path(process.stdout.readline().strip()) for process in (killed, living))
        (left / "file").write_text("")
        assert (left.parent, left.stat().st_mode & 0o777) == (place, 0o700)
        temporary.remove_left()
        assert {left, used} == set(place.iterdir())
        killed.kill()
        killed.wait()
        temporary.remove_left()
        assert {used} == set(place.iterdir())
        living.communicate("\n")
    assert not list(place.iterdir())


def test_files_for_a_while_lie_in_that_folder_which_a_fork_does_not_take_along(
    place: Path,
) -> None:
    with temporary.folder() as folder:
        (folder / "file").write_text("")
        assert folder.parent == temporary.own_folder()
        assert folder.parent.parent == place
        ended = os.fork()
        if not ended:
            other = temporary.own_folder()
            shutil.rmtree(other)
            os._exit(other == folder.parent)
        assert os.waitpid(ended, 0)[1] == 0
        assert (folder / "file").exists()
    assert not folder.exists()
    shutil.rmtree(folder.parent)  # as a system may that cleans up
    with temporary.folder() as another:
        assert another.is_dir()


def test_no_other_part_of_the_program_leaves_anything_among_the_temporary_files() -> None:
    """What is made in a folder that is named is that folder's matter."""
    for package in ("search", "reports", "studies", "spaces"):
        for path in (ROOT / package).rglob("*.py"):
            for line in path.read_text().splitlines():
                makes = re.search(r"(TemporaryDirectory|mkdtemp|mkstemp)\(.*\)", line)
                if makes and path.name != "temporary.py":
                    assert "dir=" in makes[0], path


def test_what_is_no_folder_of_a_run_of_this_user_is_left_alone(place: Path) -> None:
    def folder(name: str, lock: str | None) -> Path:
        made = place / f"{temporary.PREFIX}{name}"
        made.mkdir()
        if lock is not None:
            (made / lock).touch()
        return made

    precious = folder("mine", None)
    outside = folder("outside", temporary.LOCK).rename(place / "elsewhere")
    (place / f"{temporary.PREFIX}link").symlink_to(outside)
    (place / f"{temporary.PREFIX}file").touch()
    there = {precious, outside, *place.iterdir()}
    if os.geteuid() == 0:
        others = folder("others", temporary.LOCK)
        os.chown(others, 65534, 65534)
        there.add(others)
    temporary.remove_left()
    assert set(place.iterdir()) == there
    assert (outside / temporary.LOCK).exists()
