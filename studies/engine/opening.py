"""Opening the study a run asks for: created, resumed, or refused as its options were others."""

from contextlib import suppress
from dataclasses import replace
from itertools import chain, count
from typing import NamedTuple

import optuna
from optuna.storages import BaseStorage

from spaces.classifier import PAPER_ENCODER
from spaces.errors import ConfigurationError, StudyError
from spaces.stages import CLASSIFIER, Stage
from studies.engine.samplers import MAX_GRID, n_grid_points
from studies.records import encoders, reading
from studies.records import settings as study_settings
from studies.records.encoders import Encoder
from studies.records.open_study import OpenStudy
from studies.records.references import find_if_there
from studies.records.request import SearchRequest
from studies.records.runs import ENDED
from studies.records.settings import EncoderOrigin, StudySettings
from studies.records.taking_over import MADE_FROM, TAKES_OVER, take_over
from studies.storage.place import Place

_BEFORE_SETTINGS = frozenset({encoders.FILE_ATTR, TAKES_OVER, MADE_FROM})
"""Attributes that a new study has before its settings, which come last and make it ours."""


class Resolution(NamedTuple):
    """Which study a run is about."""

    name: str
    settings: StudySettings
    encoder: Encoder | None = None
    """What a new study of classifiers starts from."""
    made_from: str | None = None
    """Name of the study whose fitting trials a new one takes over."""


def resolve(place: Place, request: SearchRequest, stage: Stage) -> Resolution:
    """Find out which study the request means, and whether it fits; writes nothing.

    Options that the request leaves out are as the study was made.

    Raises:
        StudyError: the study was made with other settings than are asked for now, or by another
            program.
        ConfigurationError: the settings asked for cannot be.
    """
    name = request.study or _settings(_plain(stage, request), request).default_name()
    existing = find_if_there(place.storage, name)
    if existing is None or is_untouched(existing):
        if request.new:
            raise StudyError(
                f"there is no study '{name}' that --new could start from; name it with --study"
            )
        fresh = _settings(_plain(stage, request), request)
        _check_run(fresh, request)
        return Resolution(name, *_with_encoder(fresh, place, request))
    stored = reading.check(existing)
    if stored.stage != stage.name:
        raise StudyError(
            f"study '{name}' is a study of the {stored.stage}; choose another with --study"
        )
    wanted, encoder = _settings(stored, request), None
    if request.new or _names_another(request.encoder, stored):
        request = replace(request, encoder=request.encoder or _source_of(stored))
        wanted, encoder = _with_encoder(wanted, place, request)
    _check_run(wanted, request)
    if request.new:
        return Resolution(_new_name(place.storage, name, wanted), wanted, encoder, name)
    differences = wanted.differences(stored)
    if not differences:
        return Resolution(name, stored)
    raise StudyError(
        f"study '{name}' was made with other options ({'; '.join(differences)}). Leave those "
        "options out to go on with it, name another study with --study, or start a fresh one that "
        "takes over the trials that fit with --new"
    )


def over_encoder(
    storage: BaseStorage, request: SearchRequest, autoencoders: str, trial: int | None = None
) -> SearchRequest:
    """The request for classifiers over a study's autoencoder, in a study that is not over another.

    A study is named after its budget, and not after its encoder, so the usual name may be taken.

    Args:
        storage: where the studies are.
        request: of classifiers; names neither study nor encoder.
        autoencoders: the study of autoencoders.
        trial: number of the trial whose encoder is meant; None for any that classifiers have begun
            with, else the best.
    """
    usual = _settings(_plain(CLASSIFIER, request), request).default_name()
    budget = usual.removeprefix(CLASSIFIER.short)
    is_said = autoencoders.endswith(budget)
    own = f"{CLASSIFIER.short if is_said else usual}-{autoencoders}"
    names = chain([usual, own], (f"{own}-{number}" for number in count(2)))
    for name in names:
        named = replace(request, study=None if name == usual else name)
        there = find_if_there(storage, name)
        if there is None or is_untouched(there):
            return replace(named, encoder=autoencoders)
        with suppress(StudyError):  # another program's, or a newer version's
            origin = study_settings.load(there).encoder
            if origin and origin.study == autoencoders and trial in (None, origin.trial):
                return named
    raise AssertionError("there is no end of names")


