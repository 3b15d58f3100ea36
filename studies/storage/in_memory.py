"""Studies as they are at one moment, for whoever reads them in many places."""

import optuna
from optuna.storages import InMemoryStorage


class _Copy(InMemoryStorage):
    def _update_cache(self, trial_id: int, study_id: int) -> None:
        """Keep no best trial: nobody asks for it, and a value that is none would be an error."""


def copied(study: optuna.Study) -> optuna.Study:
    """A copy of a study in memory: its attributes and trials, read once, which nobody changes.

    Whatever storage the study lies in, and whoever goes on writing to it.
    """
    trials = study.get_trials(deepcopy=False)
    storage = _Copy()
    study_id = storage.create_new_study(study.directions, study.study_name)
    for key, value in study.user_attrs.items():
        storage.set_study_user_attr(study_id, key, value)
    for key, value in study._storage.get_study_system_attrs(study._study_id).items():
        storage.set_study_system_attr(study_id, key, value)
    for trial in trials:
        storage.create_new_trial(study_id, template_trial=trial)
    return optuna.load_study(study_name=study.study_name, storage=storage)
