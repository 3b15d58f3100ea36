"""A race: the search that people would write for themselves against this project's command.

    python -m benchmarks.race

Two programs search the paper's space of autoencoders, in turns, each alone on all cores, with the
same images, split and epochs, the paper's five configurations included:

- ordinary: ``benchmarks.ordinary``, as somebody who knows Optuna and PyTorch well would write it:
  TPE, the median pruner, SQLite, torchvision, a DataLoader, eager modules
- ours: ``fmnist-search ae``, with no option but those that make the two alike
- longer: the same with four times as many trials, which takes no more time than the ordinary way

The clock starts with the program and counts all that it does. A trial counts when it has been
trained to the end; the two see the same validation images. The table says when the ordinary way had
its final best, and when this project had one as good as that of the same seed; their ratio is what
the race is about. Since a seed draws other configurations in each program, the ratio's spread is
over all pairs of an ordinary run and one of ours; it is said once more for coming within a
hundredth of that loss, for both programs alike, as the last digits are a matter of luck.

Runs are kept as soon as they are over, so that the same command goes on after an interruption: an
hour in all on two cores that do nothing else. ``--quick`` tries it out in three minutes.
"""

import argparse
import hashlib
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import optuna
import torch
from optuna.trial import TrialState

from benchmarks.recorded_curves import add, cache_file, records, tell
from benchmarks.throughput import matmul_gflops, torchvision_layout
from reports.document.texts import Texts
from reports.figures.looks import BLUE, ORANGE
from reports.figures.style import log_across, panels, picture
from spaces.budget import Budget
from studies.data.fetch import ensure_data
from studies.data.images import load_split

WayName = Literal["ordinary", "ours", "longer"]
WAYS: tuple[WayName, ...] = get_args(WayName)
OURS: tuple[WayName, ...] = ("ours", "longer")


class Course(NamedTuple):
    """What both programs are asked for."""

    trials: int = 40
    """Searched ones, besides the paper's five."""
    epochs: int = 30
    subset: int = 1500
    """Images: 1,250 to train on, 250 to validate on."""
    longer: int = 4
    """How many times as many trials the longer run has."""

    def file_name(self) -> str:
        """Another course has another file."""
        return f"race-{hashlib.sha256(repr(self).encode()).hexdigest()[:8]}.jsonl"


SLACK = 0.01
"""Of a loss: what another seed of a network's weights makes of it is more."""

LINES = {
    "ordinary": (ORANGE, "ordinary", "-"),
    "ours": (BLUE, "fmnist-search ae", "-"),
    "longer": (BLUE, "with more trials", ":"),
}

QUICK = Course(trials=8, epochs=4, subset=600)


class Run(NamedTuple):
    """What one program came to."""

    way: WayName
    seed: int
    seconds: float
    """From its start to its end."""
    ends: list[tuple[float, float]]
    """Of each trial trained to the end, in order: seconds since the start, and its loss."""
    gflops: float
    """That a matrix product reached just before, on all cores."""

    @property
    def best(self) -> float:
        """The lowest loss."""
        return min(loss for _, loss in self.ends)

    def seconds_until(self, loss: float) -> float:
        """Until a trial was as good; infinite if none was."""
        return min((seconds for seconds, found in self.ends if found <= loss), default=math.inf)


def main() -> None:
    """Run what is missing, and show how it went."""
    options = parse_options()
    course = QUICK if options.quick else Course()
    path = options.runs or cache_file(course.file_name())
    turns = [turn for seed in range(1 if options.quick else options.seeds) for turn in all_of(seed)]
    done = read(path)
    missing = [turn for turn in turns if turn not in done]
    folder = ensure_data(options.data_dir, print)
    add(path, (run(*turn, course, folder)._asdict() for turn in missing), len(missing), tell)
    runs = [read(path)[turn] for turn in turns]
    print_table(course, runs)
    options.figure.write_bytes(figure(runs))
    print(f"\nruns: {path}\nfigure: {options.figure}")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="folder with Fashion-MNIST")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each program (3)")
    parser.add_argument("--runs", type=Path, help="file for the runs (in the user's cache)")
    parser.add_argument("--figure", type=Path, default=Path("race.png"), help="PNG (race.png)")
    parser.add_argument("--quick", action="store_true", help="one short run of each")
    return parser.parse_args()


def all_of(seed: int) -> list[tuple[WayName, int]]:
    """The seed's turns; who comes first changes from seed to seed."""
    return [(way, seed) for way in (WAYS if seed % 2 == 0 else reversed(WAYS))]


def read(path: Path) -> dict[tuple[WayName, int], Run]:
    """The runs that the file holds so far."""
    runs = (Run(**record) for record in records(path))
    return {(run.way, run.seed): run for run in runs}


