"""Studies and trials by the names that people give them: ``ae``, ``ae#12``.

``ae`` and ``clf`` name the newest study of their stage where none is called so, since studies with
a budget or space of their own have longer names.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from spaces.errors import StudyError
from spaces.space import Configuration
from spaces.stages import STAGES, Stage
from studies.records import attributes, reading, trials
from studies.records import settings as study_settings
from studies.records.open_study import OpenStudy, ReadStudy
from studies.records.settings import StudySettings
from studies.storage.place import Place

HALF_COPIED = " (half copied)"
"""Ends the name of a study that is being copied, or whose copying was cut off."""


class StudyTrial(NamedTuple):
    """A finished trial, and the study that it is of."""

    study: OpenStudy
    trial: FrozenTrial


def all_studies(storage: BaseStorage) -> list[optuna.Study]:
    """Every study in the storage, oldest first."""
    names = optuna.get_all_study_names(storage)
    return [optuna.load_study(study_name=name, storage=storage) for name in names]


def find_if_there(storage: BaseStorage, name: str | None) -> optuna.Study | None:
    """The study of exactly that name; None where there is none."""
    if name is None:
        return None
    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return None


def find_study(storage: BaseStorage, name: str) -> optuna.Study:
    """The study of that name in the storage, as :func:`pick` finds it.

    Raises:
        StudyError: there is none, or it cannot be read.
    """
    study = _named(storage, name)
    if study_settings.is_ours(study):
        reading.check(study)
    return study


class Meant(NamedTuple):
    """What a reference means: its exact form, and why where a stage's name stands in it."""

    reference: str
    why: str = ""


def meant(storage: BaseStorage, reference: str) -> Meant:
    """The exact form of ``ae`` or ``ae#12``: with the name that the study has.

    Raises:
        StudyError: there is no such study.
    """
    name, number = _split(reference, storage)
    if find_if_there(storage, name) is not None:
        return Meant(reference)
    studies = all_studies(storage)
    exact, n_rivals = pick(studies, name).study_name, len(_of_stage(studies, name))
    which = "the only study" if n_rivals == 1 else f"the newest of {n_rivals} studies"
    of = next(stage.name for stage in STAGES.values() if stage.short == name)
    why = f"{name} means {exact}, {which} of the {of}"
    return Meant(exact if number is None else f"{exact}#{number}", why)


def pick(studies: Sequence[optuna.Study], name: str) -> optuna.Study:
    """The study of that name, else the newest one of the stage of that name.

    Args:
        studies: oldest first.
        name: a study's, or ``ae`` or ``clf``.

    Raises:
        StudyError: there is none; names the nearest one, or those there are.
    """
    by_name = {study.study_name: study for study in studies}
    if name in by_name:
        return by_name[name]
    if of_stage := _of_stage(studies, name):
        return of_stage[-1]
    stages = [stage.short for stage in STAGES.values() if _of_stage(studies, stage.short)]
    near = get_close_matches(name, [*by_name, *stages], n=1)
    there = f"there are: {', '.join(by_name)}" if by_name else "there are no studies yet"
    hint = f"did you mean '{near[0]}'?" if near else there
    raise StudyError(f"no study '{name}'; {hint}")


def find_trial(place: Place, reference: str) -> StudyTrial:
    """The trial that ``study#12`` names; of ``study`` alone the best that was trained to the end.

    A trial that took its result from another of its study means that other one, which has the
    weights.

    Raises:
        StudyError: there is no such study or trial, or the trial has not finished.
    """
    name, number = _split(reference, place.storage)
    opened = OpenStudy.at(_named(place.storage, name), place.artifacts)
    return StudyTrial(opened, _best(opened, name) if number is None else _finished(opened, number))


def find_study_or_trial(place: Place, reference: str) -> tuple[OpenStudy, FrozenTrial | None]:
    """The study that a reference names, and the trial where it names one, whatever became of it.

    Raises:
        StudyError: there is no such study or trial.
    """
    name, number = _split(reference, place.storage)
    opened = OpenStudy.at(_named(place.storage, name), place.artifacts)
    return opened, None if number is None else _known(opened, number)


def configuration_of(storage: BaseStorage, reference: str) -> tuple[Stage, Configuration]:
    """The stage and the configuration of the trial ``study#12``, whatever became of it.

    Raises:
        StudyError: there is no such study or trial, or it had no configuration yet.
    """
    name, number = _split(reference, storage)
    read = ReadStudy.of(_named(storage, name))
    trial = _best(read, name) if number is None else _known(read, number)
    if trials.CONFIG not in attributes.of(trial):
        raise StudyError(f"trial {number} of '{name}' ended before it had a configuration")
    return read.settings.stage_record(), read.config_of(trial)


def names_a_study(storage: BaseStorage, reference: str) -> bool:
    """Whether a study has exactly that name, or that before ``#`` and a trial's number."""
    names = optuna.get_all_study_names(storage)
    name, _, number = reference.rpartition("#")
    return reference in names or (number.isdecimal() and name in names)


def names_a_trial(storage: BaseStorage, reference: str) -> bool:
    """Whether it says which trial, as ``study#12`` does; ``study`` alone leaves that to values."""
    return _split(reference, storage)[1] is not None


def _named(storage: BaseStorage, name: str) -> optuna.Study:
    return find_if_there(storage, name) or pick(all_studies(storage), name)


def _best(read: ReadStudy, name: str) -> FrozenTrial:
    best = read.best()
    if best is None:
        raise StudyError(f"no trial of study '{name}' has been trained to the end yet")
    return best


def _of_stage(studies: Sequence[optuna.Study], short: str) -> list[optuna.Study]:
    """The studies that search the stage of that name; where there are none, its others."""
    whole = (study for study in studies if not study.study_name.endswith(HALF_COPIED))
    own = [(study, settings) for study in whole if (settings := _settings(study))]
    of = [(study, s) for study, s in own if s.stage_record().short == short]
    searches = [study for study, settings in of if settings.budget.protocol == "search"]
    return searches or [study for study, _ in of]


def _settings(study: optuna.Study) -> StudySettings | None:
    try:
        return study_settings.load(study)
    except StudyError:  # another program's, or another version's
        return None


def _split(reference: str, storage: BaseStorage) -> tuple[str, int | None]:
    """The study's name, which may hold a # itself, and the trial's number if there is one."""
    name, _, number = reference.rpartition("#")
    if not name or reference in optuna.get_all_study_names(storage):
        return reference, None
    if not number.isdecimal():
        raise StudyError(
            f"'{reference}' does not name a trial; write its study's name, # and its number"
        )
    return name, int(number)


def _known(read: ReadStudy, number: int) -> FrozenTrial:
    known = {trial.number: trial for trial in read.trials()}
    if number not in known:
        last = f"the last is {max(known)}" if known else "it has none"
        raise StudyError(f"study '{read.name}' has no trial {number}; {last}")
    return known[number]


def _finished(read: ReadStudy, number: int) -> FrozenTrial:
    trial = _known(read, number)
    if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
        raise StudyError(
            f"trial {number} of '{read.name}' left no model, "
            f"its state is {trial.state.name}; name one that was completed or pruned"
        )
    return _known(read, int(trial.user_attrs.get(trials.SAME_AS, number)))
