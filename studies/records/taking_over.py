"""What a study made with ``--new`` takes over of the one that it was made from."""

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from spaces.space import fingerprint
from studies.records import reading, trials, weights
from studies.records import settings as study_settings
from studies.records.settings import StudySettings
from studies.storage.artifacts import ArtifactStore

TAKES_OVER = "takes_over"
"""Attribute of a new study: whose trials it still has to take over; None once it has."""

MADE_FROM = "made_from"
"""Attribute of a study made with ``--new``: the study it was made from."""


def find_if_there(storage: BaseStorage | None, name: str | None) -> optuna.Study | None:
    """The study of that name; None where there is none, or no storage."""
    if storage is None or name is None:
        return None
    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return None


def made_from(study: optuna.Study) -> optuna.Study | None:
    """The study that this one was made from, if it is there and trained on the same images."""
    source = find_if_there(study._storage, study.user_attrs.get(MADE_FROM))
    if source is None:
        return None
    own, other = study_settings.load(study), study_settings.load(source)
    return source if own.is_comparable(other, ignore_epochs=True) else None


def taken_from(study: optuna.Study, trial: optuna.Trial) -> FrozenTrial | None:
    """The other study's trial whose result this one takes over as it is, if it is still there."""
    origin = trial.user_attrs.get(trials.TAKEN_FROM)
    source = find_if_there(study._storage, origin["study"]) if origin else None
    if origin is None or source is None:
        return None
    if not study_settings.load(study).is_comparable(study_settings.load(source)):
        return None
    # Its name and number may be another's by now: what it is is its configuration.
    key = trial.user_attrs.get(trials.FINGERPRINT)
    same = (t for t in source.get_trials(deepcopy=False) if t.number == origin["trial"])
    return next((t for t in same if t.user_attrs.get(trials.FINGERPRINT) == key), None)


def take_over(
    study: optuna.Study, settings: StudySettings, store: ArtifactStore, source_name: str
) -> None:
    """Queue what fits of another study; the search copies it, or goes on training it.

    With the same budget every result fits, the paper's too. With more epochs searched ones fit
    whose training state was kept, if they had been trained to the end.
    """
    source = optuna.load_study(study_name=source_name, storage=study._storage)
    most = settings.max_params or float("inf")
    stored = reading.check(source)
    every = source.get_trials(deepcopy=False)
    # One that was promoted later has its final result there, not where it was pruned.
    found = (_best_result(every, t) for t in trials.searched_results(every))
    results = list({trial.number: trial for trial in found}.values())
    fixed = [trial for trial in trials.completed(every) if trials.is_paper(trial)]
    if not settings.is_comparable(stored):
        fixed.clear()  # their training is gone on with where they are queued anyhow
        more = settings.budget.epochs > stored.budget.epochs
        fits = more and settings.is_comparable(stored, ignore_epochs=True)
        ended = [t for t in trials.completed(results) if fits and trials.has_constant_rate(t)]
        results = [t for t in ended if weights.is_kept(store, source, t, weights.STATE)]
    space = settings.search_space()
    there = [
        {name: t.user_attrs.get(name) for name in (trials.TAKEN_FROM, trials.PAPER)}
        for t in study.get_trials(deepcopy=False)
    ]
    rows = [(trial, trial.user_attrs[trials.PAPER]) for trial in fixed]
    for trial, paper in [*rows, *((trial, None) for trial in results)]:
        origin = {"study": source_name, "trial": trial.number}
        identity = {trials.TAKEN_FROM: origin, trials.PAPER: paper}
        if trials.SAME_AS in trial.user_attrs or trials.is_too_costly(trial) or identity in there:
            continue
        config = space.config_type.from_dict(trial.user_attrs[trials.CONFIG])
        if paper or (config in space and config.n_parameters() <= most):
            attrs = {name: value for name, value in identity.items() if value}
            attrs[trials.CONFIG] = config.to_dict()
            attrs[trials.FINGERPRINT] = fingerprint(config)  # by which a lost one is made up for
            study.enqueue_trial(space.params(config), user_attrs=attrs)


def _best_result(every: list[FrozenTrial], trial: FrozenTrial) -> FrozenTrial:
    """The trial of the same configuration that got the furthest; a trial that failed is its own."""
    key = trial.user_attrs.get(trials.FINGERPRINT)
    return (trials.stored_result(every, key) if key else None) or trial
