"""How long a network takes on one thread, and what is known of how sure that is."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from optuna.trial import FrozenTrial, Trial

from studies import trials


class Latency(NamedTuple):
    """What 100 images take."""

    ms: float
    """Milliseconds of one thread's processor time: the least of many runs."""
    spread_ms: float | None = None
    """How much longer the least of a few runs was at the worst moment of the measurement; None is
    not known, as of what versions before measured."""

    def in_words(self) -> str:
        """With its unit and its spread: ``110 ms (110–118)``."""
        if self.spread_ms is None:
            return f"{_short(self.ms)} ms (spread not known)"
        return f"{_short(self.ms)} ms ({self.range_in_words()})"

    def range_in_words(self, with_worst: bool = True) -> str:
        """From the least to the worst moment, without a unit: ``110–118``, ``110–?``."""
        if not with_worst:
            return _short(self.ms)
        if self.spread_ms is None:
            return f"{_short(self.ms)}–?"
        return f"{_short(self.ms)}–{_short(self.ms + self.spread_ms)}"


def latency_of(attrs: Mapping[str, Any]) -> Latency | None:
    """What a trial's attributes say of its latency."""
    ms = attrs.get(trials.LATENCY_MS)
    return None if ms is None else Latency(ms, attrs.get(trials.LATENCY_SPREAD_MS))


def measured(all_trials: Iterable[FrozenTrial], architecture: str) -> Latency | None:
    """What was measured in a study for an architecture, first; it is measured once.

    Args:
        all_trials: of the study.
        architecture: as :func:`spaces.space.architecture` names it.
    """
    same = (t for t in all_trials if t.user_attrs.get(trials.ARCHITECTURE) == architecture)
    return next((latency_of(t.user_attrs) for t in same), None)


def note(trial: Trial, latency: Latency, architecture: str) -> None:
    """Keep it in the trial."""
    trial.set_user_attr(trials.LATENCY_MS, latency.ms)
    trial.set_user_attr(trials.LATENCY_SPREAD_MS, latency.spread_ms)
    trial.set_user_attr(trials.ARCHITECTURE, architecture)


def _short(ms: float) -> str:
    return f"{ms:.1f}" if ms < 100 else f"{ms:,.0f}"
