"""What a running search tells its watchers, and how far a study is."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from spaces.wording import measured
from studies.records import attempts, trials
from studies.records.request import DEFAULT_TRIALS, SearchRequest
from studies.records.settings import StudySettings
from studies.records.tally import Tally, n_since_best, tally
from studies.workers.pool import EpochDone

Ending = Literal["complete", "rests", "pruned", "failed", "reused"]


class TrialStarted(NamedTuple):
    """A trial begins to train, or goes on."""

    number: int
    label: str
    words: str
    n_epochs: int
    """Of a full training."""
    n_done: int = 0
    """Of these, those of a state that it goes on from; they are told once more."""


class TrialEnded(NamedTuple):
    """A trial is over, or rests."""

    number: int
    label: str
    words: str
    outcome: Ending
    value: float | None
    seconds: float
    reason: str
    state: "SearchState"
    n_epochs: int = 0
    """That it has been trained for."""


class Notice(NamedTuple):
    """Something a person should know, in one line."""

    text: str


Event = TrialStarted | EpochDone | TrialEnded | Notice


class SearchState(NamedTuple):
    """How far a study is."""

    n_searched: int
    """Searched trials with a result."""
    n_wanted: int
    n_pruned: int
    """Of these, those that were stopped before their end, or rest there."""
    n_failed: int
    """Of all trials; those that a person or a fault around the run stopped are not among them."""
    n_paper: int
    n_paper_wanted: int
    best: FrozenTrial | None
    given_up: tuple[str, ...] = ()
    """Labels of the trials that count towards the wanted total without a result."""
    tally: Tally = Tally()
    """How the searched trials ended."""

    @property
    def n_left(self) -> int:
        """Searched trials still to come."""
        return max(0, self.n_wanted - self.n_searched - len(self.given_up))

    def in_words(self) -> str:
        """How many of the searched trials there are, and how they ended."""
        n, wanted = self.n_searched, self.n_wanted
        counts = f"{n} of {wanted} searched trials"
        if n > wanted:
            counts = f"{n} searched trials, more than the {wanted} asked for"
        ways = self.tally.in_words()
        return counts + (f" ({ways})" if ways else "") + and_given_up(self.given_up)


def and_given_up(labels: Sequence[str]) -> str:
    """What is said after a number of trials of those that were given up: ``, 1 given up: #7``."""
    return f", {len(labels)} given up: {', '.join(labels)}" if labels else ""


def say_given_up(
    study_name: str, all_trials: Sequence[FrozenTrial], numbers: Sequence[int]
) -> list[Notice]:
    """What a person should know of those trials that died just now and are not tried again."""
    return [
        Notice(
            f"{trials.label(trial)} is given up: {attempts.MAX_ATTEMPTS} attempts died without "
            f"getting further. It counts as tried; --enqueue {study_name}#{trial.number} has it "
            "tried again"
        )
        for trial in attempts.given_up(all_trials)
        if trial.number in numbers
    ]


def n_wanted(request: SearchRequest, settings: StudySettings, all_trials: list[FrozenTrial]) -> int:
    """Searched trials that the study shall have in the end; those queued by hand are run anyhow."""
    n_there = attempts.n_tried(all_trials)
    if request.more is not None:
        return n_there + request.more
    queued = [t for t in all_trials if t.state == TrialState.WAITING]
    n_given = sum(trials.ENQUEUED in trial.user_attrs for trial in queued)
    default = 0 if settings.budget.protocol == "paper" else DEFAULT_TRIALS
    wanted = default if request.trials is None else request.trials
    return max(wanted, n_there + n_given) if n_given else wanted


def paper_names(request: SearchRequest, settings: StudySettings) -> list[str]:
    """The paper's configurations that a run shall have trained, in the order to train them.

    Without a search after them the dearest come first, as else the last one would train on one
    core while the others have nothing to do.
    """
    wanted, run_order = request.only_paper, settings.stage_record().run_order
    if settings.budget.protocol == "paper":
        run_order = run_order[::-1]
    return [name for name in run_order if wanted is None or name in wanted]


def search_state(
    all_trials: list[FrozenTrial], settings: StudySettings, wanted: int, wanted_paper: int
) -> SearchState:
    """How far a study is, of ``wanted`` searched trials and so many of the paper's."""
    results = trials.searched_results(all_trials)
    return SearchState(
        n_searched=len(results),
        n_wanted=wanted,
        n_pruned=sum(trial.state == TrialState.PRUNED for trial in results),
        n_failed=sum(
            t.state == TrialState.FAIL and not attempts.was_stopped(t) for t in all_trials
        ),
        n_paper=sum(trials.is_paper(t) for t in all_trials if trials.is_result(t)),
        n_paper_wanted=wanted_paper,
        best=trials.best(all_trials, settings.direction),
        given_up=tuple(map(trials.label, attempts.searched_without_result(all_trials))),
        tally=tally(results),
    )


def n_begun(all_trials: list[FrozenTrial]) -> int:
    """Searched trials that have ended or are running, here or elsewhere."""
    running = [t for t in all_trials if t.state == TrialState.RUNNING]
    searched = [t for t in running if not trials.is_never_pruned(t)]
    return attempts.n_tried(all_trials) + len(searched)


def target_is_reached(
    all_trials: list[FrozenTrial], request: SearchRequest, settings: StudySettings
) -> str | None:
    """Why the search ends before its total, if a trial is as good as its ``target``."""
    best = trials.best(all_trials, settings.direction)
    if best is None or request.target is None:
        return None
    reached, wanted = (
        trials.cost(value, settings.direction) for value in (trials.value_of(best), request.target)
    )
    shown = measured(request.target, settings.metric)
    return f"target {shown} reached by trial {best.number}" if reached <= wanted else None


def patience_is_over(
    all_trials: list[FrozenTrial], request: SearchRequest, settings: StudySettings
) -> str | None:
    """Why no more trials are begun before its total, if ``patience`` with them is over."""
    n_idle = n_since_best(all_trials, settings.direction, settings.objectives)
    if request.patience is None or n_idle < request.patience:
        return None
    return f"{request.patience} trials without a better one (--patience)"
