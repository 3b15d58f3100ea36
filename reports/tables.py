"""The rows of every table, as plain records: computed here, drawn by whoever shows them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import optuna
from optuna.trial import FrozenTrial, TrialState

from spaces import paper
from spaces.autoencoder import n_parameters as autoencoder_parameters
from spaces.errors import StudyError
from studies import trials
from studies.settings import is_ours, load

if TYPE_CHECKING:
    import pandas

_FACTS = (trials.N_PARAMETERS, trials.SECONDS, trials.SEED, trials.SAME_AS, trials.REASON)


class TrialRow(NamedTuple):
    """One trial of a table of the best."""

    label: str
    value: float
    train_loss: float | None
    configuration: str
    n_parameters: int | None
    seconds: float


class PaperRow(NamedTuple):
    """One of the paper's configurations: what it published, and what this study measured."""

    name: str
    change: str
    n_parameters: int
    published_train_loss: float
    published_validation_loss: float
    train_loss: float | None
    """None until the study has trained it."""
    validation_loss: float | None


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


def best_trials(study: optuna.Study, n_rows: int = 5) -> list[TrialRow]:
    """The best trials of the study, searched and the paper's, each configuration once."""
    settings = load(study)
    own = [t for t in study.get_trials(deepcopy=False) if trials.SAME_AS not in t.user_attrs]
    return [_trial_row(trial) for trial in trials.ranked(own, settings.direction)[:n_rows]]


def paper_side_by_side(study: optuna.Study) -> list[PaperRow]:
    """Table 3 of the paper beside the study's own values of the same configurations."""
    done = {
        trial.user_attrs.get(trials.PAPER): trial
        for trial in trials.completed(study.get_trials(deepcopy=False))
    }
    return [_paper_row(row, done.get(row.name)) for row in paper.AUTOENCODERS]


def list_studies(studies: Iterable[optuna.Study]) -> list[StudyRow]:
    """A row for each study that this program made, in whatever version."""
    return [_study_row(study) for study in studies if is_ours(study)]


def every_trial(study: optuna.Study) -> list[dict[str, Any]]:
    """All that is stored of each trial, for machines to read."""
    return [
        {
            "number": trial.number,
            "state": trial.state.name,
            "value": trial.value,
            "params": trial.params,
            "intermediate_values": trial.intermediate_values,
            **trial.user_attrs,
        }
        for trial in study.get_trials(deepcopy=False)
    ]


def trials_frame(study: optuna.Study) -> "pandas.DataFrame":
    """A row for each trial, a column for each parameter, last metric and fact; for spreadsheets."""
    import pandas

    rows = [
        {
            "number": trial.number,
            "state": trial.state.name,
            "value": trial.value,
            "paper": trial.user_attrs.get(trials.PAPER),
            **trial.user_attrs.get(trials.CONFIG, {}),
            **trial.user_attrs.get(trials.METRICS, {}),
            **{name: trial.user_attrs.get(name) for name in _FACTS},
        }
        for trial in study.get_trials(deepcopy=False)
    ]
    return pandas.DataFrame(rows)


def _trial_row(trial: FrozenTrial) -> TrialRow:
    attrs = trial.user_attrs
    return TrialRow(
        label=trials.label(trial),
        value=trials.value_of(trial),
        train_loss=attrs.get(trials.METRICS, {}).get("train_loss"),
        configuration=trials.config_in_words(attrs),
        n_parameters=attrs.get(trials.N_PARAMETERS),
        seconds=attrs.get(trials.SECONDS, 0.0),
    )


def _paper_row(row: paper.PaperAutoencoder, trial: FrozenTrial | None) -> PaperRow:
    metrics = trial.user_attrs.get(trials.METRICS, {}) if trial else {}
    return PaperRow(
        name=row.name,
        change=row.change,
        n_parameters=autoencoder_parameters(row.config),
        published_train_loss=row.train_loss,
        published_validation_loss=row.validation_loss,
        train_loss=metrics.get("train_loss"),
        validation_loss=metrics.get("validation_loss"),
    )


def _study_row(study: optuna.Study) -> StudyRow:
    try:
        settings = load(study)
    except StudyError as error:
        return StudyRow(study.study_name, "?", "?", 0, 0, 0, 0, 0, 0, None, str(error))
    all_trials = study.get_trials(deepcopy=False)
    results = trials.searched_results(all_trials)
    best = trials.best(all_trials, settings.direction)
    return StudyRow(
        name=study.study_name,
        stage=settings.stage,
        protocol=settings.budget.protocol,
        epochs=settings.budget.epochs,
        n_searched=len(results),
        n_pruned=sum(trial.state == TrialState.PRUNED for trial in results),
        n_failed=sum(trial.state == TrialState.FAIL for trial in all_trials),
        n_running=sum(trial.state == TrialState.RUNNING for trial in all_trials),
        n_paper=sum(trials.is_paper(trial) for trial in trials.completed(all_trials)),
        best_value=best.value if best else None,
        best_label=trials.label(best) if best else "",
    )
