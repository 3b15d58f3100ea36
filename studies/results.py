"""What trials leave behind, and how others use it: results copied, training gone on with."""

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from spaces.budget import Budget
from studies import opening, trials, weights
from studies.storage import ArtifactFolder
from studies.training import EpochMetrics, Training


def save(store: ArtifactFolder, trial: Trial, training: Training) -> None:
    """Keep the weights a trial ends with, and the state from which its training can go on."""
    config = trial.user_attrs[trials.CONFIG]
    weights.save(store, trial, training.network.state_dict(), config)
    weights.save(store, trial, training.state_dict(), config, weights.STATE)


def stored_result(study: optuna.Study, trial: Trial, fingerprint: str) -> FrozenTrial | None:
    """A finished trial whose result this one shall have, so that it need not be trained.

    The paper's trials are always trained. A promoted one is unless somebody trained the same
    configuration to the end.
    """
    if trials.is_paper(trial):
        return None
    known = study.get_trials(deepcopy=False)
    found = opening.taken_from(study, trial) or trials.stored_result(known, fingerprint)
    ended = found is not None and found.state != TrialState.PRUNED
    return found if ended or trials.PROMOTED not in trial.user_attrs else None


def copy_result(
    study: optuna.Study, store: ArtifactFolder, trial: Trial, source: FrozenTrial
) -> str:
    """End the trial with the result of another that has the same configuration.

    Returns:
        Whose result it is, in words.
    """
    origin = trial.user_attrs.get(trials.TAKEN_FROM)
    if origin is None:
        trial.set_user_attr(trials.SAME_AS, source.number)
    for file in (weights.WEIGHTS, weights.STATE) if origin else ():
        if weights.is_kept(store, study, source, file):
            tensors = weights.load(store, study, source, file)
            weights.save(store, trial, tensors, trial.user_attrs[trials.CONFIG], file)
    for name in (trials.EPOCHS, trials.METRICS, trials.SECONDS, trials.REASON):
        if name in source.user_attrs:
            trial.set_user_attr(name, source.user_attrs[name])
    for step, value in source.intermediate_values.items():
        trial.report(value, step)
    complete = source.state == TrialState.COMPLETE
    study.tell(trial, source.value if complete else None, source.state)
    return f"taken over from {origin['study']}" if origin else f"same as #{source.number}"


def go_on(
    study: optuna.Study, store: ArtifactFolder, trial: Trial, training: Training, budget: Budget
) -> list[EpochMetrics]:
    """Bring the training to where another trial left the same one.

    The other trial was pruned in this study, or trained for fewer epochs in the study that this
    one was made from.

    Returns:
        The epochs so far; to be reported again, so that pruners see what they would have seen.
    """
    key, seed = (trial.user_attrs[name] for name in (trials.FINGERPRINT, trials.SEED))
    for origin in filter(None, (study, opening.made_from(study))):
        known = origin.get_trials(deepcopy=False)
        for source in trials.source_of_state(known, key, seed, budget.epochs):
            if weights.is_kept(store, origin, source, weights.STATE):
                training.load_state_dict(weights.load(store, origin, source, weights.STATE))
                named = {"study": origin.study_name, "trial": source.number}
                trial.set_user_attr(trials.GOES_ON_FROM, named)
                rows = zip(*source.user_attrs[trials.EPOCHS].values(), strict=True)
                return [EpochMetrics(*row) for row in rows]
    return []
