"""Latencies in trials: noted once for each architecture of a study, and read back."""

from collections.abc import Iterable, Mapping
from typing import Any

from optuna.trial import FrozenTrial, Trial

from studies.networks.latency import Latency
from studies.records import trials


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
