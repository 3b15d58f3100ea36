import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import ROOT
from helpers.warm import lives

from studies.workers import processes
from studies.workers.processes import environment, load_ahead, n_side_by_side
from studies.workers.stopping import STOPS

COMMAND = """
import os, signal
from multiprocessing import forkserver, get_context
from studies.workers.processes import start_fork_server

before = dict(os.environ)
start_fork_server(1)
start_fork_server(1)
assert dict(os.environ) == before
assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
told = get_context("forkserver").Process(target=exec, args=('''
import os, signal, sys
print({"torch", "torch._dynamo", "studies.workers.local_pool"} <= set(sys.modules))
blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
print(blocked >= {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1})
print(*(os.environ[n] for n in ("OMP_NUM_THREADS", "GLIBC_TUNABLES", "GOMP_SPINCOUNT")), flush=True)
''',))
told.start()
told.join()
print(forkserver._forkserver._forkserver_pid)
"""


@pytest.mark.slow
def test_workers_are_forks_of_a_process_that_has_loaded_all_and_ends_with_the_command(
    tmp_path: Path,
) -> None:
    for name in ("studies", "torch", "random"):  # where the command is typed, not what is meant
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a foreign module was loaded')")
    plain = {n: v for n, v in os.environ.items() if n not in environment(1)}
    own = {"GOMP_SPINCOUNT": "7", "PYTHONPATH": str(ROOT)}
    with (tmp_path / "said").open("w+") as said:
        done = subprocess.run(
            [sys.executable, "-P", "-c", COMMAND],
            env=plain | own,
            cwd=tmp_path,
            stdout=said,
            stderr=said,
            timeout=120,
            check=False,
        )
        said.seek(0)
        *lines, server = said.read().split()
    assert done.returncode == 0, lines
    assert lines == ["True", "True", "1", "glibc.malloc.hugetlb=1", "7"]
    deadline = time.monotonic() + 30
    while lives(int(server)):
        assert time.monotonic() < deadline, "it outlives the command"
        time.sleep(0.02)


def test_where_no_socket_can_be_made_processes_are_started_one_by_one(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    program = "from studies.workers.processes import start_fork_server as s; print(s(1))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"TMPDIR": str(folder)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "False\n", done.stderr


def test_nothing_is_loaded_ahead_where_nothing_of_this_machine_trains_beside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[int] = []
    monkeypatch.setattr(processes, "start_fork_server", started.append)
    load_ahead(1, 1, None)
    load_ahead(4, 1, "tcp://127.0.0.1:8786")
    assert started == []
    load_ahead(2, 3, None)
    assert started == [3]


def test_as_many_train_side_by_side_as_are_asked_for_or_as_there_are_cores() -> None:
    assert n_side_by_side(7, 2) == 7
    assert n_side_by_side(None, 1) >= 1
    assert n_side_by_side(None, 1_000) == 1


def test_what_a_terminal_or_a_scheduler_sends_to_all_is_kept_from_what_starts_inside() -> None:
    with processes.stops_blocked():
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) >= set(STOPS)
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, []) & set(STOPS)
