"""Several processes run one study on a real PostgreSQL, as on machines of their own."""

import json
import os
import platform
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
import psycopg
import pytest
from helpers.postgres import Postgres
from helpers.warm import Warm
from optuna.trial import FrozenTrial, TrialState

from spaces import paper
from spaces.errors import StudyError
from studies.engine import sharing
from studies.engine.sharing import Shared, Sharing, share
from studies.records import attributes, trials
from studies.storage import server
from studies.storage.databases import open_storage, storage_url

N_PAPER = len(paper.AUTOENCODERS)

SOON = {"LOST_AFTER_S": 4.0}
"""For processes that shall soon take others for lost that are silent."""
UNHELD_SOON = {"UNHELD_AFTER_S": 1.0}
"""For processes that shall soon take others for lost that are gone."""

pytestmark = pytest.mark.slow


class Coordinator:
    """A process, and what it said."""

    def __init__(self, **options: Any) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self.process = Warm(
            [json.dumps(options)], environment, module="helpers.coordinator", is_told=True
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def go(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def says(self, words: str, timeout_s: float = 180.0) -> bool:
        """Wait until a line has the words; False if the process ends without."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            over = not self._reader.is_alive()
            if any(words in line for line in self.lines):
                return True
            if over:
                return False
            time.sleep(0.02)
        return False

    def code(self, timeout_s: float = 400.0) -> int:
        code = self.process.wait(timeout_s)
        self._reader.join()
        return code

    def close(self) -> None:
        self.code()
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()

    def stop_in_a_trial(self) -> None:
        """Suspend the process while it trains."""
        while True:
            self.process.send_signal(signal.SIGSTOP)
            time.sleep(0.05)
            if self.lines[-1].startswith("began"):
                return
            self.process.send_signal(signal.SIGCONT)
            time.sleep(0.1)

    def began(self) -> list[int]:
        return [int(line.split()[1]) for line in self.lines if line.startswith("began ")]

    def _read(self) -> None:
        assert self.process.stdout
        self.lines.extend(line.rstrip() for line in self.process.stdout)


class Lab:
    """One database, and coordinators that share it."""

    def __init__(self, url: str, folder: Path, data_dir: Path) -> None:
        self.storage = open_storage(storage_url(url))
        self.started: list[Coordinator] = []
        self._options = {
            "storage": url,
            "artifacts": str(folder / "artifacts"),
            "data_dir": str(data_dir),
        }

    def start(self, n_processes: int = 1, **options: Any) -> list[Coordinator]:
        """Coordinators that all begin at the same moment."""
        new = [Coordinator(**{**self._options, **options}) for _ in range(n_processes)]
        self.started += new
        for coordinator in new:
            assert coordinator.says("ready"), "\n".join(coordinator.lines)
        for coordinator in new:
            coordinator.go()
        return new

    def trials(self, study: str = "s") -> list[FrozenTrial]:
        return optuna.load_study(study_name=study, storage=self.storage).get_trials()

    def close(self) -> None:
        for coordinator in self.started:
            with suppress(ProcessLookupError):
                coordinator.process.kill()
            coordinator.close()
        self.storage.engine.dispose()


@pytest.fixture
def lab(postgres: Postgres, tmp_path: Path, data_dir: Path) -> Iterator[Lab]:
    lab = Lab(postgres.database(), tmp_path, data_dir)
    yield lab
    lab.close()


def assert_exact(all_trials: list[FrozenTrial], n_wanted: int) -> None:
    """So many searched results, the paper's once each, and nothing left over."""
    assert len(trials.searched_results(all_trials)) == n_wanted
    by_paper = [t.user_attrs[trials.PAPER] for t in trials.completed(all_trials) if is_paper(t)]
    assert sorted(by_paper) == sorted(paper.AUTOENCODER_RUN_ORDER)
    assert {t.state for t in all_trials} <= {
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.FAIL,
    }
    assert [t.number for t in all_trials] == list(range(len(all_trials)))
    retried = [n for t in all_trials if (n := t.user_attrs.get(trials.RETRY_OF)) is not None]
    assert len(retried) == len(set(retried)), "a lost trial was made up for twice"


def is_paper(trial: FrozenTrial) -> bool:
    return trials.is_paper(trial)


def test_processes_that_begin_at_once_make_one_study_with_the_exact_total(
    lab: Lab,
) -> None:
    n_processes = 4
    processes = lab.start(n_processes, trials=24, epoch_s=0.003)
    assert [p.code() for p in processes] == [0] * n_processes, [p.lines for p in processes]
    assert_exact(lab.trials(), 24)
    assert len(lab.trials()) == 24 + N_PAPER
    began = [number for process in processes for number in process.began()]
    assert len(began) == len(set(began)), "two processes took the same trial"
    assert sum(bool(process.began()) for process in processes) >= 2, "only one had anything to do"
    assert optuna.get_all_study_names(lab.storage) == ["s"]
    assert all(p.lines[-1] == "over: nothing left to do" for p in processes)


def test_trials_of_a_machine_that_dies_are_trained_by_others_while_they_run(lab: Lab) -> None:
    one, two, three = lab.start(3, trials=12, epoch_s=0.15, seconds=UNHELD_SOON)
    assert one.says("ended")
    one.stop_in_a_trial()
    one.process.kill()
    assert [two.code(), three.code()] == [0, 0], two.lines + three.lines
    assert_exact(lab.trials(), 12)
    failed = [t for t in lab.trials() if t.state == TrialState.FAIL]
    (lost,) = [t for t in failed if t.user_attrs[trials.REASON] == trials.LOST]
    assert lost.number == one.began()[-1]
    notice = f"trial #{lost.number} was left running by a process that died"
    assert sum(process.says(notice) for process in (two, three)) == 1


def test_who_has_nothing_left_to_do_waits_and_takes_over_from_who_dies(lab: Lab) -> None:
    (slow,) = lab.start(trials=0, epoch_s=60)
    assert slow.says("began 0")
    (idle,) = lab.start(trials=0, epoch_s=0.01, seconds=UNHELD_SOON)
    assert idle.says("nothing left to do here; waiting for trial #0 of others")
    slow.process.kill()
    assert idle.code() == 0, idle.lines
    assert_exact(lab.trials(), 0)
    assert lab.trials()[0].state == TrialState.FAIL


def test_who_waits_can_be_stopped(lab: Lab) -> None:
    (slow,) = lab.start(trials=0, epoch_s=60)
    assert slow.says("began 0")
    (idle,) = lab.start(trials=0, epoch_s=0.01)
    assert idle.says("waiting for trial #0")
    idle.process.send_signal(signal.SIGINT)
    assert idle.code(60) == 130, idle.lines
    assert lab.trials()[0].state == TrialState.RUNNING


def test_trials_that_one_process_is_stopped_in_are_made_up_for_by_another(lab: Lab) -> None:
    one, two = lab.start(2, trials=10, epoch_s=0.1)
    assert one.says("ended")
    one.process.send_signal(signal.SIGINT)
    assert one.code() == 130, one.lines
    assert two.code() == 0, two.lines
    assert_exact(lab.trials(), 10)


def test_what_rests_is_gone_on_with_by_one_process_at_a_time_whoever_dies(lab: Lab) -> None:
    options: dict[str, Any] = {"trials": 20, "epochs": 16, "epoch_s": 0.01, "only_paper": []}
    one, two = lab.start(2, **options, seconds=UNHELD_SOON)
    assert one.says("rests"), one.lines
    one.process.kill()
    (one,) = lab.start(**options, seconds=UNHELD_SOON)
    assert until(lambda: bool(trials.completed(lab.trials()))), one.lines + two.lines
    one.process.kill()
    (one,) = lab.start(**options, seconds=UNHELD_SOON)
    assert [one.code(), two.code()] == [0, 0], one.lines + two.lines
    found = lab.trials()
    results = [t for t in found if t.state != TrialState.FAIL]
    assert {t.state for t in results} == {TrialState.COMPLETE, TrialState.PRUNED}
    assert len(trials.searched_results(found)) == 20
    assert not any(trials.PROMOTED in t.user_attrs for t in found), "each has one row"
    own = [t.user_attrs[trials.FINGERPRINT] for t in results if trials.SAME_AS not in t.user_attrs]
    assert len(own) == len(set(own)), "one was made up for twice"
    for trial in results:
        assert list(trial.intermediate_values) == list(range(1, len(trial.intermediate_values) + 1))
    for process in lab.started:
        began = [line for line in process.lines if line.startswith(("began", "ended"))]
        assert all(
            a.split()[1] == b.split()[1] for a, b in zip(began[::2], began[1::2], strict=False)
        )


def test_a_process_that_was_taken_for_lost_lets_go_and_works_on(lab: Lab) -> None:
    one, two = lab.start(2, trials=30, epoch_s=0.15, seconds=SOON)
    assert one.says("ended")
    one.stop_in_a_trial()
    assert two.says("was left running by a process that died"), two.lines
    one.process.send_signal(signal.SIGCONT)
    assert [one.code(), two.code()] == [0, 0], one.lines + two.lines
    assert_exact(lab.trials(), 30)
    assert one.says("another process gave it up as lost")


def test_a_restart_of_the_server_is_waited_for(lab: Lab, postgres: Postgres) -> None:
    processes = lab.start(2, trials=20, epoch_s=0.05)
    for process in processes:
        assert process.says("ended"), process.lines
    for _ in range(2):
        postgres.stop()
        time.sleep(1.5)
        postgres.start()
        time.sleep(1)
    codes = [process.code() for process in processes]
    assert codes == [0, 0], "\n".join(line for p in processes for line in p.lines)
    assert_exact(lab.trials(), 20)
    assert any(p.says("the database does not answer") for p in processes)


def test_a_server_that_stays_away_is_one_line_and_the_same_command_goes_on(
    lab: Lab, postgres: Postgres
) -> None:
    (process,) = lab.start(trials=10, epoch_s=0.05, seconds={"PATIENCE_S": 1})
    assert process.says("ended")
    postgres.stop()
    try:
        assert process.code() == 1, process.lines
    finally:
        postgres.start()
    assert re.match(r"error: the database on 127\.0\.0\.1 is gone: .*goes on", process.lines[-1])
    assert not any("Traceback" in line for line in process.lines)
    (again,) = lab.start(trials=10, epoch_s=0.05)
    assert again.code() == 0, again.lines
    assert_exact(lab.trials(), 10)


def test_a_lost_trial_goes_on_from_its_checkpoint_and_ends_as_if_uninterrupted(lab: Lab) -> None:
    options: dict[str, Any] = {"trials": 0, "epochs": 6, "checkpoint_every": 1}
    options["only_paper"] = ["dropout"]
    (one,) = lab.start(**options)
    assert one.says("began 0")
    assert until(lambda: trials.n_epochs_stored(lab.trials()[0]) >= 2), one.lines
    one.process.kill()
    (two,) = lab.start(**options, seconds=UNHELD_SOON)
    assert two.code() == 0, two.lines
    first, *_ = [t for t in lab.trials() if t.state == TrialState.FAIL]
    name = first.user_attrs[trials.PAPER]
    (retry,) = [t for t in trials.completed(lab.trials()) if t.user_attrs.get(trials.PAPER) == name]
    origin = attributes.of(retry)[trials.GOES_ON_FROM]
    assert (origin["study"], origin["trial"]) == ("s", first.number)
    (whole,) = lab.start(study="whole", **options)
    assert whole.code() == 0, whole.lines
    (twin,) = [t for t in lab.trials("whole") if t.user_attrs.get(trials.PAPER) == name]
    assert retry.intermediate_values == twin.intermediate_values


def until(condition: Callable[[], bool], timeout_s: float = 180.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


@pytest.fixture
def study(postgres: Postgres) -> Iterator[optuna.Study]:
    storage = open_storage(storage_url(postgres.database()))
    yield optuna.create_study(study_name="s", storage=storage)
    storage.engine.dispose()


def shared(study: optuna.Study) -> Shared:
    made = share(study._storage._backend, study, alone=False)  # type: ignore[attr-defined]
    assert isinstance(made, Shared)
    return made


def test_a_trial_without_heartbeat_is_lost_and_one_with_a_fresh_one_is_not(
    study: optuna.Study,
) -> None:
    own, other = shared(study), shared(study)
    trial = study.ask()
    own.hold(trial)
    asked = study.ask()
    assert [t.number for t in own.elsewhere(study.trials)] == [asked.number]
    assert [t.number for t in other.lost(study.trials)] == [asked.number]
    own.let_go(trial)
    assert own.elsewhere(study.trials) == study.trials
    own.close()
    other.close()


def test_a_fresh_heartbeat_wins_whatever_is_known_of_the_machine(study: optuna.Study) -> None:
    """Earlier versions noted the machine; those of one name took each other for dead."""
    own, other = shared(study), shared(study)
    trial = study.ask()
    own.hold(trial)
    machine = {"host": platform.node(), "boot": "another", "pid": 2**22 - 1, "started": 0.0}
    trial.set_user_attr("owner", machine)
    assert other.lost(study.trials) == []
    assert [t.number for t in other.elsewhere(study.trials)] == [trial.number]
    own.close()
    other.close()


def test_a_trial_is_lost_soon_when_its_process_is_gone_and_later_when_it_is_silent(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in {"HEARTBEAT_S": 0.2, "UNHELD_AFTER_S": 0.6, "LOST_AFTER_S": 2.0}.items():
        monkeypatch.setattr(sharing, name, seconds)
    own, other = shared(study), shared(study)
    with own._storage.engine.connect() as connection:  # a process that hangs, still connected
        trial = study.ask()
        own._beat_first(trial.number)
        sharing._lock_alone(connection, own._study_id, [trial.number])
        time.sleep(1.0)
        assert other.lost(study.trials) == [], "its process is there"
        assert until(lambda: other.lost(study.trials) == study.trials, timeout_s=10), "silent"
        own._beat_first(trial.number)
        assert other.lost(study.trials) == []
        monkeypatch.setattr(sharing, "LOST_AFTER_S", 600.0)
        time.sleep(1.0)
        assert other.lost(study.trials) == []
        connection.invalidate()
    assert until(lambda: other.lost(study.trials) == study.trials, timeout_s=10), "gone"
    own.close()
    other.close()


def test_the_locks_of_held_trials_are_taken_again_after_a_restart_of_the_server(
    study: optuna.Study, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "HEARTBEAT_S", 0.1)
    own = shared(study)
    trial = study.ask()
    own.hold(trial)
    assert until(lambda: locks_held(study) == [trial._trial_id])
    postgres.stop()
    postgres.start()
    assert until(lambda: locks_held(study) == [trial._trial_id])
    own.let_go(trial)
    assert until(lambda: locks_held(study) == [])
    own.close()


def locks_held(study: optuna.Study) -> list[int]:
    storage = study._storage._backend  # type: ignore[attr-defined]
    query = "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
    with storage.engine.connect() as connection:
        return [int(number) for number in connection.exec_driver_sql(query).scalars()]


def test_silence_is_judged_by_the_servers_clock_and_not_right_after_its_start(
    study: optuna.Study, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "LOST_AFTER_S", 3.0)
    own, other = shared(study), shared(study)
    own.hold(study.ask())
    own.close()
    assert other.lost(study.trials) == []
    postgres.stop()
    time.sleep(3)
    postgres.start()
    assert other.lost(study.trials) == [], "nobody could record a heartbeat"
    assert until(lambda: other.lost(study.trials) == study.trials, timeout_s=15)
    other.close()


def test_who_opens_a_database_with_tables_waits_for_nobody_who_makes_them(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOCK_S", 1)
    storage = study._storage._backend  # type: ignore[attr-defined]
    with storage.locked("tables"):
        other = open_storage(storage.engine.url)
        assert optuna.get_all_study_names(other) == ["s"]
        other.engine.dispose()


def test_a_lock_that_went_with_the_server_is_noticed(
    study: optuna.Study, postgres: Postgres
) -> None:
    own = shared(study)
    lock = own.exclusively()
    lock.__enter__()
    postgres.stop()
    postgres.start()
    with pytest.raises(server.LockLostError, match="restarted"):
        lock.__exit__(None, None, None)
    with own.exclusively():
        pass
    own.close()


def test_a_lock_that_others_keep_is_an_error_that_says_so(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOCK_S", 1)
    own, other = shared(study), shared(study)
    with (
        own.exclusively(),
        pytest.raises(StudyError, match="keeps the database"),
        other.exclusively(),
    ):
        pass
    with other.exclusively():
        pass
    own.close()
    other.close()


@pytest.mark.parametrize("done", [True, False], ids=["committed", "not committed"])
def test_what_was_cut_off_at_its_commit_is_done_once(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    cut_off_at_commit(study, monkeypatch, done)
    study.enqueue_trial({"x": 1}, user_attrs={"name": "one"})
    assert len(study.trials) == 1
    cut_off_at_commit(study, monkeypatch, done)
    trial = study.ask()
    cut_off_at_commit(study, monkeypatch, done)
    study.tell(trial, 0.5)
    cut_off_at_commit(study, monkeypatch, done)
    study.ask()
    assert [(t.number, t.value) for t in study.trials] == [(0, 0.5), (1, None)]
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        trial.set_user_attr("late", 1)


def cut_off_at_commit(study: optuna.Study, monkeypatch: pytest.MonkeyPatch, done: bool) -> None:
    """Have the server go away once, at the end of a transaction that writes."""
    dialect = study._storage._backend.engine.dialect  # type: ignore[attr-defined]
    whole = type(dialect).do_commit

    def do_commit(connection: psycopg.Connection) -> None:
        (number,) = connection.execute("SELECT txid_current_if_assigned()").fetchone() or (None,)
        if done or number is None:
            whole(dialect, connection)
        if number is not None:
            monkeypatch.undo()
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(dialect, "do_commit", do_commit)


def test_a_search_is_refused_where_others_could_not_be_kept_out(tmp_path: Path) -> None:
    storage = open_storage(storage_url(str(tmp_path / "a.db")))
    study = optuna.create_study(storage=storage)
    with pytest.raises(StudyError, match="give an SQLite file or a PostgreSQL URL"):
        share(storage, study, alone=False)
    assert type(share(storage, study, alone=True)) is Sharing
