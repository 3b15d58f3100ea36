"""Where a search's time went."""

from typing import Any, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from reports.analysis.chosen_studies import Source
from studies.records import attempts, attributes, trials
from studies.records.comparable import once

KINDS = ("paper", "complete", "pruned", "failed", "paused")
"""What becomes of trials."""
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class TimeSpent(NamedTuple):
    """Seconds of training in a study, and trials, by what became of them."""

    study: str
    paper_s: float
    complete_s: float
    pruned_s: float
    failed_s: float
    paused_s: float
    """Of trials that were stopped, by Ctrl-C for one."""
    n_searched: int
    """Searched configurations that were trained; one that was promoted or tried again is one."""
    n_paper: int
    n_complete: int
    n_pruned: int
    """Searched configurations that were trained, but by no trial to the end."""
    n_failed: int
    n_paused: int
    epochs_share: float | None
    """Epochs that searched trials were trained, attempts that failed among them, of what each
    configuration would have taken in full."""
    evaluation_share: float | None
    """Of the time of all epochs, what judging the validation images took."""

    @property
    def total_s(self) -> float:
        """Of all trials."""
        return float(sum(getattr(self, f"{kind}_s") for kind in KINDS))


def time_spent(source: Source) -> TimeSpent:
    """Where the study's time went.

    Results taken from other trials took none, nor did the epochs that a trial took over from
    another one's training.
    """
    trained = [t for t in source.own() if trials.TAKEN_FROM not in attributes.of(t)]
    ended = [t for t in trained if t.state in _ENDED]
    groups: dict[str, list[FrozenTrial]] = {kind: [] for kind in KINDS}
    for trial in ended:
        groups[_kind(trial)].append(trial)
    searched = [t for t in ended if not trials.is_paper(t) and trials.n_epochs_trained(t)]
    configurations = once(searched)
    n_searched = len(configurations)
    full = source.settings.budget.epochs * n_searched
    epochs_s, evaluation_s = (
        sum(sum(trials.own_epochs(t, column)) for t in trained)
        for column in ("seconds", "evaluation_seconds")
    )
    of_groups: dict[str, Any] = {}
    for name, group in groups.items():
        of_groups |= {f"{name}_s": sum(map(seconds_of, group)), f"n_{name}": len(group)}
    of_groups["n_pruned"] = sum(t.state == TrialState.PRUNED for t in configurations)
    return TimeSpent(
        study=source.name,
        n_searched=n_searched,
        epochs_share=sum(map(trials.n_epochs_trained, searched)) / full if full else None,
        evaluation_share=evaluation_s / epochs_s if epochs_s else None,
        **of_groups,
    )


def _kind(trial: FrozenTrial) -> str:
    if trial.state == TrialState.FAIL:
        return "paused" if attempts.was_stopped(trial) else "failed"
    if trials.is_paper(trial):
        return "paper"
    return "complete" if trial.state == TrialState.COMPLETE else "pruned"


def seconds_of(trial: FrozenTrial) -> float:
    """Training time; of a trial whose process died what its checkpoint knows of."""
    known = sum(trials.own_epochs(trial, "seconds"))
    if trial.state != TrialState.FAIL or trial.user_attrs.get(trials.REASON) == trials.LOST:
        return known
    return max(known, float(trial.user_attrs.get(trials.SECONDS, 0.0)))
