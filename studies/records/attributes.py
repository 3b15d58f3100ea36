"""What a trial remembers: short values, which a person reads, and records, which programs do.

Optuna shows a trial's user attributes to people, in a table or on a line each. Tables and lists, as
a configuration or every epoch's metrics, are records: they lie beside them, among the system's
attributes. Earlier versions had everything among the user attributes.
"""

from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

RECORD_PREFIX = "fmnist-search:record:"
"""With which the names of records begin among the system's attributes."""


def of(trial: FrozenTrial | Trial) -> dict[str, Any]:
    """All that the trial remembers, by name, wherever it lies."""
    return trial.user_attrs | {
        key.removeprefix(RECORD_PREFIX): value
        for key, value in _system_attrs(trial).items()
        if key.startswith(RECORD_PREFIX)
    }


def note(trial: Trial, name: str, value: Any) -> None:
    """Have a running trial remember a value, in place of the one of that name."""
    if _is_record(value):
        key = f"{RECORD_PREFIX}{name}"
        trial.storage.set_trial_system_attr(trial._trial_id, key, value)
    else:
        trial.set_user_attr(name, value)


def waiting(params: dict[str, Any], attrs: dict[str, Any]) -> FrozenTrial:
    """A trial to queue, as Optuna queues one, that remembers records too.

    Args:
        params: what its sampler is to draw.
        attrs: what it remembers, by name.
    """
    records = {f"{RECORD_PREFIX}{k}": v for k, v in attrs.items() if _is_record(v)}
    return optuna.trial.create_trial(
        state=TrialState.WAITING,
        system_attrs={"fixed_params": params, **records},
        user_attrs={name: value for name, value in attrs.items() if not _is_record(value)},
    )


def _is_record(value: Any) -> bool:
    return isinstance(value, dict | list)


def _system_attrs(trial: FrozenTrial | Trial) -> dict[str, Any]:
    if isinstance(trial, FrozenTrial):
        return trial.system_attrs
    return trial.storage.get_trial_system_attrs(trial._trial_id)
