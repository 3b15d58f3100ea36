"""A race: the search that people would write for themselves against this project's command.

    python -m benchmarks.race

Two programs search the paper's space of autoencoders, in turns, each alone on all cores, with the
same images, split, epochs and number of trials, the paper's five configurations included:

- ordinary: ``benchmarks.ordinary``, as somebody who knows Optuna and PyTorch well would write it:
  TPE, the median pruner, SQLite, torchvision, a DataLoader, eager modules
- ours: ``fmnist-search ae``, with no option but those that make the two alike

The clock starts with the program and counts all that it does. A trial counts when it has been
trained to the end; the two see the same validation images. The table says when the ordinary way had
its final best, and when this project had one as good; their ratio is what the race is about. Each
seed of the samplers is a row. Since a seed draws other configurations in each program, the ratio's
spread is over all pairs of an ordinary run and one of ours; it is said once more for coming within
a hundredth of that loss, for both programs alike, as the last digits are a matter of luck.

Runs are kept as soon as they are over, so that the same command goes on after an interruption: half
an hour in all on two cores that do nothing else. ``--quick`` tries it out in two minutes.
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

WayName = Literal["ordinary", "ours"]
WAYS: tuple[WayName, ...] = get_args(WayName)


class Course(NamedTuple):
    """What both programs are asked for."""

    trials: int = 40
    """Searched ones, besides the paper's five."""
    epochs: int = 30
    subset: int = 1500
    """Images: 1,250 to train on, 250 to validate on."""

    def file_name(self) -> str:
        """Another course has another file."""
        return f"race-{hashlib.sha256(repr(self).encode()).hexdigest()[:8]}.jsonl"


SLACK = 0.01
"""Of a loss: what another seed of a network's weights makes of it is more."""

QUICK = Course(trials=8, epochs=4, subset=600)


class Run(NamedTuple):
    """What one program came to."""

    way: WayName
    seed: int
    seconds: float
    """From its start to its end."""
    n_epochs: int
    """Trained in all trials."""
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
    turns = [turn for seed in range(1 if options.quick else options.seeds) for turn in both(seed)]
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


def both(seed: int) -> list[tuple[WayName, int]]:
    """The seed's two turns; who comes first changes from seed to seed."""
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
    n_epochs = sum(len(trial.intermediate_values) for trial in trials)
    return Run(way, seed, seconds, n_epochs, ends, gflops)


def commands(
    way: WayName, scratch: Path, storage: str, folder: Path, root: Path, course: Course
) -> list[str]:
    """How the program is started, but for its seed."""
    asked = ["--trials", str(course.trials), "--epochs", str(course.epochs), "--storage", storage]
    if way == "ours":
        tool = str(Path(sys.executable).with_name("fmnist-search"))
        subset = ["--subset", str(course.subset)]
        return [tool, "ae", *asked, *subset, "--data-dir", str(folder)]
    split = load_split(folder, Budget(subset=course.subset))
    torch.save([split.train.rows, split.validation.rows], scratch / "split.pt")
    images = ["--data-root", str(root), "--split", str(scratch / "split.pt")]
    return [sys.executable, "-m", "benchmarks.ordinary", *asked, *images]


def print_table(course: Course, runs: Sequence[Run]) -> None:
    """A row for each seed, and the ratios."""
    ordinary, ours = ([run for run in runs if run.way == way] for way in WAYS)
    print(
        f"\n{course.trials} trials and the paper's five, {course.epochs} epochs, "
        f"{course.subset:,} images; {os.cpu_count()} cores, "
        f"{statistics.median(run.gflops for run in runs):.0f} GFLOP/s\n"
        "losses are mean squared errors of pixels in [−1, 1]\n"
    )
    print(
        f"{'':6}{'ordinary':-^42}  {'ours':-^42}\n"
        f"{'seed':6}{'in all':>10}{'epochs':>8}{'best loss ↓':>12}{'after':>12}"
        f"  {'in all':>10}{'epochs':>8}{'best loss ↓':>12}{'as good':>12}{'ratio ↑':>10}"
    )
    for theirs, own in zip(ordinary, ours, strict=True):
        print(
            f"{theirs.seed:<6}{columns(theirs, theirs.best)}"
            f"  {columns(own, theirs.best)}{ratio(theirs, own):>9.1f}×"
        )
    for name, slack in (("as good as", 0.0), (f"within {SLACK:.0%} of", SLACK)):
        spread = [ratio(*pair, slack) for pair in product(ordinary, ours)]
        print(
            f"\n{name} the ordinary way's final best: {statistics.median(spread):.1f} times as fast"
            f"\n  (median of all {len(spread)} pairs, {min(spread):.1f} to {max(spread):.1f}; "
            "0 where ours was never so good)"
        )


def columns(run: Run, target: float) -> str:
    """One program's half of a row."""
    after = run.seconds_until(target)
    reached = f"{after:.0f} s" if after < math.inf else "never"
    return f"{run.seconds:>8.0f} s{run.n_epochs:>8}{run.best:>12.4f}{reached:>12}"


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
            color, name = (BLUE, "fmnist-search ae") if run.way == "ours" else (ORANGE, "ordinary")
            ax.step(x, y, where="post", color=color, label=name if run.seed == 0 else None)
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
