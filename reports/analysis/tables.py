"""The rows of every table, as plain records: computed here, drawn by whoever shows them."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import optuna
from optuna.trial import FrozenTrial, TrialState

from reports.analysis.reproduction import ReproducedRow, reproduced
from spaces.errors import StudyError
from studies.records import attempts, attributes, pareto, trials
from studies.records.origins import Origin, origins
from studies.records.reading import check
from studies.records.scores import can_be_told_apart
from studies.records.settings import StudySettings, is_ours, load
from studies.records.tally import tally


class TrialRow(NamedTuple):
    """One trial of a table of the best."""

    label: str
    value: float
    train_value: float | None
    """The same metric over the training images."""
    configuration: str
    n_parameters: int | None
    seconds: float
    tied: bool
    """Whether its accuracy cannot be told apart from the first's; no losses are tied, of which it
    is not known how much a seed changes them."""
    origin: Origin
    """Who chose its configuration."""


class FrontRow(NamedTuple):
    """A trial that no other beats both in the study's metric and in some cost."""

    number: int
    label: str
    value: float
    n_parameters: int | None
    n_multiply_adds: int | None
    latency_ms: float | None
    latency_spread_ms: float | None
    """None: not known."""
    fronts: tuple[str, ...]
    """The costs against which it is on the front; ``objectives``: in all that the study's own
    objectives say, where it has several."""
    configuration: str


class StudyRow(NamedTuple):
    """One study of a list."""

    name: str
    stage: str
    protocol: str
    epochs: int
    n_searched: int
    n_pruned: int
    n_failed: int
    n_running: int
    n_paper: int
    best_value: float | None
    best_label: str
    given_up: tuple[str, ...] = ()
    """Labels of the trials that count as tried without a result."""
    space: str = "?"
    metric: str = "?"
    begun: str | None = None
    """When its first trial began, by the clock of whoever began it."""
    ended: Mapping[str, int] = {}
    """The searched ones by how they ended, as :class:`Tally` has it."""


def best_trials(study: optuna.Study, n_rows: int = 5) -> list[TrialRow]:
    """The best trials of the study, searched and the paper's, each configuration once."""
    return ranking(trials.of(study), load(study), n_rows)


def ranking(every: Iterable[FrozenTrial], settings: StudySettings, n_rows: int) -> list[TrialRow]:
    """The best of a study's trials, each configuration once, those not told apart marked."""
    every = list(every)
    own = [t for t in every if trials.SAME_AS not in t.user_attrs]
    best = trials.ranked(own, settings.direction)[:n_rows]
    chosen_by = origins(every)
    return [
        _trial_row(trial, settings, _is_tied(trial, best[0], settings), chosen_by[trial.number])
        for trial in best
    ]


def pareto_fronts(study: optuna.Study) -> list[FrontRow]:
    """Trials on the front of the metric against parameters, multiply-adds or latency, best first.

    Only trials that were trained to the end and keep to the study's limits, the paper's among
    them; in a study of one objective too.
    """
    settings = load(study)
    every = trials.of(study)
    on: dict[int, list[str]] = {}
    for name, attr in trials.COST_ATTRS.items():
        for trial in pareto.front_against(every, settings.direction, attr):
            on.setdefault(trial.number, []).append(name)
    if settings.objectives:
        for trial in pareto.front_of_trials(every, settings.direction, settings.objectives):
            on.setdefault(trial.number, []).append("objectives")
    best_first = trials.ranked(every, settings.direction)
    return [
        _front_row(trial, tuple(on[trial.number])) for trial in best_first if trial.number in on
    ]


def summary(study: optuna.Study, n_best: int = 5) -> dict[str, Any]:
    """What the tables of a study show, for machines to read."""
    (row,) = list_studies([study])
    return {
        "study": study.study_name,
        "summary": row._asdict(),
        "best": [row._asdict() for row in best_trials(study, n_best)],
        "pareto": [row._asdict() for row in pareto_fronts(study)],
        "paper": [_paper_row(row) for row in reproduced([study])],
    }