def open_study(place: Place, resolution: Resolution) -> OpenStudy:
    """The study itself, created with its settings if need be."""
    name, settings, encoder, made_from = resolution
    study = optuna.create_study(
        storage=place.storage,
        study_name=name,
        directions=settings.directions(),
        load_if_exists=True,
    )
    if not study_settings.is_ours(study):
        if [direction.name.lower() for direction in study.directions] != settings.directions():
            raise StudyError(
                f"study '{name}' is empty and was made for other directions; delete it, "
                "or choose another name with --study"
            )
        if encoder is not None:
            encoders.keep(study, place.artifacts, encoder)
        if made_from is not None:
            study.set_user_attr(TAKES_OVER, made_from)
            study.set_user_attr(MADE_FROM, made_from)
        study_settings.write(study, settings)
    opened = OpenStudy(study, settings, place.artifacts)
    take_over(opened)
    return opened


def is_untouched(study: optuna.Study) -> bool:
    """Whether the study was only just created, by a process that then died."""
    has_no_more = study.user_attrs.keys() <= _BEFORE_SETTINGS
    return has_no_more and not study.get_trials(deepcopy=False)


def _plain(stage: Stage, request: SearchRequest) -> StudySettings:
    """A new study's settings, but for what ``_settings`` and ``_with_encoder`` put in."""
    metric = next(iter(stage.metrics.values()))
    origin = EncoderOrigin(request.encoder or "best", sha256="", config=PAPER_ENCODER)
    encoder = origin if stage.name == "classifier" else None
    return StudySettings(stage.name, metric=metric.key, direction=metric.direction, encoder=encoder)


def _with_encoder(
    settings: StudySettings, place: Place, request: SearchRequest
) -> tuple[StudySettings, Encoder | None]:
    if settings.stage != "classifier":
        return settings, None
    if settings.searches_encoder:
        encoder = encoders.of_any_shape(request.encoder)
    else:
        encoder = encoders.find(place, request.encoder, settings.budget)
    return replace(settings, encoder=encoder.origin), encoder


def _source_of(stored: StudySettings) -> str | None:
    """What ``--encoder`` would say for a study of classifiers that starts as this one does."""
    if stored.encoder is None or stored.encoder.source == "best":
        return None
    source = stored.encoder.source
    if source.endswith("/"):
        raise ConfigurationError(
            f"the study's encoder came from the exported folder {source}; name it with --encoder"
        )
    return source


def _new_name(storage: BaseStorage, name: str, wanted: StudySettings) -> str:
    """The first that is free, or is the study that the same command made before it was stopped."""

    def is_it(study: optuna.Study | None) -> bool:
        if study is None or is_untouched(study):
            return True
        is_begun = study.user_attrs.get(MADE_FROM) == name and ENDED not in study.user_attrs
        return is_begun and not wanted.differences(study_settings.load(study))

    numbered = (f"{name}-{number}" for number in count(2))
    return next(new for new in numbered if is_it(find_if_there(storage, new)))


def _names_another(encoder: str | None, stored: StudySettings) -> bool:
    """Whether ``--encoder`` says something else than when the study was made.

    What the same words mean may have changed since; the study goes on with its own encoder. One
    that nobody named is noted as ``best``, which may also be a folder's or a study's name.
    """
    source = stored.encoder and stored.encoder.source
    return encoder is not None and (source == "best" or encoder != source)


def _settings(base: StudySettings, request: SearchRequest) -> StudySettings:
    """``base`` with all that the request names in place of its own."""
    wanted = base.with_asked(request)
    is_paper = wanted.budget.protocol == "paper"
    if is_paper and (request.trials or request.more or request.enqueue):
        raise ConfigurationError(
            "the paper's protocol validates on the test images, so nothing may be searched in it; "
            "give --trials 0 and no --enqueue to run the paper's configurations alone"
        )
    return wanted


def _check_run(settings: StudySettings, request: SearchRequest) -> None:
    """Refuse a run whose sampler cannot do with the space, or that would stop never or at once."""
    if request.target is not None:
        metrics = settings.stage_record().metrics.values()
        next(m for m in metrics if m.key == settings.metric).check_target(request.target)
    n_points = n_grid_points(settings.search_space()) if request.sampler == "grid" else 0
    if n_points > MAX_GRID:
        raise ConfigurationError(
            f"sampler grid would list all {n_points:,} points of the space, and takes {MAX_GRID:,} "
            "at most; narrow the space, or choose another --sampler, such as tpe, random or qmc"
        )
