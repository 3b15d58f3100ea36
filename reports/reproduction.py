"""The paper's configurations under its own protocol, over seeds, beside what it published."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import optuna

from spaces.paper import PaperModel
from studies import trials
from studies.settings import load


class Reproduced(NamedTuple):
    """One figure of the paper, and what it comes to here."""

    published: float
    mean: float | None
    """Over the seeds; None if no study has it yet."""
    deviation: float | None
    """Standard deviation over the seeds; None of fewer than two."""
    n_seeds: int


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
    stage = load(studies[0]).stage_record()
    done = [t for study in studies for t in trials.completed(study.get_trials(deepcopy=False))]
    metrics: dict[str, list[dict[str, Any]]] = {}
    for trial in done:
        name, found = (trial.user_attrs.get(key) for key in (trials.PAPER, trials.METRICS))
        if name is not None and found is not None:
            metrics.setdefault(name, []).append(found)
    return [_row(row, metrics.get(row.name, [])) for row in stage.paper]


def as_document(studies: Sequence[optuna.Study]) -> dict[str, Any]:
    """The same as JSON can hold it, with the studies' names and their budget."""
    rows = {
        row.name: {metric: figure._asdict() for metric, figure in row.figures.items()}
        for row in reproduced(studies)
    }
    names = [study.study_name for study in studies]
    return {"studies": names, "budget": asdict(load(studies[0]).budget), "rows": rows}


def _row(row: PaperModel[Any], found: Sequence[dict[str, Any]]) -> ReproducedRow:
    figures = {
        metric: _figure(published, [metrics[metric] for metrics in found])
        for metric, published in row._asdict().items()
        if metric.startswith(("train_", "validation_")) and published is not None
    }
    return ReproducedRow(row.name, figures)


def _figure(published: float, values: list[float]) -> Reproduced:
    return Reproduced(
        published,
        statistics.fmean(values) if values else None,
        statistics.stdev(values) if len(values) > 1 else None,
        len(values),
    )
