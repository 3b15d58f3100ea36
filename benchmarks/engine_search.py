"""Samplers and pruners through the project's own engine, on real learning curves of autoencoders.

    python -m benchmarks.engine_search --data-dir /usr/share/datasets/fashion-mnist

Every configuration of a small space is trained once on a reduced budget (see
``benchmarks.recorded_curves``); then whole searches run on these curves through the project's own
engine: the paper's five configurations first, never pruned, then 50 searched trials. The curves
take 25 minutes of one core's time and are kept, the searches about 15: on two free cores 20 minutes
in all. With ``--quick`` only the default and its baselines are run, in less than a minute. The
columns:

- share: epochs spent by the 50 searched trials, of the 1,500 of fifty full ones; a configuration
  that comes up again is not trained again and spends none
- trained: epochs spent, of what the trials that were trained at all would take in full
- full: searched trials that were trained to the end
- reused: searched trials whose configuration had come up before
- loss: how much worse the best validation loss among the searched trials is than by the same
  sampler without pruning; those with a configuration of the paper's are left out, which was there
  before; mean difference of the same seeds, with its 95 % interval
- speed-up: time to target of random search without pruning, divided by this one's; the target is
  the loss that random search reaches in half of its runs. Expected time: what all runs spent until
  they reached the target or ended, divided by the number that reached it
"""

import argparse
import math
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from benchmarks import recorded_curves
from benchmarks.recorded_curves import Reduction, tell, workers
from benchmarks.replays import (
    BASELINE,
    DEFAULT,
    EPOCHS,
    HALVING,
    PRUNERS,
    SAMPLERS,
    Result,
    Way,
    replay,
)
from benchmarks.search import speed_up
from studies.data.fetch import ensure_data
from studies.records.request import DEFAULT_TRIALS
from studies.records.scores import mean_with_interval


def main() -> None:
    """Train what is missing, replay, and print the tables."""
    options = parse_options()
    start = monotonic()
    path = options.curves or recorded_curves.cache_file(Reduction().file_name())
    recorded = recorded_curves.complete(
        path, Reduction(), ensure_data(options.data_dir, print), tell
    )
    tell(f"{len(recorded)} curves in {path}, after {(monotonic() - start) / 60:.1f} min")
    ways = chosen_ways(options)
    seeds = range(options.seeds)
    results = replay_all(path, [(way, seed) for way in ways for seed in seeds])
    for title, rows in tables(ways).items():
        print_table(f"{title} ({options.seeds} seeds)", rows, results)
    print(f"\n{(monotonic() - start) / 60:.1f} min in all")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="folder with Fashion-MNIST")
    parser.add_argument("--curves", type=Path, help="file for the curves")
    parser.add_argument("--seeds", type=int, default=24, help="searches of each way (24)")
    parser.add_argument("--quick", action="store_true", help="only the default and its baselines")
    return parser.parse_args()


def chosen_ways(options: argparse.Namespace) -> list[Way]:
    """The ways to replay: all that the tables show."""
    ways = [DEFAULT, HALVING, Way("default", "none"), Way("random", "default"), BASELINE]
    if not options.quick:
        names = ["random", *SAMPLERS, "gp", "qmc"]
        ways += [Way(name, pruner) for name in names for pruner in ("none", "default")]
        ways += [Way(name, pruner) for name in ("default", "random") for pruner in PRUNERS]
    return list(dict.fromkeys(ways))


def tables(ways: Sequence[Way]) -> dict[str, list[Way]]:
    """The rows of each table."""
    return {
        "Samplers without pruning": [way for way in ways if way.pruner == "none"],
        "Samplers with the default pruner": [way for way in ways if way.pruner == "default"],
        "Pruners with the default sampler": [way for way in ways if way.sampler == "default"],
        "Pruners with random search": [way for way in ways if way.sampler == "random"],
    }


def replay_all(path: Path, tasks: Sequence[tuple[Way, int]]) -> dict[Way, list[Result]]:
    """Run every search, a process for each core."""
    results: dict[Way, list[Result]] = {way: [] for way, _ in tasks}
    start = monotonic()
    with workers() as pool:
        replays = pool.imap(partial(replay, path), tasks, chunksize=4)
        for n_done, result in enumerate(replays, 1):
            results[result.way].append(result)
            if n_done % 100 == 0:
                tell(f"replayed {n_done} of {len(tasks)} searches in {monotonic() - start:.0f} s")
    return results


class Row(NamedTuple):
    """What all searches of one way came to; see the module's text."""

    share: float
    trained: float
    n_full: float
    n_reused: float
    loss: str
    speed_up: float
    n_without: int
    """Searches that trained no searched trial to the end; left out of the loss."""


def summarize(
    results: Sequence[Result], unpruned: Sequence[Result], baseline: Sequence[Result]
) -> Row:
    """One row of a table from the searches of a way, in the order of their seeds."""
    runs = [result.trained for result in results]
    n_epochs = [sum(t.n_epochs for t in run) for run in runs]
    n_trained = [sum(t.n_epochs > 0 for t in run) for run in runs]
    n_full = [sum(t.n_epochs == EPOCHS and t.value < math.inf for t in run) for run in runs]
    found = [r for r in results if r.best < math.inf]
    without = {result.seed: result.best for result in unpruned}
    target = statistics.median(result.best for result in baseline)
    return Row(
        share=statistics.fmean(n_epochs) / (EPOCHS * DEFAULT_TRIALS),
        trained=sum(n_epochs) / (EPOCHS * sum(n_trained)),
        n_full=statistics.fmean(n_full),
        n_reused=DEFAULT_TRIALS - statistics.fmean(n_trained),
        loss=interval([result.best / without[result.seed] - 1 for result in found]),
        speed_up=speed_up(results, baseline, target),
        n_without=len(results) - len(found),
    )


def interval(values: Sequence[float]) -> str:
    """The mean with its 95 % interval, in percent."""
    if not values:
        return "nothing found"
    mean, low, _ = mean_with_interval(values)
    return f"{100 * mean:+6.2f} ±{math.nan if low is None else 100 * (mean - low):5.2f}"


def print_table(title: str, ways: Sequence[Way], results: dict[Way, list[Result]]) -> None:
    """The rows, in the order of the ways."""
    print(f"\n{title}")
    print(
        f"{'sampler':<19}{'pruner':<27}{'share':>7}{'trained':>9}{'full':>6}{'reused':>8}"
        f"{'loss %':>15}{'speed-up':>10}"
    )
    for way in ways:
        unpruned = results[Way(way.sampler, "none")]
        row = summarize(results[way], unpruned, results[BASELINE])
        note = f"  ({row.n_without} without a full trial)" if row.n_without else ""
        print(
            f"{way.sampler:<19}{way.pruner:<27}{row.share:>7.1%}{row.trained:>9.1%}"
            f"{row.n_full:>6.1f}{row.n_reused:>8.1f}{row.loss:>15}{row.speed_up:>9.2f}×{note}"
        )


if __name__ == "__main__":
    main()
