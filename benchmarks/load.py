"""How many trials a second whole searches get through when training takes no time.

    python -m benchmarks.load --jobs 8
    python -m benchmarks.load --storage postgresql://me@host/empty --coordinators 16

Real searches: every trial is asked for, reported, told and stored; its epochs alone are short naps.
With --jobs one process writes to the default SQLite and so many workers nap; with
--coordinators so many processes, each with one training, share one study. What is stored in the end
is counted: nothing may be lost, and nothing double.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path
from time import perf_counter

import optuna

from benchmarks.no_training import NoTraining
from spaces.stages import AUTOENCODER
from studies.data.fetch import ensure_data
from studies.engine import launch
from studies.records import trials
from studies.records.request import SearchRequest
from studies.storage.databases import open_storage, storage_url
from studies.workers import who_trains
from studies.workers.in_process import InProcess
from studies.workers.local_pool import LocalPool
from studies.workers.pool import Pool
from studies.workers.stopping import StopSignal

STUDY = "load"
EPOCHS = 3
EPOCH_S = 0.002


def main() -> None:
    """Run the searches, print their rate and what they left."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=2_000)
    parser.add_argument("--jobs", type=int, help="worker processes of one coordinator")
    parser.add_argument("--coordinators", type=int, help="processes that share a study")
    parser.add_argument("--storage", help="for --coordinators: URL of an empty database")
    parser.add_argument("--join", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.join:
        coordinate(InProcess(partial(NoTraining, EPOCH_S)), options.trials, options.storage)
    elif options.coordinators:
        share(options)
    else:
        work(options.jobs or 8, options.trials)


def work(n_workers: int, n_trials: int) -> None:
    """One coordinator on SQLite, with workers."""
    with tempfile.TemporaryDirectory() as folder:
        storage = str(Path(folder) / "studies.db")
        pool = LocalPool(n_workers, 1, partial(NoTraining, EPOCH_S))
        begin = perf_counter()
        coordinate(pool, n_trials, storage)
        conclude(f"{n_workers} workers, SQLite", storage, perf_counter() - begin, n_trials)


def share(options: argparse.Namespace) -> None:
    """Several coordinators on one server."""
    words = ["--join", "--trials", str(options.trials), "--storage", options.storage]
    command = [sys.executable, "-m", "benchmarks.load", *words]
    begin = perf_counter()
    processes = [subprocess.Popen(command) for _ in range(options.coordinators)]
    codes = Counter(process.wait() for process in processes)
    seconds = perf_counter() - begin
    assert set(codes) == {0}, f"exit codes {dict(codes)}"
    title = f"{options.coordinators} coordinators, PostgreSQL (start of the processes included)"
    conclude(title, options.storage, seconds, options.trials)


def coordinate(pool: Pool, n_trials: int, storage: str) -> None:
    """One real search, whose pool only naps."""
    who_trains.make_pool = lambda *_: pool
    request = SearchRequest(
        trials=n_trials,
        study=STUDY,
        epochs=EPOCHS,
        subset=600,
        sampler="random",
        pruner="none",
        keep_weights="none",
        storage=storage,
        artifacts=Path(tempfile.gettempdir()) / "fmnist-search-load",
    )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder = ensure_data(None, lambda _: None)
    launch.launch(request, AUTOENCODER, STUDY, folder, lambda _: None, StopSignal())


def conclude(title: str, storage: str, seconds: float, n_trials: int) -> None:
    """Count what is stored, and print."""
    opened = open_storage(storage_url(storage))
    there = optuna.load_study(study_name=STUDY, storage=opened).get_trials(deepcopy=False)
    opened.engine.dispose()
    states = Counter(trial.state.name for trial in there)
    papers = [t.user_attrs[trials.PAPER] for t in trials.completed(there) if trials.is_paper(t)]
    trained = Counter(
        t.user_attrs[trials.FINGERPRINT] for t in there if trials.SAME_AS not in t.user_attrs
    )
    print(title)
    print(
        f"{len(trials.searched_results(there)):,} searched trials and {len(papers)} of the paper's "
        f"({dict(states)}) of {EPOCHS} epochs of {EPOCH_S * 1000:g} ms: "
        f"{seconds:.1f} s, {len(there) / seconds:.0f} trials/s"
    )
    assert len(trials.searched_results(there)) == n_trials, "a searched trial is lost or too many"
    assert sorted(papers) == sorted(AUTOENCODER.run_order), "one of the paper's is lost or double"
    n_same = sum(count - 1 for count in trained.values())
    print(f"configurations that two processes drew, and trained, at the same moment: {n_same}")


if __name__ == "__main__":
    main()
