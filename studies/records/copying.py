"""Copying a study into another storage with its files, bit for bit.

``optuna.copy_study`` carries attributes and trials. It knows no files, a copy that is cut off has
the study's name, and notes keep the identities that trials had where they came from. So it is given
one moment of the study without its trials' notes, and a name that says that it is half copied. The
files come first, the notes next, the study's own name last.

Files keep their identifiers in another place. In the study's own place the copy has files of its
own under other ones, so that neither study drops or overwrites what the other needs.
"""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import optuna
from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.trial import FrozenTrial, TrialState

from spaces.errors import FaultError, StudyError
from studies.records import disk, garbage, trials
from studies.records.references import HALF_COPIED, find_if_there
from studies.records.renaming import referring, rename
from studies.storage.artifacts import ArtifactStore
from studies.storage.in_memory import copied
from studies.storage.place import Place

_OF_A_TRIAL = re.compile(r"(dashboard:(?:artifacts:)?)(\d+)(:.*)")
"""Names of a study's system attributes that belong to a trial, with its identity in the storage."""

_IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Of a file, in names and values of attributes."""


class Copied(NamedTuple):
    """What a copy came to."""

    study: optuna.Study
    n_trials: int
    n_files: int
    """That were carried now; others were there."""
    n_bytes: int
    n_running: int
    """Trials that ran meanwhile: in the copy they are stopped ones."""


def copy(
    source: Place,
    study: optuna.Study,
    target: Place,
    name: str,
    on_step: Callable[[str], None] = lambda _: None,
) -> Copied:
    """Copy a study; killed half-way, the same again ends it, and nothing is done twice.

    Args:
        source: where the study is.
        study: the study.
        target: where to, opened to write.
        name: of the copy; nobody else may be copying to it.
        on_step: told what comes next.

    Raises:
        StudyError: there is another study of that name.
        FaultError: the files cannot be written now.
    """
    moment = copied(study, lambda key: not _OF_A_TRIAL.fullmatch(key))
    ids = _new_ids(disk.ids_of(moment) | disk.ids_of(study), source, target, name)
    renamed = referring(study.study_name, name)
    moment = copied(moment, adapted=lambda key, value: _in_copy(ids, key, renamed(key, value)))
    there = find_if_there(target.storage, name)
    if there is not None and not _is_same(moment, there):
        raise StudyError(
            f"there is a different study '{name}' in {target.name}; give the copy a name with --as"
        )
    garbage.note_owner(target.artifacts, target.url)
    n_files, n_bytes = _carry(source.artifacts, target.artifacts, ids, on_step)
    if there is None:
        on_step("the trials")
        there = _write(moment, _notes(study, ids), target, name)
    every = trials.of(moment)
    n_running = sum(trial.state == TrialState.RUNNING for trial in every)
    return Copied(there, len(every), n_files, n_bytes, n_running)


def _new_ids(ids: set[str], source: Place, target: Place, name: str) -> dict[str, str]:
    """Under which identifiers the copy has the files; always the same ones for the same copy."""
    if source.artifacts.place != target.artifacts.place:
        return {each: each for each in ids}
    whose = f"{target.name} {name}"
    return {each: str(uuid.uuid5(uuid.NAMESPACE_OID, f"{whose} {each}")) for each in ids}


def _in_copy(ids: Mapping[str, str], key: str, value: Any) -> tuple[str, Any]:
    """An attribute's name and value with the files' identifiers in the copy."""

    def with_new(text: str) -> str:
        return _IDENTIFIER.sub(lambda found: ids.get(found[0], found[0]), text)

    return with_new(key), json.loads(with_new(json.dumps(value)))


def _write(
    moment: optuna.Study, notes: Mapping["_OfTrial", Any], target: Place, name: str
) -> optuna.Study:
    """Write all of a study but its files; its own name comes last."""
    half = f"{name}{HALF_COPIED}"
    if find_if_there(target.storage, half) is not None:
        optuna.delete_study(study_name=half, storage=target.storage)
    optuna.copy_study(
        from_study_name=moment.study_name,
        from_storage=moment._storage,
        to_storage=target.storage,
        to_study_name=half,
    )
    written = optuna.load_study(study_name=half, storage=target.storage)
    new = {trial.number: trial._trial_id for trial in written.get_trials(deepcopy=False)}
    for (before, number, after), value in notes.items():
        if number in new:
            key = f"{before}{new[number]}{after}"
            target.storage.set_study_system_attr(written._study_id, key, value)
    rename(target.storage, half, name)
    return optuna.load_study(study_name=name, storage=target.storage)


class _OfTrial(NamedTuple):
    """The name of an attribute of a study that belongs to one of its trials."""

    before: str
    number: int
    """The trial's, where the name has its identity in the storage."""
    after: str


def _notes(study: optuna.Study, ids: Mapping[str, str]) -> dict[_OfTrial, Any]:
    """What the study's attributes say of its trials, with the files' identifiers in the copy."""
    numbers = {trial._trial_id: trial.number for trial in study.get_trials(deepcopy=False)}
    found = {}
    for name, content in study._storage.get_study_system_attrs(study._study_id).items():
        key, value = _in_copy(ids, name, content)
        if match := _OF_A_TRIAL.fullmatch(key):
            before, identity, after = match.groups()
            if (number := numbers.get(int(identity))) is not None:
                found[_OfTrial(before, number, after)] = value
    return found


def _carry(
    source: ArtifactStore,
    target: ArtifactStore,
    ids: Mapping[str, str],
    on_step: Callable[[str], None],
) -> tuple[int, int]:
    """Carry files that are not there yet, each under its new identifier.

    What a search drops meanwhile is not there for the copy either.

    Returns:
        How many files, and their bytes.
    """
    here, there = disk.sizes(source), disk.sizes(target)
    left = sorted(old for old in ids.keys() & here.keys() if there.get(ids[old]) != here[old])
    carried = []
    for done, old in enumerate(left):
        on_step(f"file {done + 1} of {len(left)}")
        with suppress(ArtifactNotFound), source.open_reader(old) as content:
            target.write(ids[old], content)
            carried.append(old)
    there = disk.sizes(target) if left else there
    if cut := [old for old in carried if there.get(ids[old]) != here[old]]:
        raise FaultError(
            f"{len(cut)} of {len(left)} files did not arrive whole in {target.place}; type the "
            "same command again"
        )
    return len(carried), sum(here[old] for old in carried)


def _is_same(one: optuna.Study, other: optuna.Study) -> bool:
    """Whether two studies have the same settings and trials."""
    pairs = one.get_trials(deepcopy=False), other.get_trials(deepcopy=False)
    return (
        one.user_attrs == other.user_attrs
        and one.directions == other.directions
        and [_content(trial) for trial in pairs[0]] == [_content(trial) for trial in pairs[1]]
    )


def _content(trial: FrozenTrial) -> dict[str, Any]:
    """All of a trial but its identity in a storage."""
    return {name: value for name, value in vars(trial).items() if name != "_trial_id"}
