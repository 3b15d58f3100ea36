"""Runs of the command while things go wrong, and what must hold of a study afterwards."""

import json
import os
import sqlite3
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil
import pytest

from helpers.installed_command import N_PAPER, Command
from helpers.warm import Warm, lives, workers_of
from studies.records.attributes import RECORD_PREFIX

PATIENCE_S = 240.0
"""Until a condition is taken to come no more, on however loaded a machine."""
MAX_ATTEMPTS = 3
"""As docs/faults.md says."""


def until(condition: Callable[[], bool], what: str = "the condition") -> None:
    """Wait for what must come."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come in {PATIENCE_S} s"
        time.sleep(0.02)


class Run:
    """The command in the background, its output in a file, so that it never waits for a reader."""

    def __init__(self, command: Command, *words: str, **environment: str) -> None:
        n_before = len(list(command.home.glob("run-*.log")))
        self._log = command.home / f"run-{n_before}.log"
        with self._log.open("w") as log:
            self.process = Warm(words, command.environment | environment, output=log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.has_ended():
            self.kill()

    def output(self) -> str:
        return self._log.read_text()

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def until_says_or_ended(self, words: str, times: int = 1) -> None:
        until(lambda: self.output().count(words) >= times or self.has_ended(), words)

    def until_says(self, words: str, times: int = 1) -> None:
        self.until_says_or_ended(words, times)
        assert self.output().count(words) >= times, self.output()

    def workers(self) -> list[psutil.Process]:
        return workers_of(self.process.pid)

    def kill(self) -> None:
        """SIGKILL, after which no worker may live on."""
        workers = self.workers()
        self.process.kill()
        self.process.wait()
        until(lambda: not any(lives(worker.pid) for worker in workers), "the end of all workers")

    def end(self) -> int:
        """Wait for the end by itself; the exit code."""
        until(self.has_ended, "the run's end")
        return int(self.process.returncode)


class Stored(NamedTuple):
    """A trial as the tables hold it."""

    study: int
    number: int
    state: str
    values: list[float]
    params: dict[str, float]
    epochs: dict[int, float]
    attrs: dict[str, Any]

    @property
    def is_finished(self) -> bool:
        return self.state in ("COMPLETE", "PRUNED")


def stored(database: Path) -> dict[int, Stored]:
    """All trials by their keys, read past Optuna without writing; none before there are tables."""
    if not database.exists():
        return {}
    try:
        return _stored(database)
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return {}
        raise


def _stored(database: Path) -> dict[int, Stored]:
    uri = f"{database.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=60)) as connection:
        connection.execute("BEGIN")  # all from one moment
        trials = connection.execute("SELECT trial_id, study_id, number, state FROM trials")
        return {
            key: Stored(
                study,
                number,
                state,
                [v for _, v in _rows(connection, "trial_values", "objective, value", key)],
                dict(_rows(connection, "trial_params", "param_name, param_value", key)),
                dict(
                    _rows(connection, "trial_intermediate_values", "step, intermediate_value", key)
                ),
                {
                    name.removeprefix(RECORD_PREFIX): json.loads(text)
                    for kind in ("user", "system")
                    for name, text in _rows(
                        connection, f"trial_{kind}_attributes", "key, value_json", key
                    )
                },
            )
            for key, study, number, state in trials.fetchall()
        }


def _rows(connection: sqlite3.Connection, table: str, columns: str, key: int) -> list[Any]:
    query = f"SELECT {columns} FROM {table} WHERE trial_id = ? ORDER BY 1"
    return connection.execute(query, (key,)).fetchall()


def finished(database: Path) -> dict[int, Stored]:
    return {n: trial for n, trial in stored(database).items() if trial.is_finished}


def assert_nothing_lost(before: dict[int, Stored], database: Path) -> dict[int, Stored]:
    """Every trial that was finished is as it was; all that are finished now."""
    now = finished(database)
    assert {number: now.get(number) for number in before} == before
    return now


def assert_complete(database: Path, n_searched: int, n_studies: int = 1) -> None:
    """Each study has what was wanted, once; nothing is left running, and the file is sound."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    trials = list(stored(database).values())
    assert not {"RUNNING", "WAITING"} & {trial.state for trial in trials}
    assert all("reason" in t.attrs for t in trials if t.state == "FAIL")
    studies = {trial.study for trial in trials}
    assert len(studies) == n_studies
    for study in studies:
        own = [trial for trial in trials if trial.study == study]
        names = [t.attrs["paper"] for t in own if "paper" in t.attrs and t.state == "COMPLETE"]
        assert len(names) == len(set(names)) == N_PAPER
        searched = [trial for trial in own if "paper" not in trial.attrs]
        n_ended = sum(trial.is_finished for trial in searched)
        assert n_ended + n_given_up(searched) == n_searched


def n_given_up(searched: list[Stored]) -> int:
    """Configurations whose attempts died so often in vain that they count as tried."""
    attempts: dict[str, list[Stored]] = defaultdict(list)
    for trial in searched:
        if "fingerprint" in trial.attrs:
            attempts[trial.attrs["fingerprint"]].append(trial)
    never_ended = [a for a in attempts.values() if {trial.state for trial in a} == {"FAIL"}]
    return sum(n_deaths_in_vain(same) >= MAX_ATTEMPTS for same in never_ended)


def n_deaths_in_vain(attempts: list[Stored]) -> int:
    """Deaths since the configuration's training last got further."""
    n_epochs = [len(trial.attrs.get("epochs", {}).get("epoch", [])) for trial in attempts]
    furthest = n_epochs.index(max(n_epochs))
    since = attempts[furthest:] if max(n_epochs) else attempts
    return sum(not trial.attrs.get("reason", "").startswith("interrupted") for trial in since)


def assert_one_line(run: Run, words: str) -> None:
    """The run's only error is a line that says so, and there is no traceback."""
    output = run.output()
    assert "Traceback" not in output, output
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, output
    assert words in errors[0]


@contextmanager
def small_disk(folder: Path, n_megabytes: int) -> Iterator[Path]:
    """A disk of its own at ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    size = f"size={n_megabytes}m"
    _or_skip("mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder), why="cannot mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, leave_kilobytes: int = 0) -> Path:
    """Fill a disk, but for what is to be left; the file that does it."""
    filler = folder / "filler"
    left = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize - leave_kilobytes * 1024
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while left > 0:
            left -= file.write(bytes(min(left, 65536)))
    return filler


@contextmanager
def read_only_disk(folder: Path) -> Iterator[None]:
    """Nobody writes to the folder, not even root."""
    _or_skip("mount", "--bind", str(folder), str(folder), why="cannot mount a folder")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def read_only_file(path: Path) -> Iterator[None]:
    """Nobody writes to the file, not even root."""
    if os.geteuid() != 0:
        path.chmod(0o444)
        yield
        path.chmod(0o644)
        return
    _or_skip("chattr", "+i", str(path), why="root writes to whatever it likes")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True)


def _or_skip(*words: str, why: str) -> None:
    try:
        subprocess.run(words, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"{why} here: {getattr(error, 'stderr', None) or error}")
