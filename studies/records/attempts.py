"""Attempts at searched configurations: which count, which are tried again, which are given up.

Pure functions over Optuna's trials, as in :mod:`studies.records.trials`.
"""

from collections.abc import Iterable, Sequence

from optuna.trial import FrozenTrial, Trial

from studies.records import attributes
from studies.records.trials import (
    CONFIG,
    ENQUEUED,
    FINGERPRINT,
    PROMOTED,
    REASON,
    RETRY_OF,
    SAME_AS,
    is_never_pruned,
    is_paper,
    is_unfinished_failure,
    n_epochs_stored,
    searched_results,
)

INTERRUPTED = "interrupted"
"""Begins the reason of a trial that a person, a scheduler or a fault around the run stopped."""
GIVEN_UP = "given up"
"""Begins the reason of a trial that was drawn, but not begun, after its configuration's attempts
had died too often."""

MAX_ATTEMPTS = 3
"""Times in a row that a searched configuration's attempts may die without getting any further."""


def was_stopped(trial: FrozenTrial) -> bool:
    """Whether the trial ended by nothing of its own: as an attempt it does not count."""
    return str(trial.user_attrs.get(REASON, "")).startswith(INTERRUPTED)


def was_refused(trial: FrozenTrial) -> bool:
    """Whether the trial was not begun because its configuration had been given up."""
    return str(trial.user_attrs.get(REASON, "")).startswith(GIVEN_UP)


def is_asked_for(trial: FrozenTrial | Trial) -> bool:
    """Whether a person asked for the trial's configuration: what was given up is tried anew."""
    attrs = trial.user_attrs
    return RETRY_OF not in attrs and (ENQUEUED in attrs or PROMOTED in attrs)


def n_deaths(attempts: Iterable[FrozenTrial]) -> int:
    """How many of a configuration's attempts, at the end of all, died without getting further.

    An attempt that stored more epochs than all before it begins the count anew, and so does one
    that a person asked for.
    """
    count = furthest = 0
    for trial in attempts:
        if is_asked_for(trial) or n_epochs_stored(trial) > furthest:
            count = 0
        furthest = max(furthest, n_epochs_stored(trial))
        count += not was_stopped(trial)
    return count


def to_retry(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Searched trials that were stopped from outside and that nothing has made up for yet."""
    last = [same[-1] for same in _never_finished(trials) if n_deaths(same) < MAX_ATTEMPTS]
    retried = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    return [trial for trial in last if trial.number not in retried]


def given_up(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The last attempts at configurations whose attempts died too often to try them again."""
    return [same[-1] for same in _never_finished(trials) if n_deaths(same) >= MAX_ATTEMPTS]


def configurations_given_up(trials: Sequence[FrozenTrial]) -> dict[str, FrozenTrial]:
    """The last attempt at each configuration that has no result and is given up, by fingerprint."""
    last = [trial for trial in given_up(trials) if PROMOTED not in trial.user_attrs]
    return {trial.user_attrs[FINGERPRINT]: trial for trial in last}


def searched_without_result(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Those that count as tried because their configuration is given up, by number."""
    found = [*given_up(trials), *filter(was_refused, trials)]
    return sorted((t for t in found if not is_never_pruned(t)), key=lambda t: t.number)


def n_tried(trials: Sequence[FrozenTrial]) -> int:
    """How many trials count towards the wanted total: those with a result, and those given up."""
    return len(searched_results(trials)) + len(searched_without_result(trials))


def reason_to_refuse(trials: Sequence[FrozenTrial], trial: FrozenTrial | Trial) -> str | None:
    """Why a trial that was drawn is not begun: its configuration was given up before."""
    if is_asked_for(trial) or is_paper(trial):
        return None
    others = [other for other in trials if other.number != trial.number]
    last = configurations_given_up(others).get(trial.user_attrs[FINGERPRINT])
    return f"{GIVEN_UP}: as #{last.number}" if last else None


def _never_finished(trials: Sequence[FrozenTrial]) -> list[list[FrozenTrial]]:
    """All attempts at each searched configuration of which every one was stopped from outside.

    A copy of what another came to where it rested is none, if that one went on and was lost.
    """
    lost = {trial.number for trial in trials if is_unfinished_failure(trial)}
    attempts: dict[tuple[str, int | None], list[FrozenTrial]] = {}
    for trial in trials:
        if trial.user_attrs.get(SAME_AS) in lost:
            continue
        fingerprint, promoted = (trial.user_attrs.get(name) for name in (FINGERPRINT, PROMOTED))
        # Earlier versions noted the fingerprint first, and may have been killed before the rest.
        if trial.number in lost and CONFIG not in attributes.of(trial):
            continue
        if fingerprint is not None and not is_paper(trial) and not was_refused(trial):
            attempts.setdefault((fingerprint, promoted), []).append(trial)
    return [same for same in attempts.values() if all(map(is_unfinished_failure, same))]
