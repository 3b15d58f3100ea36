import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from studies.owner import Owner


def owner_of(pid: int) -> Owner:
    return Owner.current()._replace(pid=pid, started=psutil.Process(pid).create_time())


@pytest.fixture
def sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def test_this_process_lives() -> None:
    assert Owner.current().is_alive() is True
    assert Owner.current().pid == os.getpid()


def test_an_owner_survives_being_stored() -> None:
    assert Owner.from_attr(Owner.current()._asdict()) == Owner.current()


@pytest.mark.parametrize("attr", [None, {}, {"pid": 3}, [1, 2], "x", {"host": "a", "other": 1}])
def test_what_is_no_owner_is_read_as_none(attr: object) -> None:
    assert Owner.from_attr(attr) is None


def test_a_killed_process_is_dead_as_a_zombie_and_after_it(
    sleeper: "subprocess.Popen[bytes]",
) -> None:
    owner = owner_of(sleeper.pid)
    assert owner.is_alive() is True
    sleeper.kill()
    deadline = time.monotonic() + 10
    while psutil.Process(sleeper.pid).status() != psutil.STATUS_ZOMBIE:  # nobody has waited for it
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert owner.is_alive() is False
    sleeper.wait()
    assert owner.is_alive() is False


def test_a_recycled_process_number_is_another_owner() -> None:
    own = Owner.current()
    assert own._replace(started=own.started - 60).is_alive() is False
    assert own._replace(started=own.started + 60).is_alive() is False
    assert own._replace(started=own.started + 1).is_alive() is True  # the clock was adjusted


def test_nothing_is_known_of_another_machine() -> None:
    assert Owner.current()._replace(host="elsewhere").is_alive() is None


def test_nothing_lives_on_from_before_the_last_boot() -> None:
    assert Owner.current()._replace(boot="another boot").is_alive() is False


def test_a_process_of_another_container_is_neither_alive_nor_dead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = Owner.current()._replace(pid=2**22 - 1)
    assert there.is_alive() is False
    namespace = tmp_path / "pid"
    namespace.symlink_to("pid:[1]")
    monkeypatch.setattr("studies.owner._PID_NAMESPACE", namespace)
    assert there.is_alive() is None
