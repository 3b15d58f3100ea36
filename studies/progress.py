"""What a running search tells its watchers, and how far a study is."""

from typing import Literal, NamedTuple

import optuna
from optuna.trial import FrozenTrial, TrialState

from spaces import paper
from studies import trials
from studies.request import DEFAULT_TRIALS, SearchRequest
from studies.settings import StudySettings
from studies.training import EpochMetrics

Outcome = Literal["complete", "pruned", "failed", "reused"]


class TrialStarted(NamedTuple):
    """A trial begins to train."""

    number: int
    label: str
    words: str
    n_epochs: int


class EpochDone(NamedTuple):
    """A running trial finished an epoch."""

    number: int
    metrics: EpochMetrics


class TrialEnded(NamedTuple):
    """A trial is over."""

    number: int
    label: str
    words: str
    outcome: Outcome
    value: float | None
    seconds: float
    reason: str
    state: "SearchState"


class Notice(NamedTuple):
    """Something a person should know, in one line."""

    text: str


Event = TrialStarted | EpochDone | TrialEnded | Notice


class SearchState(NamedTuple):
    """How far a study is."""

    n_searched: int
    n_wanted: int
    n_pruned: int
    n_failed: int
    n_paper: int
    n_paper_wanted: int
    best: FrozenTrial | None


def n_wanted(request: SearchRequest, settings: StudySettings, all_trials: list[FrozenTrial]) -> int:
    """Searched trials that the study shall have in the end."""
    if request.more is not None:
        return len(trials.searched_results(all_trials)) + request.more
    if request.trials is not None:
        return request.trials
    return 0 if settings.budget.protocol == "paper" else DEFAULT_TRIALS


def search_state(study: optuna.Study, settings: StudySettings, wanted: int) -> SearchState:
    """How far a study is, of ``wanted`` searched trials."""
    all_trials = study.get_trials(deepcopy=False)
    results = trials.searched_results(all_trials)
    return SearchState(
        n_searched=len(results),
        n_wanted=wanted,
        n_pruned=sum(trial.state == TrialState.PRUNED for trial in results),
        n_failed=sum(trial.state == TrialState.FAIL for trial in all_trials),
        n_paper=sum(trials.is_paper(t) for t in all_trials if trials.is_result(t)),
        n_paper_wanted=len(paper.AUTOENCODERS),
        best=trials.best(all_trials, settings.direction),
    )


def early_stop_reason(
    all_trials: list[FrozenTrial], request: SearchRequest, settings: StudySettings
) -> str | None:
    """Why the search ends before its total, by ``patience`` or ``target``."""
    best = trials.best(all_trials, settings.direction)
    if best is None:
        return None
    if request.target is not None:
        reached, wanted = (
            trials.cost(value, settings.direction)
            for value in (trials.value_of(best), request.target)
        )
        if reached <= wanted:
            return f"target {request.target:g} reached by trial {best.number}"
    n_idle = trials.n_since_best(all_trials, settings.direction)
    if request.patience is not None and n_idle >= request.patience:
        return f"patience of {request.patience} trials without a better one is over"
    return None
