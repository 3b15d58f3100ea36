"""A study's limits on what a model may cost, as Optuna's trial constraints."""

from collections.abc import Mapping

from optuna.trial import Trial

from studies import trials
from studies.settings import StudySettings


def constrain(trial: Trial, settings: StudySettings, costs: Mapping[str, float | None]) -> str:
    """Tell Optuna how far each cost is above its limit; samplers that can learn from it.

    Args:
        trial: a running trial; a constraint that it has already stays.
        settings: hold the limits; a cost without one sets nothing.
        costs: by the names of trials' attributes; None is not known.

    Returns:
        Which limit is broken, in words; empty if none is.
    """
    limits = {
        trials.N_PARAMETERS: settings.max_params,
        trials.LATENCY_MS: settings.max_latency_ms,
    }
    broken = ""
    for name, value in costs.items():
        limit = limits[name]
        if limit is None or value is None:
            continue
        if name not in trial.constraints:
            trial.set_constraint(name, value - limit)
        if value > limit:
            broken = broken or f"{name} {_exact(value)} above {_exact(limit)}"
    return broken


def _exact(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
