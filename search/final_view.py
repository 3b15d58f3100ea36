"""What the ``train`` command shows: seeds in training, and the figures at the end."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from search.fitting_table import FittingColumn, print_fitting
from search.live_view import LiveView
from spaces.stages import STAGES
from spaces.wording import MISSING, duration, loss, measured, percent, points
from studies.data.images import CLASS_NAMES
from studies.engine.progress import Notice
from studies.files.places import short_path
from studies.final.protocol import FinalEvent, SeedDone, SeedStarted
from studies.records.scores import class_scores
from studies.workers.pool import EpochDone

if TYPE_CHECKING:
    from rich.console import Console

    from studies.final.results import FinalResult, SeedResult

LEAST_FOR_DIGITS = 100
"""Columns of a terminal from which on the confusion matrix has room for a decimal."""


class FinalView(LiveView):
    """Shows seeds in training: bars on a terminal, else a line for what matters."""

    def __call__(self, event: FinalEvent) -> None:
        """Take in what happened."""
        match event:
            case SeedStarted(seed, n_epochs):
                self.begin(seed, f"seed {seed}", n_epochs)
            case EpochDone(_, metrics):
                self.advance(event, f"training loss {loss(metrics.train_loss)}", "≈")
            case Notice(text):
                self.say(text)
            case SeedDone(result):
                after = f"{_figures(result)} after {duration(result.seconds)}"
                self.end(result.seed, f"seed {result.seed}: {after}")


def print_final(console: "Console", result: "FinalResult", folder: Path) -> None:
    """Every seed's figures, their mean and interval, and a classifier's classes."""
    confusion, seeds = result.confusion(), result.seeds
    console.print(f"Seeds; losses: {STAGES[result.stage].loss_unit}", style="bold")
    of_classifier = [
        FittingColumn("accuracy ↑", [percent(seed.accuracy) for seed in seeds]),
        FittingColumn("in training ↑", [percent(seed.train_accuracy) for seed in seeds], 2),
    ]
    columns = [
        FittingColumn("seed", [str(seed.seed) for seed in seeds]),
        *(of_classifier if confusion else ()),
        FittingColumn("loss ↓", [loss(seed.loss) for seed in seeds]),
        FittingColumn("in training ↓", [loss(seed.train_loss) for seed in seeds], 2),
        FittingColumn("time", [duration(seed.seconds) for seed in seeds], 1),
    ]
    print_fitting(console, columns)
    if confusion is not None:
        _print_classes(console, confusion)
    console.print()
    console.print(in_words(result), style="bold")
    console.print(f"figures, weights and a picture: {short_path(str(folder))}", soft_wrap=True)


def in_words(result: "FinalResult") -> str:
    """The figure to publish, and what its interval covers and does not.

    ``accuracy 92.10 % ± 0.12 (95 %, t over 5 seeds); judged by 10,000 test images; the choice
    of images adds a standard error of 0.27``.
    """
    summary, error = result.mean(), result.error_of_images()
    over = ", one seed"
    if summary.high is not None:
        half = summary.high - summary.mean
        spread = loss(half) if error is None else points(half)
        over = f" ± {spread} (95 %, t over {len(result.seeds)} seeds)"
    mean = measured(summary.mean, result.metric)
    words = f"{result.metric} {mean}{over}; judged by {result.judged_by}"
    if error is None:
        return words
    return f"{words}; the choice of images adds a standard error of {points(error)}"


def _figures(seed: "SeedResult") -> str:
    words = f"loss {loss(seed.loss)}"
    return words if seed.accuracy is None else f"accuracy {percent(seed.accuracy)}, {words}"


def _print_classes(console: "Console", confusion: Sequence[Sequence[int]]) -> None:
    scores = class_scores(confusion)
    columns = [
        FittingColumn("class", CLASS_NAMES, is_number=False),
        FittingColumn("precision ↑", [percent(score.precision) for score in scores]),
        FittingColumn("recall ↑", [percent(score.recall) for score in scores]),
        FittingColumn(
            "most mistaken for",
            [_taken_for(label, row) for label, row in enumerate(confusion)],
            is_number=False,
        ),
    ]
    console.print("\nClasses, over all seeds", style="bold")
    print_fitting(console, columns)
    console.print(
        "\nConfusion in %, over all seeds: rows are true classes, columns are predicted classes",
        style="bold",
    )
    n_digits = 1 if console.width >= LEAST_FOR_DIGITS else 0
    names = [f"{label} {name}" for label, name in enumerate(CLASS_NAMES)]
    cells = [[_share(n, row, n_digits) for n in row] for row in confusion]
    taken = (FittingColumn(str(n), part) for n, part in enumerate(zip(*cells, strict=True)))
    print_fitting(console, [FittingColumn("class", names, is_number=False), *taken])


def _taken_for(label: int, row: Sequence[int]) -> str:
    """The class that a class is most taken for, and how often."""
    n, other = max((n, other) for other, n in enumerate(row) if other != label)
    return f"{CLASS_NAMES[other]} ({percent(n / max(1, sum(row)), digits=1)})" if n else MISSING


def _share(n: int, row: Sequence[int], n_digits: int) -> str:
    return points(n / max(1, sum(row)), n_digits) if n else "·"
