"""Who trains on and who rests, on real learning curves: what rules spend, find and lose.

    python -m benchmarks.search --data-dir /usr/share/datasets/fashion-mnist

Configurations are trained once on a reduced budget, with all 30 epochs, and their curves kept:
every autoencoder of a small space (``benchmarks.recorded_curves``, 25 minutes of one core's time)
and classifiers drawn at random from the wide space (``benchmarks.wide_curves``, 45 minutes). Then
whole searches of 50 trials are simulated on them (``benchmarks.simulation``), which takes some
minutes more. Of autoencoders the paper's five come first, trained to the end, and to draw one of
them again finds nothing; wide classifiers have nothing to begin with. The columns:

- share: epochs spent by the 50 searched trials, of the 1,500 of fifty full ones; a configuration
  that comes up again is not trained again and spends none
- full: searched trials that were trained to the end; and how many of the first six
- lost: how much worse the best trial is than by the same sampler without pruning; mean difference
  of the same seeds with its 95 % interval, in percent of the loss or in points of accuracy
- of three: how many of the best three of the very same configurations were trained to the end, and
  how often all three were
- speed-up: time to target of random search without pruning, divided by this one's, and between
  what values it lies for eight of ten draws of the seeds; the target is what random search reaches
  in half of its runs. Expected time: what all runs spent until they reached the target or ended,
  divided by the number that reached it
- other targets: the lowest and the highest speed-up for what random search reaches in three
  quarters of its runs, down to a tenth; a space has few good configurations, so that the target
  jumps from one to the next

How the project's own engine does, and Optuna's other samplers: ``benchmarks.engine_search``.
"""

import argparse
import math
import statistics
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from time import monotonic
from typing import Literal, NamedTuple, Protocol, get_args

import numpy as np

from benchmarks import pools, recorded_curves, wide_curves
from benchmarks.drawers import RandomDrawer, TpeDrawer
from benchmarks.recorded_curves import tell, workers
from benchmarks.rules import RULES
from benchmarks.simulation import Drawer, Outcome, Pool, simulate
from benchmarks.views import VIEWS
from studies.data.fetch import ensure_data
from studies.records.request import DEFAULT_TRIALS
from studies.records.scores import mean_with_interval

SpaceName = Literal["autoencoders", "classifiers"]
SPACES: tuple[SpaceName, ...] = get_args(SpaceName)
N_BASELINE = 400
"""Random searches without pruning, whose median is the target; that of 24 is a matter of luck."""


TARGETS = (0.75, 0.6, 0.5, 0.4, 0.25, 0.1)
"""Shares of the baseline's searches that reach a target."""

RANDOM = ("full", "random")
"""The baseline's rule, and what it sees."""


class Way(NamedTuple):
    """A way to search one of the spaces, by its names here."""

    space: SpaceName
    rule: str
    view: str = "pruned"
    """What TPE is shown of trials that rest; ``random`` for random search."""
    n_workers: int = 1


class Files(NamedTuple):
    """Where the curves are."""

    autoencoders: Path
    classifiers: Path


def main() -> None:
    """Train what is missing, simulate, and print the tables."""
    options = parse_options()
    files = Files(
        options.curves or recorded_curves.cache_file(recorded_curves.Reduction().file_name()),
        options.wide_curves or recorded_curves.cache_file(wide_curves.WideReduction().file_name()),
    )
    record(options, files)
    for space in options.spaces:
        ways = chosen_ways(space, options.rules, options.n_workers)
        results = search_all(files, ways, range(options.seeds))
        print_table(files, ways, results)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="folder with Fashion-MNIST")
    parser.add_argument("--curves", type=Path, help="file for the autoencoders' curves")
    parser.add_argument("--wide-curves", type=Path, help="file for the classifiers' curves")
    parser.add_argument("--recorded", action="store_true", help="train nothing: what there is")
    parser.add_argument("--spaces", nargs="+", choices=SPACES, default=SPACES)
    parser.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES), metavar="RULE")
    parser.add_argument("--seeds", type=int, default=24, help="searches of each way (24)")
    parser.add_argument("--n-workers", type=int, default=1, help="that train side by side (1)")
    return parser.parse_args()