def run(way: WayName, seed: int, course: Course, folder: Path) -> Run:
    """One program from its start to its end, in a folder of its own."""
    gflops = matmul_gflops()
    with tempfile.TemporaryDirectory() as scratch, torchvision_layout(folder) as torchvision_root:
        storage = f"sqlite:///{scratch}/race.db"
        command = commands(way, Path(scratch), storage, folder, torchvision_root, course)
        alone = os.environ | {"XDG_DATA_HOME": scratch}
        tell(f"{way}, seed {seed}: {' '.join(command)} --seed {seed}")
        start = datetime.now()
        ended = subprocess.run(
            [*command, "--seed", str(seed)], env=alone, capture_output=True, text=True
        )
        if ended.returncode:
            sys.exit(ended.stderr)
        seconds = (datetime.now() - start).total_seconds()
        (summary,) = optuna.get_all_study_summaries(storage)
        trials = optuna.load_study(study_name=summary.study_name, storage=storage).trials
    ends = sorted(
        ((trial.datetime_complete - start).total_seconds(), trial.value)
        for trial in trials
        if trial.state == TrialState.COMPLETE and trial.datetime_complete and trial.value
    )
    return Run(way, seed, seconds, ends, gflops)


def commands(
    way: WayName, scratch: Path, storage: str, folder: Path, root: Path, course: Course
) -> list[str]:
    """How the program is started, but for its seed."""
    n_trials = course.trials * (course.longer if way == "longer" else 1)
    asked = ["--trials", str(n_trials), "--epochs", str(course.epochs), "--storage", storage]
    if way in OURS:
        tool = str(Path(sys.executable).with_name("fmnist-search"))
        subset = ["--subset", str(course.subset)]
        return [tool, "ae", *asked, *subset, "--data-dir", str(folder)]
    split = load_split(folder, Budget(subset=course.subset))
    torch.save([split.train.rows, split.validation.rows], scratch / "split.pt")
    images = ["--data-root", str(root), "--split", str(scratch / "split.pt")]
    return [sys.executable, "-m", "benchmarks.ordinary", *asked, *images]


def print_table(course: Course, runs: Sequence[Run]) -> None:
    """A row for each run, and the ratios."""
    print(
        f"\n{course.trials} trials and the paper's five ({course.longer * course.trials} in the "
        f"longer runs), {course.epochs} epochs, {course.subset:,} images; {os.cpu_count()} cores, "
        f"{statistics.median(run.gflops for run in runs):.0f} GFLOP/s\n"
        "losses are mean squared errors of pixels in [−1, 1]\n\n"
        f"{'':10}{'seed':>6}{'in all':>10}{'best loss ↓':>13}{'after':>8}"
        f"{'as good as ordinary':>22}{'ratio ↑':>9}"
    )
    ordinary = {run.seed: run for run in runs if run.way == "ordinary"}
    for run in sorted(runs, key=lambda run: (WAYS.index(run.way), run.seed)):
        found = (
            f"{run.way:10}{run.seed:>6}{run.seconds:>8.0f} s{run.best:>13.4f}"
            f"{run.seconds_until(run.best):>6.0f} s"
        )
        print(found + (beside(ordinary[run.seed], run) if run.way in OURS else ""))
    for way, (name, slack) in product(
        OURS, (("as good as", 0.0), (f"within {SLACK:.0%} of", SLACK))
    ):
        pairs = product(ordinary.values(), (run for run in runs if run.way == way))
        spread = [ratio(*pair, slack) for pair in pairs]
        print(
            f"\n{way}, {name} the ordinary way's final best: {statistics.median(spread):.1f} times "
            f"as fast\n  (median of all {len(spread)} pairs, {min(spread):.1f} to "
            f"{max(spread):.1f}; 0 where it was never so good: {spread.count(0)})"
        )


def beside(theirs: Run, own: Run) -> str:
    """When a run was as good as the ordinary way's of the same seed."""
    after = own.seconds_until(theirs.best)
    reached = f"{after:.0f} s" if after < math.inf else "never"
    return f"{reached:>22}{ratio(theirs, own):>8.1f}×"


def ratio(theirs: Run, own: Run, slack: float = 0.0) -> float:
    """How many times as fast ours came so close to the ordinary way's final best as that itself.

    0 if ours never did.
    """
    target = theirs.best * (1 + slack)
    return theirs.seconds_until(target) / own.seconds_until(target)


def figure(runs: Sequence[Run]) -> bytes:
    """Best loss so far against seconds, a line for each run, as PNG."""
    with panels(1, height=3.2) as (drawing, (ax,)):
        for run in runs:
            x, y = best_so_far(run)
            color, name, style = LINES[run.way]
            label = name if run.seed == 0 else None
            ax.step(x, y, where="post", color=color, linestyle=style, label=label)
        log_across(ax, Texts("en"))
        ax.set_xlabel("seconds since the program's start")
        ax.set_ylabel("validation loss of the best full trial ↓")
        ax.legend()
        return picture(drawing, "race").png


def best_so_far(run: Run) -> tuple[list[float], list[float]]:
    """Seconds, and the lowest loss by then; up to the program's end."""
    seconds, losses = zip(*run.ends, strict=True)
    lowest = [min(losses[: i + 1]) for i in range(len(losses))]
    return [*seconds, run.seconds], [*lowest, lowest[-1]]


if __name__ == "__main__":
    main()
