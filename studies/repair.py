"""Making up for what earlier runs left undone, before a run begins."""

from collections.abc import Iterator
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from spaces import paper
from studies import trials, weights
from studies.progress import Notice
from studies.settings import StudySettings
from studies.storage import ArtifactFolder


def prepare(
    study: optuna.Study, store: ArtifactFolder, settings: StudySettings, sole_coordinator: bool
) -> list[Notice]:
    """Make up for what earlier runs left undone, and queue the paper's trials that are missing.

    Returns:
        What was found and done, for a person to read.
    """
    repairs = trials.find_repairs(study.get_trials(deepcopy=False), sole_coordinator)
    for trial in repairs.lost:
        study._storage.set_trial_user_attr(trial._trial_id, trials.REASON, trials.LOST)
        weights.discard(store, study, trial)
        study.tell(trial.number, state=TrialState.FAIL)
    all_trials = study.get_trials(deepcopy=False)
    space = settings.search_space()
    for name in trials.missing_paper_trials(all_trials, paper.RUN_ORDER):
        config = paper.autoencoder(name).config
        attrs: dict[str, Any] = {trials.PAPER: name, trials.CONFIG: config.to_dict()}
        study.enqueue_trial(space.params(config), user_attrs=attrs)
    retries = trials.trials_to_retry(all_trials)
    for trial in retries:
        config = space.config_type.from_dict(trial.user_attrs[trials.CONFIG])
        attrs = {trials.RETRY_OF: trial.number, trials.CONFIG: config.to_dict()}
        study.enqueue_trial(space.params(config), user_attrs=attrs)
    return list(_repair_notices(repairs, retries))


def _repair_notices(repairs: trials.Repairs, retries: list[FrozenTrial]) -> Iterator[Notice]:
    if repairs.lost:
        numbers = ", ".join(f"#{trial.number}" for trial in repairs.lost)
        yield Notice(f"trial {numbers} was left running by a process that died: marked failed")
    if retries:
        numbers = ", ".join(f"#{trial.number}" for trial in retries)
        yield Notice(f"trial {numbers} did not finish and will be trained again")
    if repairs.elsewhere:
        numbers = ", ".join(f"#{trial.number}" for trial in repairs.elsewhere)
        yield Notice(f"trial {numbers} is marked running on another machine and left alone")
