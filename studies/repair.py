"""Making up for what earlier runs left undone, before a run begins."""

from collections.abc import Iterator
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from spaces import paper
from spaces.space import fingerprint
from studies import trials, weights
from studies.progress import Notice
from studies.settings import StudySettings
from studies.storage import ArtifactFolder


def prepare(
    study: optuna.Study,
    store: ArtifactFolder,
    settings: StudySettings,
    sole_coordinator: bool,
    promote: int = 0,
) -> list[Notice]:
    """Make up for what earlier runs left undone, and queue the trials that nobody has to draw.

    Args:
        study: the study.
        store: where its trials' weights are.
        settings: what it was made with.
        sole_coordinator: no other process can be running it.
        promote: how many of the best pruned trials shall be trained to the end.

    Returns:
        What was found and done, for a person to read.
    """
    repairs = trials.find_repairs(study.get_trials(deepcopy=False), sole_coordinator)
    for trial in repairs.lost:
        study._storage.set_trial_user_attr(trial._trial_id, trials.REASON, trials.LOST)
        weights.discard(store, study, trial)
        study.tell(trial.number, state=TrialState.FAIL)
    all_trials = study.get_trials(deepcopy=False)
    for name in trials.missing_paper_trials(all_trials, paper.RUN_ORDER):
        _enqueue(study, settings, paper.autoencoder(name).config.to_dict(), {trials.PAPER: name})
    retries = trials.trials_to_retry(all_trials)
    for trial in retries:
        attrs = {trials.RETRY_OF: trial.number}
        if trials.PROMOTED in trial.user_attrs:
            attrs[trials.PROMOTED] = trial.user_attrs[trials.PROMOTED]
        _enqueue(study, settings, trial.user_attrs[trials.CONFIG], attrs)
    for trial in trials.pruned_to_promote(all_trials, settings.direction, promote):
        if trial.number not in {t.user_attrs.get(trials.PROMOTED) for t in retries}:
            attrs = {trials.PROMOTED: trial.number}
            _enqueue(study, settings, trial.user_attrs[trials.CONFIG], attrs)
    return list(_repair_notices(repairs, retries))


def _enqueue(
    study: optuna.Study, settings: StudySettings, fields: dict[str, Any], attrs: dict[str, Any]
) -> None:
    space = settings.search_space()
    config = space.config_type.from_dict(fields)
    known = {trials.CONFIG: config.to_dict(), trials.FINGERPRINT: fingerprint(config)}
    study.enqueue_trial(space.params(config), user_attrs={**known, **attrs})


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
