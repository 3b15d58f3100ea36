"""Trials' weights and training states as artifacts, kept for as long as they matter.

Both are safetensors files, which hold no code. The weights are the network's; the state is all that
training needs to go on as if it had never stopped, three times as large with Adam. Each file's
SHA-256 is noted in the study with it, and compared whenever the file is read.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from optuna.trial import FrozenTrial, Trial, TrialState

from spaces.errors import StudyError
from studies.files import tensor_files
from studies.files.tensor_files import DamagedError
from studies.records import trials
from studies.records.open_study import OpenStudy, ReadStudy
from studies.records.request import Keep
from studies.storage.artifacts import ArtifactStore
from studies.storage.noted_files import Noted, listed, noted_file, put_file

FileName = Literal["weights.safetensors", "state.safetensors"]

WEIGHTS: FileName = "weights.safetensors"
STATE: FileName = "state.safetensors"

N_STATES = 3
"""Of how many of the best searched trials the state is kept, of those trained to the end, which
serve studies of more epochs, and of those pruned, which can be promoted, and of which no more
weights are kept either. Others are trained anew from the start where they are wanted, and come to
the same. A trial that rests keeps its state in any case."""

_SHA256 = "; sha256="
"""In the media type of files that earlier versions listed among a trial's artifacts."""
_Read = TypeVar("_Read")


def save(
    store: ArtifactStore,
    trial: Trial,
    tensors: dict[str, torch.Tensor],
    config: dict[str, Any],
    file: FileName = WEIGHTS,
) -> str:
    """Put the trial's weights or state into the store, in place of what it has of them there.

    Its configuration goes into the file's header.

    Returns:
        The artifact's identifier.

    Raises:
        FaultError: they cannot be written, as when the disk is full.
    """
    content = tensor_files.to_bytes(tensors, {"config": json.dumps(config)})
    return put_file(store, trial, file, content)


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
    direction, n_kept = read.settings.direction, _n_weights(keep, state)
    rivals = trials.ranked(_searched(read.trials()), direction, state)[:n_kept]
    own = trials.cost(value, direction)
    return sum(trials.cost(trials.value_of(t), direction) <= own for t in rivals) < n_kept


def drop_superseded(opened: OpenStudy, all_trials: list[FrozenTrial], keep: Keep) -> None:
    """Remove what is kept of the best alone from searched trials that no longer are.

    That is the weights of all but the best ``keep``, and the states of all but the best
    :data:`N_STATES`, if they do not rest and no other trial is to go on from there.
    """
    if isinstance(keep, str):
        return
    searched = _searched(all_trials)
    on_the_way = (t for t in all_trials if t.state in (TrialState.WAITING, TrialState.RUNNING))
    followed = trials.followed(on_the_way)
    superseded: list[str] = []
    for state in (TrialState.COMPLETE, TrialState.PRUNED):
        ranked = trials.ranked(searched, opened.settings.direction, state)
        for trial in ranked[_n_weights(keep, state) :]:
            superseded += artifact_ids(trial)
        for trial in ranked[min(keep, N_STATES) :]:
            if not (trials.is_resting(trial) or trial.number in followed):
                superseded += artifact_ids(trial, STATE)
    opened.store.discard(superseded)  # at once: a store that is asked for many looks what is there


def _n_weights(keep: int, state: TrialState) -> int:
    return keep if state == TrialState.COMPLETE else min(keep, N_STATES)


def discard(store: ArtifactStore, trial: FrozenTrial) -> None:
    """Remove the trial's weights and state; that they are gone already is no error."""
    store.discard(_files(trial))


def artifact_ids(trial: FrozenTrial, file: FileName = WEIGHTS) -> Iterator[str]:
    """Identifiers of the trial's weights or state in the store; deleted ones may be among them."""
    return (noted.artifact_id for noted in _noted(trial, file))


def _files(trial: FrozenTrial) -> list[str]:
    return [*artifact_ids(trial), *artifact_ids(trial, STATE)]


def _noted(trial: FrozenTrial, file: FileName) -> Iterator[Noted]:
    """Oldest first; earlier versions listed each checkpoint among the trial's artifacts."""
    for each in listed(trial.system_attrs):
        if each["filename"] == file:
            yield Noted(each["artifact_id"], each["mimetype"].partition(_SHA256)[2] or None)
    if (noted := noted_file(trial.system_attrs, file)) is not None:
        yield noted


def _searched(all_trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Searched trials that own files; a copy of a result has none."""
    return [
        trial
        for trial in all_trials
        if not trials.is_paper(trial) and trials.SAME_AS not in trial.user_attrs
    ]
