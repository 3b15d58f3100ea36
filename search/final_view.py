"""What the ``train`` command shows: seeds in training, and the figures at the end."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from search.live_view import LiveView
from search.result_tables import plain_table
from spaces.stages import STAGES
from spaces.wording import MISSING, duration, loss, measured, percent, points
from studies.data.images import CLASS_NAMES
from studies.engine.progress import Notice
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

    is_transient = True

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
    confusion = result.confusion()
    of_classifier = ("accuracy ↑", "in training ↑") if confusion else ()
    title = f"Seeds; losses: {STAGES[result.stage].loss_unit}"
    seeds = plain_table(title, "seed", *of_classifier, "loss ↓", "in training ↓", "time")
    for seed in result.seeds:
        accuracies = (seed.accuracy, seed.train_accuracy) if of_classifier else ()
        losses = map(loss, (seed.loss, seed.train_loss))
        seeds.add_row(str(seed.seed), *map(percent, accuracies), *losses, duration(seed.seconds))
    console.print(seeds)
    if confusion is not None:
        _print_classes(console, confusion)
    console.print(in_words(result), style="bold", markup=False, soft_wrap=True)
    console.print(f"figures and weights: {folder}", markup=False, soft_wrap=True)


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
    classes = plain_table(
        "Classes, over all seeds", "class", "precision", "recall", "most taken for"
    )
    for label, (score, row) in enumerate(zip(class_scores(confusion), confusion, strict=True)):
        others = [(count, other) for other, count in enumerate(row) if other != label]
        count, other = max(others)
        share = percent(count / max(1, sum(row)), digits=1)
        taken_for = f"{CLASS_NAMES[other]} ({share})" if count else MISSING
        classes.add_row(
            CLASS_NAMES[label], percent(score.precision), percent(score.recall), taken_for
        )
    console.print(classes)
    matrix = plain_table(
        "Confusion in %, over all seeds: rows are true, columns are taken for",
        *("class", *(str(label) for label in range(len(CLASS_NAMES)))),
    )
    n_digits = 1 if console.width >= LEAST_FOR_DIGITS else 0
    for label, row in enumerate(confusion):
        shares = [count / max(1, sum(row)) for count in row]
        cells = [points(share, n_digits) if share else "·" for share in shares]
        matrix.add_row(f"{label} {CLASS_NAMES[label]}", *cells)
    console.print(matrix)
