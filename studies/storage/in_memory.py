"""Studies as they are at one moment, for whoever reads them in many places."""

from collections.abc import Callable
from copy import copy
from typing import Any

import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial


class _Copy(InMemoryStorage):
    def _update_cache(self, trial_id: int, study_id: int) -> None:
        """Keep no best trial: nobody asks for it, and a value that is none would be an error."""


def copied(
    study: optuna.Study,
    is_kept: Callable[[str], bool] = lambda _key: True,
    adapted: Callable[[str, Any], tuple[str, Any]] = lambda key, value: (key, value),
) -> optuna.Study:
    """A copy of a study in memory: its attributes and trials, read once, which nobody changes.

    Whatever storage the study lies in, and whoever goes on writing to it.

    Args:
        study: the study.
        is_kept: whether the copy has the study's system attribute of that name.
        adapted: the name and value that an attribute has in the copy.
    """
    trials = study.get_trials(deepcopy=False)
    storage = _Copy()
    study_id = storage.create_new_study(study.directions, study.study_name)
    for key, value in study.user_attrs.items():
        storage.set_study_user_attr(study_id, *adapted(key, value))
    for key, value in study._storage.get_study_system_attrs(study._study_id).items():
        if is_kept(key):
            storage.set_study_system_attr(study_id, *adapted(key, value))
    for trial in trials:
        storage.create_new_trial(study_id, template_trial=_adapted(trial, adapted))
    return optuna.load_study(study_name=study.study_name, storage=storage)


def _adapted(trial: FrozenTrial, adapted: Callable[[str, Any], tuple[str, Any]]) -> FrozenTrial:
    own = copy(trial)
    own.user_attrs = dict(adapted(*each) for each in trial.user_attrs.items())
    own.system_attrs = dict(adapted(*each) for each in trial.system_attrs.items())
    return own
