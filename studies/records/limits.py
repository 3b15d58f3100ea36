"""A study's limits on what a model may cost, as Optuna's trial constraints."""

from optuna.trial import Trial

from studies.networks.latency import Latency
from studies.records import trials
from studies.records.settings import StudySettings


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
    above = f"{latency.in_words()} is above the limit of {limit:g} ms by no more than its spread"
    return f"{trials.label(trial)}: {above}; it is trained"


def _exact(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
