"""A model's costs in its trial: the latency, and how far they are above the study's limits."""

from collections.abc import Iterable, Mapping
from typing import Any

from optuna.trial import FrozenTrial, Trial

from studies.networks.latency import Latency
from studies.records import trials
from studies.records.settings import StudySettings


def latency_of(attrs: Mapping[str, Any]) -> Latency | None:
    """What a trial's attributes say of its latency."""
    ms = attrs.get(trials.LATENCY_MS)
    return None if ms is None else Latency(ms, attrs.get(trials.LATENCY_SPREAD_MS))


def measured_latency(all_trials: Iterable[FrozenTrial], architecture: str) -> Latency | None:
    """What was measured in a study for an architecture, first; it is measured once.

    Args:
        all_trials: of the study.
        architecture: as :func:`spaces.space.architecture` names it.
    """
    same = (t for t in all_trials if t.user_attrs.get(trials.ARCHITECTURE) == architecture)
    return next((latency_of(t.user_attrs) for t in same), None)


def note_latency(trial: Trial, latency: Latency, architecture: str) -> None:
    """Keep a latency in the trial."""
    trial.set_user_attr(trials.LATENCY_MS, latency.ms)
    trial.set_user_attr(trials.LATENCY_SPREAD_MS, latency.spread_ms)
    trial.set_user_attr(trials.ARCHITECTURE, architecture)


def constrain(
    trial: Trial, settings: StudySettings, name: str, value: float | None, spread: float = 0.0
) -> str:
    """Tell Optuna how far a cost is above its limit; samplers that can learn from it.

    Args:
        trial: a running trial; a constraint that it has already stays.
        settings: hold the limits; a cost without one sets nothing.
        name: of the trial's attribute that has the cost.
        value: None is not known.
        spread: what is above by less than this is not above for certain, so it is let pass.

    Returns:
        Which limit is broken, in words; empty if none is.
    """
    limit = settings.limits().get(name)
    if limit is None or value is None:
        return ""
    if name not in trial.constraints:
        trial.set_constraint(name, value - spread - limit)
    if value - spread <= limit:
        return ""
    by_more = f" by more than its spread of {_exact(spread)}" if spread else ""
    return f"{name} {_exact(value)} above {_exact(limit)}{by_more}"


def passed_by_its_spread(trial: Trial, settings: StudySettings, latency: Latency) -> str:
    """Why a trial above the limit on latency is trained, in words; empty if it is not above."""
    limit = settings.limits().get(trials.LATENCY_MS)
    if limit is None or latency.ms <= limit or trials.is_paper(trial):
        return ""
    above = f"{latency.in_words()} exceeds the limit of {limit:g} ms by less than its spread"
    return f"{trials.label(trial)}: {above}; it is trained"


def _exact(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
