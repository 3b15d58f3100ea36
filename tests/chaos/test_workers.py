"""Workers that die or run out of memory, and a Dask cluster that goes away."""

import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from helpers.faults import (
    Run,
    assert_complete,
    assert_nothing_lost,
    assert_one_line,
    finished,
    stored,
    until,
)
from helpers.installed_command import BUDGET, NARROW, Command

pytestmark = pytest.mark.slow

WORDS = ("ae", "--trials", "12", *BUDGET, *NARROW)


def dask(folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    with (folder / f"{words[0]}.log").open("ab") as log:
        program = str(Path(sys.executable).with_name("dask"))
        return subprocess.Popen([program, *words], stdout=log, stderr=log, cwd=folder)


@contextmanager
def scheduler(folder: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    (folder / "scheduler.log").write_bytes(b"")
    process = dask(
        folder, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"
    )
    try:
        found: list[str] = []

        def is_there() -> bool:
            found[:] = re.findall(
                r"Scheduler at: +(tcp://\S+)", (folder / "scheduler.log").read_text()
            )
            return bool(found)

        until(is_there, "the scheduler")
        yield found[0], process
    finally:
        end(process)


@contextmanager
def worker(folder: Path, address: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = dask(folder, "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
    try:
        yield process
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def test_a_scheduler_that_is_gone_stops_with_3_and_the_same_words_go_on(
    command: Command, tmp_path: Path
) -> None:
    with scheduler(tmp_path) as (address, process), worker(tmp_path, address):
        with Run(command, *WORDS, "--dask", address) as run:
            run.until_says("started", times=3)
            end(process)
            assert run.end() == 3, run.output()
        assert_one_line(run, f"the Dask scheduler at {address} is gone")
    done = finished(command.database)
    with Run(command, *WORDS, "--jobs", "1") as again:
        assert again.end() == 0, again.output()
    assert_nothing_lost(done, command.database)
    assert_complete(command.database, 12)


def test_a_cluster_without_workers_is_waited_for_and_it_says_so(
    command: Command, tmp_path: Path
) -> None:
    with scheduler(tmp_path) as (address, _):
        with worker(tmp_path, address) as first:
            run = Run(command, *WORDS, "--dask", address)
            run.until_says("started", times=3)
            end(first)
            run.until_says("no worker is left")
        with run, worker(tmp_path, address):
            assert run.end() == 0, run.output()
    assert_complete(command.database, 12)


def test_workers_without_memory_cost_their_trials_alone(command: Command) -> None:
    with Run(command, *WORDS, "--jobs", "2") as run:
        run.until_says("started", times=3)
        for process in run.workers():
            process.rlimit(psutil.RLIMIT_AS, (2**20, resource.RLIM_INFINITY))
        until(lambda: run.has_ended() or lost(command) > 0, "a trial that got no memory")
        for process in run.workers():
            process.rlimit(psutil.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert run.end() == 0, run.output()
    assert lost(command) > 0
    with Run(command, *WORDS, "--jobs", "1") as again:
        assert again.end() == 0, again.output()
    assert_complete(command.database, 12)


def lost(command: Command) -> int:
    reasons = [str(t.attrs.get("reason", "")) for t in stored(command.database).values()]
    return sum(reason.startswith(("out of memory", "process died")) for reason in reasons)
