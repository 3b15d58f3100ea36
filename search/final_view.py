"""What the ``train`` command shows: seeds in training, and the figures at the end."""

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from search.console import PLAIN_PROGRESS_S, duration, percent
from search.result_tables import plain_table
from studies.data.images import CLASS_NAMES
from studies.engine.progress import Notice
from studies.final.protocol import FinalEvent, SeedDone, SeedStarted
from studies.records.scores import Mean, class_scores, mean_with_interval
from studies.workers.pool import EpochDone

if TYPE_CHECKING:
    from rich.console import Console

    from studies.final.plan import FinalPlan
    from studies.final.results import FinalResult, SeedResult

LEAST_FOR_DIGITS = 100
"""Columns of a terminal from which on the confusion matrix has room for a decimal."""


class FinalView:
    """Shows seeds in training: bars on a terminal, else a line for what matters."""

    def __init__(self, console: "Console", plan: "FinalPlan", every_epoch: bool = False) -> None:
        self._console = console
        self._every_epoch = every_epoch
        self._n_epochs = plan.budget.epochs
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[detail]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._tasks: dict[int, TaskID] = {}
        self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        """Begin to show."""
        self._bars.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Give the terminal back."""
        self._bars.stop()

    def __call__(self, event: FinalEvent) -> None:
        """Take in what happened."""
        match event:
            case SeedStarted(seed, n_epochs):
                if seed not in self._tasks:
                    self._tasks[seed] = self._bars.add_task(
                        f"seed {seed}", total=n_epochs, detail="starting"
                    )
            case EpochDone(seed, metrics):
                left = duration((self._n_epochs - metrics.epoch) * metrics.seconds)
                loss = f"training loss {percent(metrics.train_loss)}"
                detail = f"epoch {metrics.epoch}/{self._n_epochs}  {loss}  about {left} left"
                self._bars.update(self._tasks[seed], completed=metrics.epoch, detail=detail)
                waited = time.monotonic() - self._last_line > PLAIN_PROGRESS_S
                if self._every_epoch or (waited and not self._console.is_terminal):
                    self._print(f"seed {seed} {detail}")
            case Notice(text):
                self._print(text)
            case SeedDone(result):
                self._bars.remove_task(self._tasks.pop(result.seed))
                self._print(
                    f"seed {result.seed}: {_figures(result)} after {duration(result.seconds)}"
                )

    def _print(self, line: str) -> None:
        self._last_line = time.monotonic()
        self._console.print(line, markup=False, soft_wrap=True)


def print_final(console: "Console", result: "FinalResult", folder: Path) -> None:
    """Every seed's figures, their mean and interval, and a classifier's classes."""
    of_classifier = ("accuracy", "training accuracy") if result.confusion() else ()
    seeds = plain_table("Seeds", "seed", *of_classifier, "loss", "training loss", "time")
    for seed in result.seeds:
        accuracies = (seed.accuracy, seed.train_accuracy) if of_classifier else ()
        shares = (*accuracies, seed.loss, seed.train_loss)
        seeds.add_row(str(seed.seed), *map(percent, shares), duration(seed.seconds))
    console.print(seeds)
    confusion = result.confusion()
    if confusion is not None:
        _print_classes(console, confusion)
    console.print(in_words(result), style="bold", markup=False, soft_wrap=True)
    console.print(f"figures and weights: {folder}", markup=False, soft_wrap=True)


def in_words(result: "FinalResult") -> str:
    """The figure to publish, and what its interval covers and does not.

    ``accuracy 92.10 % ± 0.12 (95 %, t over 5 seeds); judged by 10,000 test images; the choice
    of images adds a standard error of 0.27``.
    """
    metric = "loss" if result.stage == "autoencoder" else "accuracy"
    summary: Mean = mean_with_interval(result.values())
    over = ", one seed"
    if summary.high is not None:
        spread = 100 * (summary.high - summary.mean)
        over = f" ± {spread:.2f} (95 %, t over {len(result.seeds)} seeds)"
    words = f"{metric} {percent(summary.mean)}{over}; judged by {result.judged_by}"
    error = result.error_of_images()
    if error is None:
        return words
    return f"{words}; the choice of images adds a standard error of {100 * error:.2f}"


def _figures(seed: "SeedResult") -> str:
    loss = f"loss {percent(seed.loss)}"
    return loss if seed.accuracy is None else f"accuracy {percent(seed.accuracy)}, {loss}"


def _print_classes(console: "Console", confusion: Sequence[Sequence[int]]) -> None:
    classes = plain_table(
        "Classes, over all seeds", "class", "precision", "recall", "most taken for"
    )
    for label, (score, row) in enumerate(zip(class_scores(confusion), confusion, strict=True)):
        others = [(count, other) for other, count in enumerate(row) if other != label]
        count, other = max(others)
        taken_for = f"{CLASS_NAMES[other]} ({count / max(1, sum(row)):.1%})" if count else "–"
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
        shares = [100 * count / max(1, sum(row)) for count in row]
        cells = [f"{share:.{n_digits}f}" if share else "·" for share in shares]
        matrix.add_row(f"{label} {CLASS_NAMES[label]}", *cells)
    console.print(matrix)
