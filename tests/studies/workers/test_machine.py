import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from helpers import ROOT

from studies.workers import machine, processes
from studies.workers.machine import memory_limit, n_cores, processor_quota
from studies.workers.processes import PROCESS_BYTES, cut_by_memory, n_side_by_side, pace

GIB = 2**30


def made(root: Path, own: str, files: dict[str, str]) -> Path:
    """The part of a machine's files that says what a process may use."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(own)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


FIRST = "4:memory:/docker/1f\n3:cpu,cpuacct:/docker/1f\n0::/\n"


@pytest.mark.parametrize(
    ("own", "files", "quota", "memory"),
    [
        ("0::/\n", {}, None, None),
        ("0::/\n", {"cpu.max": "max 100000\n", "memory.max": "max\n"}, None, None),
        ("0::/\n", {"cpu.max": "50000 100000\n", "memory.max": f"{GIB}\n"}, 0.5, GIB),
        ("0::/a/b\n", {"a/cpu.max": "150000 100000\n", "a/b/cpu.max": "max 100000\n"}, 1.5, None),
        ("0::/a/b\n", {"a/memory.max": f"{2 * GIB}", "a/b/memory.max": f"{GIB}"}, None, GIB),
        ("0::/host/path\n", {"cpu.max": "200000 100000\n"}, 2.0, None),
        (
            FIRST,
            {
                "cpu/cpu.cfs_quota_us": "-1\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            None,
            None,
        ),
        (
            FIRST,
            {
                "cpu/docker/1f/cpu.cfs_quota_us": "50000\n",
                "cpu/docker/1f/cpu.cfs_period_us": "100000\n",
                "memory/docker/1f/memory.limit_in_bytes": f"{GIB}\n",
            },
            0.5,
            GIB,
        ),
        (FIRST, {"cpu/cpu.cfs_quota_us": "nonsense"}, None, None),
    ],
)
def test_limits_are_read_of_the_own_group_and_those_above_in_both_versions(
    tmp_path: Path, own: str, files: dict[str, str], quota: float | None, memory: int | None
) -> None:
    root = made(tmp_path, own, files)
    assert processor_quota(root) == quota
    assert memory_limit(root) == memory


def test_a_machine_without_control_groups_has_no_limits(tmp_path: Path) -> None:
    assert (processor_quota(tmp_path), memory_limit(tmp_path)) == (None, None)


@pytest.fixture
def half_a_core() -> Iterator[Path]:
    """A real control group that gets half a core's time."""
    group = Path("/sys/fs/cgroup/cpu", f"fmnist-search-{os.getpid()}")
    try:
        group.mkdir()
        (group / "cpu.cfs_period_us").write_text("100000")
        (group / "cpu.cfs_quota_us").write_text("50000")
    except OSError as error:
        pytest.skip(f"no control group of the first version can be made here: {error}")
    yield group
    group.rmdir()


def test_a_real_quota_of_half_a_core_gives_one_job_at_half_the_pace(half_a_core: Path) -> None:
    program = f"""
import os
from pathlib import Path
from time import process_time
Path({str(half_a_core)!r}, "cgroup.procs").write_text(str(os.getpid()))
from studies.workers.machine import processor_quota
from studies.workers.processes import n_side_by_side, pace
assert processor_quota() == 0.5
assert n_side_by_side(None, 1) == 1
assert pace(1, 1) == (process_time, 2.0)
assert pace(2, 1) == (process_time, 4.0)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_without_a_quota_cores_and_pace_are_those_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "processor_quota", lambda: None)
    own = len(os.sched_getaffinity(0))
    assert n_cores() == min(psutil.cpu_count(logical=False) or 1, own)
    assert pace(n_cores(), 1)[1] == 1.0


@pytest.mark.parametrize(
    ("n_bytes", "n_processes"), [(GIB, 1), (4 * PROCESS_BYTES, 3), (99 * PROCESS_BYTES, 64)]
)
def test_memory_that_is_not_enough_for_all_cores_cuts_the_jobs_and_says_so(
    monkeypatch: pytest.MonkeyPatch, n_bytes: int, n_processes: int
) -> None:
    monkeypatch.setattr(machine, "n_cores", lambda: 64)
    monkeypatch.setattr(machine, "memory_limit", lambda: n_bytes)
    assert n_side_by_side(None, 1) == n_processes
    said = cut_by_memory(None, 1)
    assert (said is None) == (n_processes == 64)
    assert said is None or said.startswith(f"{n_processes} at a time instead of 64")
    assert n_side_by_side(50, 1) == 50
    assert processes.cut_by_memory(50, 1) is None