def list_studies(studies: Iterable[optuna.Study]) -> list[StudyRow]:
    """A row for each study that this program made, in whatever version."""
    return [_study_row(study) for study in studies if is_ours(study)]


def _is_tied(trial: FrozenTrial, first: FrozenTrial, settings: StudySettings) -> bool:
    if trial is first or not settings.metric.endswith("accuracy"):
        return False
    one, other = trials.value_of(trial), trials.value_of(first)
    return not can_be_told_apart(one, other, settings.budget.n_judging)


def _trial_row(trial: FrozenTrial, settings: StudySettings, tied: bool, origin: Origin) -> TrialRow:
    attrs = attributes.of(trial)
    train_metric = settings.metric.replace("validation", "train")
    return TrialRow(
        label=trials.label(trial),
        value=trials.value_of(trial),
        train_value=attrs.get(trials.METRICS, {}).get(train_metric),
        configuration=attrs.get(trials.WORDS, ""),
        n_parameters=attrs.get(trials.N_PARAMETERS),
        seconds=attrs.get(trials.SECONDS, 0.0),
        tied=tied,
        origin=origin,
    )


def _front_row(trial: FrozenTrial, fronts: tuple[str, ...]) -> FrontRow:
    attrs = trial.user_attrs
    return FrontRow(
        number=trial.number,
        label=trials.label(trial),
        value=trials.value_of(trial),
        n_parameters=attrs.get(trials.N_PARAMETERS),
        n_multiply_adds=attrs.get(trials.N_MULTIPLY_ADDS),
        latency_ms=attrs.get(trials.LATENCY_MS),
        latency_spread_ms=attrs.get(trials.LATENCY_SPREAD_MS),
        fronts=fronts,
        configuration=attrs.get(trials.WORDS, ""),
    )


def _paper_row(row: ReproducedRow) -> dict[str, Any]:
    """One of the paper's configurations: what it published, and what this study measured."""
    figures, losses = row.figures, ("train_loss", "validation_loss")
    accuracy = figures.get("validation_accuracy")
    return {
        "name": row.paper.name,
        "change": row.paper.change,
        "n_parameters": row.paper.config.n_parameters(),
        **{f"published_{loss}": figures[loss].published for loss in losses},
        **{loss: figures[loss].mean for loss in losses},
        "published_validation_accuracy": accuracy.published if accuracy else None,
        "validation_accuracy": accuracy.mean if accuracy else None,
    }


def _study_row(study: optuna.Study) -> StudyRow:
    try:
        settings = check(study)
    except StudyError as error:
        return StudyRow(study.study_name, "?", "?", 0, 0, 0, 0, 0, 0, None, str(error))
    all_trials = trials.of(study)
    results = trials.searched_results(all_trials)
    best = trials.best(all_trials, settings.direction)
    began = min((t.datetime_start for t in all_trials if t.datetime_start), default=None)
    return StudyRow(
        name=study.study_name,
        stage=settings.stage,
        protocol=settings.budget.protocol,
        epochs=settings.budget.epochs,
        n_searched=len(results),
        n_pruned=sum(trial.state == TrialState.PRUNED for trial in results),
        n_failed=sum(
            t.state == TrialState.FAIL and not attempts.was_stopped(t) for t in all_trials
        ),
        n_running=sum(trial.state == TrialState.RUNNING for trial in all_trials),
        n_paper=sum(trials.is_paper(trial) for trial in trials.completed(all_trials)),
        best_value=trials.value_of(best) if best else None,
        best_label=trials.label(best) if best else "",
        given_up=tuple(map(trials.label, attempts.searched_without_result(all_trials))),
        space=settings.space_name,
        metric=settings.metric,
        begun=began.isoformat(sep=" ", timespec="minutes") if began else None,
        ended=tally(results)._asdict(),
    )
