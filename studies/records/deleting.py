"""Deleting a study with the files that it alone has."""

from typing import NamedTuple

import optuna

from spaces.errors import StudyError
from studies.records import disk, garbage
from studies.records.references import all_studies
from studies.records.taking_over import TAKES_OVER
from studies.storage.place import Place


class Doomed(NamedTuple):
    """What goes with a study."""

    study: optuna.Study
    n_trials: int
    files: frozenset[str]
    """Identifiers of the files that are there, and that no other study has."""
    n_bytes: int
    """Of them."""
    others: tuple[str, ...]
    """Other databases with files in the same place, for whose sake all files stay."""


def doomed(place: Place, study: optuna.Study) -> Doomed:
    """What deleting a study would do; changes nothing.

    Raises:
        StudyError: another study still has to take over its trials.
    """
    beside = [each for each in all_studies(place.storage) if each.study_name != study.study_name]
    for other in beside:
        if other.user_attrs.get(TAKES_OVER) == study.study_name:
            raise StudyError(
                f"study '{other.study_name}' still has to take over trials of "
                f"'{study.study_name}'; resume it once, or delete it first"
            )
    others = tuple(garbage.other_owners(place.artifacts, [place.url]))
    there = {} if others else disk.sizes(place.artifacts)
    files = disk.ids_of(study) & there.keys() - set().union(*map(disk.ids_of, beside))
    n_bytes = sum(there[name] for name in files)
    return Doomed(study, len(study.get_trials(deepcopy=False)), frozenset(files), n_bytes, others)


def delete(place: Place, doom: Doomed) -> None:
    """Delete a study that nobody runs, its files first: a repeated command ends it."""
    place.artifacts.discard(doom.files)
    optuna.delete_study(study_name=doom.study.study_name, storage=place.storage)
