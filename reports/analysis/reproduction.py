"""The paper's configurations under its own protocol, over seeds, beside what it published."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import optuna

from spaces.budget import PAPER_BUDGET
from spaces.paper import PaperModel
from studies.records import trials
from studies.records.scores import Verdict, Why, against_one_run, mean_with_interval
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
    verdict: Verdict
    """How what is measured here stands to what is published."""
    why: Why
    """Why nothing can be said."""

    @property
    def says(self) -> Verdict | Why:
        """The verdict, or why there is none."""
        return self.why or self.verdict


class ReproducedRow(NamedTuple):
    """One of the paper's configurations."""

    name: str
    figures: dict[str, Reproduced]
    """By metric: ``train_loss``, ``validation_loss``, and of classifiers the accuracies."""


def reproduced(studies: Sequence[optuna.Study]) -> list[ReproducedRow]:
    """The paper's rows of a stage, in its order.

    Args:
        studies: of one stage, with the same budget, one for each seed.
    """
    settings = load(studies[0])
    stage = settings.stage_record()
    done = [t for study in studies for t in trials.completed(study.get_trials(deepcopy=False))]
    metrics: dict[str, list[dict[str, Any]]] = {}
    for trial in done:
        name, found = (trial.user_attrs.get(key) for key in (trials.PAPER, trials.METRICS))
        if name is not None and found is not None:
            metrics.setdefault(name, []).append(found)
    same_budget = settings.budget == PAPER_BUDGET
    return [_row(row, metrics.get(row.name, []), same_budget) for row in stage.paper]


def as_document(studies: Sequence[optuna.Study]) -> dict[str, Any]:
    """The same as JSON can hold it, with the studies' names and their budget."""
    rows = {
        row.name: {metric: figure._asdict() for metric, figure in row.figures.items()}
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


def _row(row: PaperModel[Any], found: Sequence[dict[str, Any]], same_budget: bool) -> ReproducedRow:
    figures = {
        metric: beside_paper(metric, published, [m[metric] for m in found], same_budget)
        for metric, published in row._asdict().items()
        if metric.startswith(("train_", "validation_")) and published is not None
    }
    return ReproducedRow(row.name, figures)
