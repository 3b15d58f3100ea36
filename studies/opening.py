"""Opening the study a run asks for: created, resumed, or refused because it was made otherwise."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import NamedTuple

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from spaces.errors import ConfigurationError, StudyError
from studies import settings as study_settings
from studies import trials, weights
from studies.request import SearchRequest
from studies.settings import Stage, StudySettings
from studies.storage import ArtifactFolder

_TAKES_OVER = "takes_over"
"""Attribute of a new study: whose trials it still has to take over; None once it has."""

_MADE_FROM = "made_from"
"""Attribute of a study made with ``--new``: the study it was made from."""


class Resolution(NamedTuple):
    """Which study a run is about."""

    name: str
    settings: StudySettings
    created: bool
    """The study is not there yet."""
    taken_from: str | None
    """Name of the study whose fitting trials a new one takes over."""


def resolve(storage: BaseStorage | None, request: SearchRequest, stage: Stage) -> Resolution:
    """Find out which study the request means, and whether it fits; writes nothing.

    Args:
        storage: None where there is no database yet.
        request: what the user asked for; options left out are as the study was made.
        stage: what the study is about.

    Raises:
        StudyError: the study was made with other settings than are asked for now, or by another
            program.
        ConfigurationError: the settings asked for cannot be.
    """
    fresh = _settings(StudySettings(stage), request)
    name = request.study or fresh.default_name()
    existing = _find(storage, name)
    if existing is None or study_settings.is_untouched(existing):
        return Resolution(name, fresh, created=True, taken_from=None)
    stored = study_settings.load(existing)
    if stored.stage != stage:
        raise StudyError(f"study '{name}' is about the {stored.stage}; choose another with --study")
    wanted = _settings(stored, request)
    differences = wanted.differences(stored)
    if not differences and not request.new:
        return Resolution(name, stored, created=False, taken_from=None)
    if request.new:
        return Resolution(_unused_name(storage, name), wanted, created=True, taken_from=name)
    raise StudyError(
        f"study '{name}' was made otherwise ({'; '.join(differences)}). Leave those options out "
        "to go on with it, name another study with --study, or start a fresh one that takes over "
        "the trials that fit with --new"
    )


def open_study(storage: BaseStorage, resolution: Resolution, store: ArtifactFolder) -> optuna.Study:
    """The study itself, created with its settings if need be."""
    settings = resolution.settings
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=resolution.name,
            direction=settings.direction,
            load_if_exists=not resolution.created or _find(storage, resolution.name) is not None,
        )
    except DuplicatedStudyError as error:
        raise StudyError(
            f"study '{resolution.name}' was created by another process just now; run this again"
        ) from error
    if not study_settings.is_ours(study):
        study_settings.store(study, settings)
        if resolution.taken_from is not None:
            study.set_user_attr(_TAKES_OVER, resolution.taken_from)
            study.set_user_attr(_MADE_FROM, resolution.taken_from)
    if study.user_attrs.get(_TAKES_OVER):
        _take_over(study, settings, store, study.user_attrs[_TAKES_OVER])
        study.set_user_attr(_TAKES_OVER, None)
    return study


def _settings(base: StudySettings, request: SearchRequest) -> StudySettings:
    """``base`` with all that the request names in place of its own."""
    budget = replace(
        base.budget,
        epochs=request.epochs if request.epochs is not None else base.budget.epochs,
        subset=request.subset if request.subset is not None else base.budget.subset,
        protocol=request.protocol or base.budget.protocol,
    )
    if budget.protocol == "paper" and (request.trials or request.more):
        raise ConfigurationError(
            "the paper's protocol validates on the test images, so nothing may be searched in it; "
            "give --trials 0 to run the paper's configurations alone"
        )
    seed = request.seed if request.seed is not None else base.seed
    narrowed = study_settings.with_space(base, dict(request.space))
    return replace(narrowed, budget=budget, seed=seed)


def made_from(study: optuna.Study) -> optuna.Study | None:
    """The study that this one was made from, if it is there and trained on the same images."""
    source = _find(study._storage, study.user_attrs.get(_MADE_FROM))
    if source is None:
        return None
    own, other = study_settings.load(study), study_settings.load(source)
    return source if own.is_comparable(other, ignore_epochs=True) else None


def taken_from(study: optuna.Study, trial: optuna.Trial) -> FrozenTrial | None:
    """The other study's trial whose result this one takes over as it is, if it is still there."""
    origin = trial.user_attrs.get(trials.TAKEN_FROM)
    source = _find(study._storage, origin["study"]) if origin else None
    if origin is None or source is None:
        return None
    if not study_settings.load(study).is_comparable(study_settings.load(source)):
        return None
    there = source.get_trials(deepcopy=False)
    return next((t for t in there if t.number == origin["trial"]), None)


def all_studies(storage: BaseStorage) -> list[optuna.Study]:
    """Every study in the storage, oldest first."""
    names = optuna.get_all_study_names(storage)
    return [optuna.load_study(study_name=name, storage=storage) for name in names]


def _take_over(
    study: optuna.Study, settings: StudySettings, store: ArtifactFolder, source_name: str
) -> None:
    """Queue what fits of another study; the search copies it, or goes on training it.

    With the same budget every searched result fits. With more epochs those fit whose training
    state was kept, if they had been trained to the end.
    """
    source = optuna.load_study(study_name=source_name, storage=study._storage)
    stored = study_settings.load(source)
    results = trials.searched_results(source.get_trials(deepcopy=False))
    if not settings.is_comparable(stored):
        more = settings.budget.epochs > stored.budget.epochs
        fits = more and settings.is_comparable(stored, ignore_epochs=True)
        ended = trials.completed(results) if fits else []
        results = [t for t in ended if weights.is_kept(store, source, t, weights.STATE)]
    space = settings.search_space()
    there = [t.user_attrs.get(trials.TAKEN_FROM) for t in study.get_trials(deepcopy=False)]
    for trial in results:
        origin = {"study": source_name, "trial": trial.number}
        if trials.SAME_AS in trial.user_attrs or origin in there:
            continue
        config = space.config_type.from_dict(trial.user_attrs[trials.CONFIG])
        if config in space:
            attrs = {trials.CONFIG: config.to_dict(), trials.TAKEN_FROM: origin}
            study.enqueue_trial(space.params(config), user_attrs=attrs)


def _find(storage: BaseStorage | None, name: str | None) -> optuna.Study | None:
    if storage is None or name is None:
        return None
    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return None


def _unused_name(storage: BaseStorage | None, name: str) -> str:
    return next(name for name in _numbered(name) if _find(storage, name) is None)


def _numbered(name: str) -> Iterator[str]:
    return (f"{name}-{number}" for number in count(2))
