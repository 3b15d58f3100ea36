import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from studies import processes
from studies.processes import environment, load_ahead, n_side_by_side

COMMAND = """
import os, signal
from multiprocessing import forkserver, get_context
from studies.processes import start_fork_server

before = dict(os.environ)
start_fork_server(1)
start_fork_server(1)
assert dict(os.environ) == before
assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
told = get_context("forkserver").Process(target=exec, args=('''
import os, signal, sys
print({"torch", "torch._dynamo", "studies.trainer", "distributed"} <= set(sys.modules))
print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
print(os.environ["OMP_NUM_THREADS"], os.environ["GLIBC_TUNABLES"], flush=True)
''',))
told.start()
told.join()
print(forkserver._forkserver._forkserver_pid)
"""


@pytest.mark.slow
def test_workers_are_forks_of_a_process_that_has_loaded_all_and_ends_with_the_command() -> None:
    plain = {n: v for n, v in os.environ.items() if n not in environment(1)}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND], env=plain, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *said, server = done.stdout.split()
    assert said == ["True", "True", "1", "glibc.malloc.hugetlb=1"]
    deadline = time.monotonic() + 30
    while psutil.pid_exists(int(server)):
        assert time.monotonic() < deadline, "it outlives the command"
        time.sleep(0.02)


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


def test_an_interrupt_is_kept_from_what_starts_inside() -> None:
    with processes.sigint_blocked():
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
