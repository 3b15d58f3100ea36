"""What a study has in its place of artifacts, and how much of the disk that takes, by kind."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal, NamedTuple

import optuna
from optuna.storages import BaseStorage

from spaces.errors import StudyError
from studies.records import encoders, reading, weights
from studies.records.references import all_studies
from studies.records.settings import is_ours
from studies.storage.artifacts import ArtifactStore
from studies.storage.noted_files import artifact_ids, listed, noted_file

Kind = Literal["weights", "states", "pictures"]


class NotedFile(NamedTuple):
    """A file as an attribute names it; it can be gone."""

    artifact_id: str
    name: str
    """What a person knows it by, such as ``weights.safetensors``; empty where that is not known."""

    @property
    def kind(self) -> Kind:
        """What it is, by its name."""
        if self.name == weights.STATE:
            return "states"
        return "weights" if self.name in (weights.WEIGHTS, encoders.FILE) else "pictures"


class Usage(NamedTuple):
    """Bytes by kind."""

    weights: int = 0
    states: int = 0
    pictures: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self)

    def plus(self, other: "Usage") -> "Usage":
        """Both together."""
        return Usage(*(one + another for one, another in zip(self, other, strict=True)))


def noted(attrs: dict[str, Any]) -> list[NotedFile]:
    """Files that the system attributes of a study or a trial name; they must be well-formed."""
    names = {each["artifact_id"]: each["filename"] for each in listed(attrs)}
    for name in (weights.WEIGHTS, weights.STATE):
        if file := noted_file(attrs, name):
            names[file.artifact_id] = name
    return [NotedFile(each, names.get(each, "")) for each in artifact_ids(attrs)]


def ids_of(study: optuna.Study) -> set[str]:
    """Identifiers of all files that a study and its trials name, whoever made it."""
    found = set(artifact_ids(_attrs(study)))
    if encoder := encoders.artifact_id(study):
        found.add(encoder)
    return found.union(*(artifact_ids(t.system_attrs) for t in study.get_trials(deepcopy=False)))


def usage(study: optuna.Study, there: Mapping[str, int]) -> Usage:
    """What a study takes.

    Args:
        study: one that can be read.
        there: what :func:`sizes` says of the place of its artifacts.
    """
    files = {file.artifact_id: file for file in noted(_attrs(study))}
    if encoder := encoders.artifact_id(study):
        files[encoder] = NotedFile(encoder, encoders.FILE)
    for trial in study.get_trials(deepcopy=False):
        files |= {file.artifact_id: file for file in noted(trial.system_attrs)}
    by_kind = dict.fromkeys(Usage._fields, 0)
    for file in files.values():
        by_kind[file.kind] += there.get(file.artifact_id, 0)
    return Usage(**by_kind)


def usages(storage: BaseStorage, there: Mapping[str, int]) -> dict[str, Usage]:
    """What each study of this program takes, by name; nothing is known of one that is damaged."""
    found = {}
    for study in filter(is_ours, all_studies(storage)):
        with suppress(StudyError):
            reading.check(study)
            found[study.study_name] = usage(study, there)
    return found


def sizes(store: ArtifactStore) -> dict[str, int]:
    """Bytes of each artifact that is there, by identifier; the place is asked once."""
    return {stored.name: stored.n_bytes for stored in store.stored()}


def _attrs(study: optuna.Study) -> dict[str, Any]:
    return study._storage.get_study_system_attrs(study._study_id)
