"""The paper's configurations under its own protocol, over seeds, beside what it published."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import optuna
from optuna.trial import FrozenTrial

from spaces.budget import PAPER_BUDGET
from spaces.paper import PaperModel
from studies.records import attributes, trials
from studies.records.scores import Agreement, Why, against_one_run, mean_with_interval
from studies.records.settings import load

LOSS_THAT_MATTERS = 0.10
"""Relative difference of two losses: about the smallest step that the paper reads as a gain, 2.83
from 3.12."""
ACCURACY_THAT_MATTERS = 0.005
"""Difference of two accuracies: about the paper's step from 91.27 % to 90.83 %."""
PRINTED_TO = 0.00005
"""By how much the paper's figures, printed in percent with two decimals, may differ from its
measurements."""


class Reproduced(NamedTuple):
    """One figure of the paper, of one run, and what it comes to here."""

    published: float
    mean: float | None
    """Over the seeds; None if no study has it yet."""
    deviation: float | None
    """Standard deviation over the seeds; None of fewer than two."""
    n_seeds: int
    low: float | None
    """The mean's 95 % interval over the seeds, by Student's t; None of fewer than two."""
    high: float | None
    one_run_low: float | None
    """Where one more run here falls with 95 %: what the paper's one run is held against."""
    one_run_high: float | None
    verdict: Agreement
    """How what is measured here stands to what is published."""
    why: Why
    """Why nothing can be said."""

    @property
    def difference(self) -> float | None:
        """Of the mean from what is published."""
        return None if self.mean is None else self.mean - self.published

    @property
    def says(self) -> Agreement | Why:
        """The verdict, or why there is none."""
        return self.why or self.verdict


class ReproducedRow(NamedTuple):
    """One of the paper's configurations."""

    paper: PaperModel[Any]
    figures: dict[str, Reproduced]
    """By metric: ``train_loss``, ``validation_loss``, and of classifiers the accuracies."""


def reproduced(studies: Sequence[optuna.Study]) -> list[ReproducedRow]:
    """The paper's rows, in its order, of studies of one stage and budget, one for each seed."""
    settings = load(studies[0])
    same_budget = settings.budget == PAPER_BUDGET
    every = [_by_row(trials.of(study)) for study in studies]
    return [
        reproduced_row(row, [own[row.name] for own in every if row.name in own], same_budget)
        for row in settings.stage_record().paper
    ]


def reproduced_row(
    row: PaperModel[Any], found: Sequence[FrozenTrial], same_budget: bool = True
) -> ReproducedRow:
    """One of the paper's rows beside its trials here.

    Args:
        row: the paper's.
        found: trials of its configuration, trained to the end with their metrics, one a seed.
        same_budget: whether they had the paper's epochs and images.
    """
    metrics = [attributes.of(trial)[trials.METRICS] for trial in found]
    figures = {
        name: beside_paper(name, published, [m[name] for m in metrics if name in m], same_budget)
        for name, published in row._asdict().items()
        if name.startswith(("train_", "validation_")) and published is not None
    }
    return ReproducedRow(row, figures)


def as_document(studies: Sequence[optuna.Study]) -> dict[str, Any]:
    """The same as JSON can hold it, with the studies' names and their budget."""
    rows = {
        row.paper.name: {metric: figure._asdict() for metric, figure in row.figures.items()}
        for row in reproduced(studies)
    }
    names = [study.study_name for study in studies]
    return {"studies": names, "budget": asdict(load(studies[0]).budget), "rows": rows}


def beside_paper(
    metric: str, published: float, values: Sequence[float], same_budget: bool = True
) -> Reproduced:
    """One figure of the paper beside the same of runs here.

    Args:
        metric: a loss or an accuracy, such as ``validation_loss``.
        published: the paper's.
        values: of the runs here, one a seed.
        same_budget: whether they had the paper's epochs and images; else nothing follows from them.
    """
    matters = LOSS_THAT_MATTERS * published if metric.endswith("loss") else ACCURACY_THAT_MATTERS
    found = against_one_run(published, values, matters, PRINTED_TO)
    if values and not same_budget:
        found = found._replace(verdict="cannot say", why="less training")
    mean = mean_with_interval(values) if values else (None, None, None)
    return Reproduced(
        published,
        mean[0],
        statistics.stdev(values) if len(values) > 1 else None,
        len(values),
        *mean[1:],
        found.low,
        found.high,
        found.verdict,
        found.why,
    )


def _by_row(every: Iterable[FrozenTrial]) -> dict[str | None, FrozenTrial]:
    """A study's trial of each of the paper's rows, trained to the end."""
    done = [t for t in trials.completed(every) if trials.METRICS in attributes.of(t)]
    return {trial.user_attrs.get(trials.PAPER): trial for trial in done}
