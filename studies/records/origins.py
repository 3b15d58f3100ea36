"""Who chose a configuration: the search, the paper or a person. Pure functions over trials."""

from collections.abc import Iterable, Sequence
from typing import Literal

from optuna.trial import FrozenTrial

from spaces.stages import Direction
from studies.records import attributes, trials

Origin = Literal["found", "paper", "given", "taken"]
"""``found``: the study's own search drew it. ``paper``: the paper's. ``given``: a person gave it.
``taken``: it was taken over from the study that this one was made from."""

IN_WORDS: dict[Origin, str] = {
    "found": "found by the search",
    "paper": "the paper's own; the search found none better",
    "given": "added by a person; the search found none better",
    "taken": "taken over from an earlier study; this search found none better",
}
"""What a study's best trial is to its search."""

ORIGIN_IN_A_WORD: dict[Origin, str] = {
    "found": "drawn by the search",
    "paper": "the paper's",
    "given": "added by a person",
    "taken": "taken over from another study",
}
"""Where any trial's configuration comes from."""


def origins(every: Iterable[FrozenTrial]) -> dict[int, Origin]:
    """For each trial of a study, by number, who chose its configuration first.

    Attempts, promotions and copies of one configuration have one origin: the paper's wherever one
    of them is the paper's, else that of the first.
    """
    first: dict[str, Origin] = {}
    in_order = sorted(every, key=lambda t: t.number)
    for trial in in_order:
        key = _identity(trial)
        first.setdefault(key, _own(trial))
        if trials.is_paper(trial):
            first[key] = "paper"
    return {trial.number: first[_identity(trial)] for trial in in_order}


def best_found(every: Sequence[FrozenTrial], direction: Direction) -> FrozenTrial | None:
    """The best trial whose configuration the search drew itself, of those trained to the end."""
    by_number = origins(every)
    ranked = trials.ranked(every, direction)
    return next((trial for trial in ranked if by_number[trial.number] == "found"), None)


def _own(trial: FrozenTrial) -> Origin:
    if trials.is_paper(trial):
        return "paper"
    if trials.ENQUEUED in trial.user_attrs:
        return "given"
    return "taken" if trials.TAKEN_FROM in attributes.of(trial) else "found"


def _identity(trial: FrozenTrial) -> str:
    """Of its configuration; a trial of none is like no other."""
    return str(trial.user_attrs.get(trials.FINGERPRINT, f"#{trial.number}"))
