"""What each run over a study was asked for and made with, as the study remembers it.

One small attribute a run, from when it begins its first trial; a run that begins none leaves none.
A study of an earlier version has none of its runs of then.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from studies.records import attempts, parsers, trials
from studies.records.fields import fields_of, is_plain, names_of
from studies.records.readable import table_of, text_of
from studies.records.request import SearchRequest
from studies.records.versions import made_with

ENDED = "ended"
"""Attribute of a study: why and when its last run ended by itself."""

PREFIX = "run:"
"""Of the attributes' names; a number follows."""

_OPTIONS = fields_of(SearchRequest)

NOTED = tuple(
    name for name in names_of(SearchRequest, "run", "machine") if is_plain(_OPTIONS[name].kind)
)
"""What of its request a run notes: all that no study remembers, but for places and addresses."""

DECIDING = tuple(name for name in NOTED if _OPTIONS[name].option.decides)
"""Of that, what decides which trials there are, or what one comes to."""

TIMES = tuple(name for name in NOTED if _OPTIONS[name].option.parse is parsers.seconds)
"""Of what is noted, the times, in seconds."""


@dataclass(frozen=True)
class Run:
    """One run, from its first trial to its end."""

    begun: str
    """When, in UTC."""
    options: dict[str, Any]
    """By the names of the request's fields; what the study stores is not among them."""
    given: list[int]
    """Numbers of the trials that it queued because a person gave their configurations."""
    first: int
    """Number of the first trial that it began."""
    n_before: int
    """Searched trials that the study had before, with a result or given up."""
    side_by_side: int
    """Trials that it trained at a time."""
    made_with: dict[str, str] = field(default_factory=dict)
    ended: str | None = None
    reason: str | None = None
    """Why it ended; None while it runs, and of one that was killed."""

    def deciding(self) -> dict[str, Any]:
        """What of the options decides results."""
        return {name: self.options.get(name) for name in DECIDING}

    def in_words(self) -> dict[str, Any]:
        """The options by the names that a person knows them by, but those that ask for nothing."""
        return {
            _OPTIONS[name].flag if name in _OPTIONS else name: (
                f"{value:g}s" if name in TIMES else value
            )
            for name, value in self.options.items()
            if value is not None and (name, value) != ("promote", 0)
        }

    def how_it_ended(self) -> str:
        """Why, in words."""
        return self.reason or "it still runs, or was killed"


class Record:
    """Notes one run in its study.

    Args:
        study: the study.
        request: what the run was asked for.
    """

    def __init__(self, study: optuna.Study, request: SearchRequest) -> None:
        self._study = study
        self._request = request
        self._name: str | None = None

    def begin(self, all_trials: Sequence[FrozenTrial], first: int, side_by_side: int) -> None:
        """Note that the run begins, with its first trial; nothing where that is noted.

        Args:
            all_trials: of the study before that trial was begun; nobody else begins one meanwhile.
            first: the trial's number.
            side_by_side: trials that the run can train at a time.
        """
        if self._name is not None:
            return
        asked = {name: getattr(self._request, name) for name in NOTED}
        run = Run(
            begun=_now(),
            options={name: value for name, value in asked.items() if value is not None},
            given=_given(all_trials, of(self._study)),
            first=first,
            n_before=attempts.n_tried(all_trials),
            side_by_side=side_by_side,
            made_with=made_with(),
        )
        there = self._study.user_attrs
        self._name = next(n for n in map(f"{PREFIX}{{}}".format, count()) if n not in there)
        self._study.set_user_attr(self._name, text_of(asdict(run)))

    def end(self, reason: str) -> None:
        """Note why the run ended, if it began a trial."""
        if self._name is not None:
            noted = table_of(self._study.user_attrs[self._name])
            ended = {**noted, "ended": _now(), "reason": reason}
            self._study.set_user_attr(self._name, text_of(ended))


def minute(moment: str) -> str:
    """A moment that a study notes, in UTC, as a person says it: ``2026-11-28 19:46``."""
    return moment[:16].replace("T", " ")


def of(study: optuna.Study) -> list[Run]:
    """The runs that the study knows of, in the order in which they began."""
    attrs = study.user_attrs
    names = map(f"{PREFIX}{{}}".format, range(len(attrs)))
    return [Run(**table_of(attrs[name])) for name in names if name in attrs]


def _given(all_trials: Sequence[FrozenTrial], earlier: Sequence[Run]) -> list[int]:
    """Trials of configurations that a person gave, but to earlier runs."""
    known = {number for run in earlier for number in run.given}
    own = [t for t in all_trials if trials.ENQUEUED in t.user_attrs]
    return [t.number for t in own if trials.RETRY_OF not in t.user_attrs and t.number not in known]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def record_end(study: optuna.Study, reason: str) -> None:
    """Leave in the study why its last run ended, unless it says so already."""
    if last_end(study).get("reason") != reason:
        study.set_user_attr(ENDED, text_of({"reason": reason, "time": _now()}))


def last_end(study: optuna.Study) -> dict[str, str]:
    """Why and when the last run ended by itself: ``reason`` and ``time``; empty if none did."""
    ended: dict[str, str] = table_of(study.user_attrs.get(ENDED, {}))
    return ended
