"""Trials' weights and training states as artifacts, kept for as long as they matter.

Both are safetensors files, which hold no code. The weights are the network's; the state is what
else training needs to go on as if it had never stopped. Each file's SHA-256 is noted in the study
with it, as a parameter of its media type, and compared whenever the file is read.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import torch
from optuna.trial import FrozenTrial, Trial, TrialState

from spaces.errors import StudyError
from studies.files import tensor_files
from studies.files.tensor_files import DamagedError
from studies.records import trials
from studies.records.open_study import OpenStudy, ReadStudy
from studies.records.request import Keep
from studies.storage.artifacts import ARTIFACTS_ATTR_PREFIX, ArtifactStore, put

FileName = Literal["weights.safetensors", "state.safetensors"]

WEIGHTS: FileName = "weights.safetensors"
STATE: FileName = "state.safetensors"

_MEDIA_TYPE = "application/octet-stream"
_SHA256 = "; sha256="
_Read = TypeVar("_Read")


class Noted(NamedTuple):
    """What a study notes of a file."""

    artifact_id: str
    sha256: str | None
    """None of files that an earlier version wrote."""


def save(
    store: ArtifactStore,
    trial: Trial,
    tensors: dict[str, torch.Tensor],
    config: dict[str, Any],
    file: FileName = WEIGHTS,
) -> str:
    """Put the trial's weights or state into the store, its configuration in the file's header.

    Returns:
        The artifact's identifier.

    Raises:
        FaultError: they cannot be written, as when the disk is full.
    """
    content = tensor_files.to_bytes(tensors, {"config": json.dumps(config)})
    noted = f"{_MEDIA_TYPE}{_SHA256}{tensor_files.digest(content)}"
    return put(store, trial, file, content, noted)


def load(
    opened: OpenStudy, trial: FrozenTrial, file: FileName = WEIGHTS
) -> dict[str, torch.Tensor]:
    """The trial's weights, or its state.

    Raises:
        DamagedError: the file is not as it was written, or weights are not finite.
        StudyError: they were not kept, or somebody removed them.
    """
    whose = f"trial {trial.number} of '{opened.name}'"
    noted = kept(opened.store, trial, file)
    if noted is None:
        raise StudyError(
            f"the weights of {whose} were not kept; "
            "keep more with --keep-weights, or train it again: "
            f"fmnist-search train '{opened.name}#{trial.number}' --repeat"
        )
    tensors = read(
        opened.store, noted.artifact_id, lambda path: tensor_files.read(path, whose, noted.sha256)
    )
    if file == WEIGHTS:
        tensor_files.check_finite(tensors, whose)
    return tensors


def read(store: ArtifactStore, artifact_id: str, parse: Callable[[Path], _Read]) -> _Read:
    """What ``parse`` makes of a file; if this machine's copy of it is damaged, of a new one.

    Raises:
        DamagedError: as ``parse`` says.
    """
    try:
        return parse(store.path(artifact_id))
    except DamagedError:
        if not store.drop_copy(artifact_id):
            raise
        return parse(store.path(artifact_id))


def kept(store: ArtifactStore, trial: FrozenTrial, file: FileName = WEIGHTS) -> Noted | None:
    """What is noted of the trial's weights, or its state, that are there; None if they are not."""
    newest_first = reversed(list(_noted(trial, file)))
    return next((noted for noted in newest_first if store.has(noted.artifact_id)), None)


def is_kept(store: ArtifactStore, trial: FrozenTrial, file: FileName = WEIGHTS) -> bool:
    """Whether the trial's weights, or its state, are there."""
    return kept(store, trial, file) is not None


def is_wanted(read: ReadStudy, keep: Keep, trial: Trial, value: float, state: TrialState) -> bool:
    """Whether a trial that ends now in ``state``, complete or pruned, has its files kept."""
    if isinstance(keep, str):
        return keep == "all"
    if trials.is_paper(trial):
        return True
    direction = read.settings.direction
    rivals = trials.ranked(_searched(read.trials()), direction, state)[:keep]
    own = trials.cost(value, direction)
    return sum(trials.cost(trials.value_of(t), direction) <= own for t in rivals) < keep


def drop_superseded(opened: OpenStudy, all_trials: list[FrozenTrial], keep: Keep) -> None:
    """Remove the files of searched trials that are no longer among the best ``keep``."""
    if isinstance(keep, str):
        return
    searched = _searched(all_trials)
    superseded = [
        trial
        for state in (TrialState.COMPLETE, TrialState.PRUNED)
        for trial in trials.ranked(searched, opened.settings.direction, state)[keep:]
    ]
    opened.store.discard(name for trial in superseded for name in _files(trial))


def discard(store: ArtifactStore, trial: FrozenTrial) -> None:
    """Remove the trial's weights and state; that they are gone already is no error."""
    store.discard(_files(trial))


def artifact_ids(trial: FrozenTrial, file: FileName = WEIGHTS) -> Iterator[str]:
    """Identifiers of the trial's weights or state in the store; deleted ones may be among them."""
    return (noted.artifact_id for noted in _noted(trial, file))


def _files(trial: FrozenTrial) -> list[str]:
    return [*artifact_ids(trial), *artifact_ids(trial, STATE)]


def _noted(trial: FrozenTrial, file: FileName) -> Iterator[Noted]:
    for key, text in trial.system_attrs.items():
        # optuna-dashboard writes null over an artifact that it deletes, on which Optuna's own
        # get_all_artifact_meta fails, for the trial's other artifacts too.
        meta = json.loads(text) if key.startswith(ARTIFACTS_ATTR_PREFIX) else None
        if meta is not None and meta["filename"] == file:
            yield Noted(meta["artifact_id"], meta["mimetype"].partition(_SHA256)[2] or None)


def _searched(all_trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Searched trials that own files; a copy of a result has none."""
    return [
        trial
        for trial in all_trials
        if not trials.is_paper(trial) and trials.SAME_AS not in trial.user_attrs
    ]
