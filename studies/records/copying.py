"""Copying a study into another storage with its files, bit for bit.

``optuna.copy_study`` carries attributes and trials. It knows no files, a copy that is cut off has
the study's name, and notes keep the identities that trials had where they came from. So it is given
one moment of the study without its trials' notes, and a name that says that it is half copied. The
files come first, the notes next, the study's own name last.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import optuna
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
    if name != study.study_name:
        own = referring(study.study_name, name)
        moment = copied(moment, adapted=own)
    garbage.note_owner(target.artifacts, target.url)
    n_files, n_bytes = _carry(source.artifacts, target.artifacts, disk.ids_of(study), on_step)
    there = find_if_there(target.storage, name)
    if there is None:
        on_step("the trials")
        there = _write(moment, study, target, name)
    elif not _is_same(moment, there):
        raise StudyError(
            f"there is a different study '{name}' in {target.name}; give the copy a name with --as"
        )
    every = trials.of(moment)
    n_running = sum(trial.state == TrialState.RUNNING for trial in every)
    return Copied(there, len(every), n_files, n_bytes, n_running)


def _write(moment: optuna.Study, study: optuna.Study, target: Place, name: str) -> optuna.Study:
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
    for key, value in _notes(study, written).items():
        target.storage.set_study_system_attr(written._study_id, key, value)
    rename(target.storage, half, name)
    return optuna.load_study(study_name=name, storage=target.storage)


def _notes(study: optuna.Study, written: optuna.Study) -> dict[str, Any]:
    """What the study's attributes say of its trials, under the identities that the copies have."""
    new = {trial.number: trial._trial_id for trial in written.get_trials(deepcopy=False)}
    old = {trial._trial_id: trial.number for trial in study.get_trials(deepcopy=False)}
    found = {}
    for key, value in study._storage.get_study_system_attrs(study._study_id).items():
        if match := _OF_A_TRIAL.fullmatch(key):
            before, identity, after = match.groups()
            if (number := old.get(int(identity))) in new:
                found[f"{before}{new[number]}{after}"] = value
    return found


def _carry(
    source: ArtifactStore, target: ArtifactStore, ids: set[str], on_step: Callable[[str], None]
) -> tuple[int, int]:
    """Carry files that are not there yet under the same identifiers; how many, and their bytes."""
    if source.place == target.place:
        return 0, 0
    here, there = disk.sizes(source), disk.sizes(target)
    left = sorted(name for name in ids & here.keys() if there.get(name) != here[name])
    for done, name in enumerate(left):
        on_step(f"file {done + 1} of {len(left)}")
        with source.open_reader(name) as content:
            target.write(name, content)
    there = disk.sizes(target) if left else there
    if cut := [name for name in left if there.get(name) != here[name]]:
        raise FaultError(
            f"{len(cut)} of {len(left)} files did not arrive whole in {target.place}; type the "
            "same command again"
        )
    return len(left), sum(here[name] for name in left)


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