def record(options: argparse.Namespace, files: Files) -> None:
    """Train what the files lack of the spaces that are asked for."""
    if options.recorded:
        return
    folder = ensure_data(options.data_dir, tell)
    if "autoencoders" in options.spaces:
        recorded_curves.complete(files.autoencoders, recorded_curves.Reduction(), folder, tell)
    if "classifiers" in options.spaces:
        wide_curves.complete(files.classifiers, wide_curves.WideReduction(), folder, tell)


def chosen_ways(space: SpaceName, rules: Sequence[str], n_workers: int) -> list[Way]:
    """The rows of a table: the baselines, and every rule with each view that it is shown with."""
    baselines = [Way(space, *RANDOM), Way(space, "full")]
    views = {name: RULES[name].views for name in rules}
    ways = [Way(space, rule, view, n_workers) for rule in rules for view in views[rule]]
    return list(dict.fromkeys([*baselines, *ways]))


def search_all(files: Files, ways: Sequence[Way], seeds: range) -> dict[Way, list[Outcome]]:
    """Simulate every search, a process for each core."""
    start = monotonic()
    tasks = [
        (way, seed)
        for way in ways
        for seed in (range(N_BASELINE) if way == Way(way.space, *RANDOM) else seeds)
    ]
    results: dict[Way, list[Outcome]] = {way: [] for way in ways}
    with workers() as processes:
        outcomes = processes.imap(partial(search, files), tasks, chunksize=4)
        for (way, _), outcome in zip(tasks, outcomes, strict=True):
            results[way].append(outcome)
    tell(f"\n{len(tasks)} searches in {(monotonic() - start) / 60:.1f} min")
    return results


def search(files: Files, task: tuple[Way, int]) -> Outcome:
    """One whole search."""
    way, seed = task
    pool, rule = read(files, way.space), RULES[way.rule].make()
    drawer: Drawer = RandomDrawer(pool, seed)
    if way.view != "random":
        drawer = TpeDrawer(pool, seed, VIEWS[way.view])
    return simulate(pool, rule, drawer, DEFAULT_TRIALS, way.n_workers)


@cache
def read(files: Files, space: SpaceName) -> Pool:
    """What a process has read once."""
    if space == "autoencoders":
        return pools.autoencoders(files.autoencoders)
    return pools.classifiers(files.classifiers)


class Row(NamedTuple):
    """What all searches of one way came to; see the module's text."""

    share: float
    n_full: float
    n_full_of_six: float
    lost: tuple[float, float]
    of_three: float
    all_three: float
    speed_up: float
    between: tuple[float, float]
    other_targets: tuple[float, float]
    n_without: int
    """Searches that trained no trial to the end; left out of ``lost``."""


