"""What another user of the machine can do to a search: nothing."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from helpers.faults import Run, until
from helpers.installed_command import BUDGET, NARROW, Command

pytestmark = pytest.mark.slow

NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """This process with the rights of another user, as far as the system checks them."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    groups = os.getgroups()
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, 0)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)


def test_another_user_finds_no_port_and_no_socket_to_reach_a_search_by(command: Command) -> None:
    with Run(command, "ae", "--trials", "12", "--jobs", "2", *BUDGET, *NARROW) as run:
        until(lambda: len(run.workers()) == 2, "two workers")
        own = psutil.Process(run.process.pid)
        there = [own, *own.children(recursive=True)]
        assert not [link for process in there for link in process.net_connections("inet")]
        names = {link.laddr for process in there for link in process.net_connections("unix")} - {""}
        assert names
        folders = {Path(name).parent for name in names}
        with as_nobody():
            for name in names:
                with socket.socket(socket.AF_UNIX) as link, pytest.raises(PermissionError):
                    link.connect(name)
            for folder in folders:
                with pytest.raises(PermissionError):
                    list(folder.iterdir())
            for process in there:
                with pytest.raises(PermissionError):
                    list(Path(f"/proc/{process.pid}/fd").iterdir())
                with pytest.raises(PermissionError):
                    os.kill(process.pid, 0)
        assert not run.has_ended()