def summarize(
    pool: Pool,
    outcomes: Sequence[Outcome],
    unpruned: Sequence[Outcome],
    baseline: Sequence[Outcome],
) -> Row:
    """One row of a table from the searches of a way, in the order of their seeds."""
    pairs = [(o.best, u.best) for o, u in zip(outcomes, unpruned, strict=True)]
    own, others = np.array([pair for pair in pairs if pair[0] < math.inf]).T
    differences = own - others if pool.counts_points else own / others - 1
    mean, low, _ = mean_with_interval(list(100 * differences))
    target = statistics.median(outcome.best for outcome in baseline)
    found = [three_found(outcome) for outcome in outcomes]
    fastest = [speed_up(outcomes, baseline, target)]
    bests = [outcome.best for outcome in baseline]
    targets = np.quantile(bests, TARGETS, method="inverted_cdf")
    elsewhere = [speed_up(outcomes, baseline, float(other)) for other in targets]
    rng = np.random.default_rng(0)
    for _ in range(200):
        drawn, based = (
            [o[i] for i in rng.integers(len(o), size=len(o))] for o in (outcomes, baseline)
        )
        fastest.append(speed_up(drawn, based, target))
    n_epochs = pool.n_epochs * DEFAULT_TRIALS
    return Row(
        share=statistics.fmean(outcome.n_epochs for outcome in outcomes) / n_epochs,
        n_full=statistics.fmean(
            sum(trial.is_complete for trial in outcome.trials) for outcome in outcomes
        ),
        n_full_of_six=statistics.fmean(
            sum(trial.is_complete for trial in outcome.trials[:6]) for outcome in outcomes
        ),
        lost=(mean, math.nan if low is None else mean - low),
        of_three=statistics.fmean(found) / 3,
        all_three=found.count(3) / len(found),
        speed_up=fastest[0],
        between=(float(np.quantile(fastest[1:], 0.1)), float(np.quantile(fastest[1:], 0.9))),
        other_targets=(min(elsewhere), max(elsewhere)),
        n_without=len(outcomes) - len(own),
    )


def three_found(outcome: Outcome) -> int:
    """Of the best three configurations drawn, how many were trained to the end."""
    own = [trial for trial in outcome.trials if trial.same_as is None]
    return sum(trial.is_complete for trial in sorted(own, key=lambda t: t.final_cost)[:3])


class Search(Protocol):
    """One whole search, simulated here or run by the engine."""

    def seconds_until(self, target: float) -> tuple[float, bool]:
        """Processor time until a trial reached the target, or in all, and whether one did."""


def speed_up(outcomes: Sequence[Search], baseline: Sequence[Search], target: float) -> float:
    """How many times as soon as the baseline's searches reach the target, these do."""
    return expected_seconds(baseline, target) / expected_seconds(outcomes, target)


def expected_seconds(outcomes: Sequence[Search], target: float) -> float:
    """Processor time that searches spend for each time they reach the target."""
    times = [outcome.seconds_until(target) for outcome in outcomes]
    n_reached = sum(reached for _, reached in times)
    return sum(seconds for seconds, _ in times) / n_reached if n_reached else math.inf


def print_table(files: Files, ways: Sequence[Way], results: dict[Way, list[Outcome]]) -> None:
    """The rows, in the order of the ways."""
    space = ways[0].space
    pool, n_seeds = read(files, space), len(results[ways[-1]])
    unit = "points" if pool.counts_points else "%"
    width = max(len(way.rule) for way in ways) + 2
    print(f"\n{space}: {len(pool.candidates)} configurations, {n_seeds} seeds")
    print(
        f"{'rule':<{width}}{'TPE sees':<12}{'share':>7}{'full (of first six)':>21}"
        f"{'lost, ' + unit:>16}{'of three (all)':>16}{'speed-up':>18}{'other targets':>15}"
    )
    for way in ways:
        unpruned = results[way._replace(rule="full", n_workers=1, view=unpruned_view(way))]
        row = summarize(pool, results[way], unpruned, results[Way(space, *RANDOM)])
        note = f"  ({row.n_without} without a full trial)" if row.n_without else ""
        print(
            f"{way.rule:<{width}}{way.view:<12}{row.share:>7.1%}"
            f"{f'{row.n_full:.1f} ({row.n_full_of_six:.1f})':>21}"
            f"{f'{row.lost[0]:+.2f} ±{row.lost[1]:.2f}':>16}"
            f"{f'{row.of_three:.0%} ({row.all_three:.0%})':>16}"
            f"{f'{row.speed_up:.1f}× ({row.between[0]:.0f}–{row.between[1]:.0f})':>18}"
            f"{f'{row.other_targets[0]:.0f}–{row.other_targets[1]:.0f}':>15}{note}",
            flush=True,
        )


def unpruned_view(way: Way) -> str:
    """What the searches without pruning see that a way's are compared with."""
    return "random" if way.view == "random" else "pruned"


if __name__ == "__main__":
    main()
