"""Trials' weights as artifacts: safetensors files, kept for as long as they matter."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import optuna
import torch
from optuna.artifacts import upload_artifact
from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial
from safetensors.torch import load_file, save_file

from spaces.errors import StudyError
from studies import trials
from studies.storage import ArtifactFolder

ARTIFACTS_ATTR_PREFIX = "artifacts:"
"""Where Optuna and optuna-dashboard note a trial's artifacts among its system attributes."""

FILENAME = "weights.safetensors"

Keep = Literal["all", "none"] | int
"""Whose weights stay: all trials', none, or those of the paper's and of the best so many."""


def save(
    store: ArtifactFolder, trial: Trial, tensors: dict[str, torch.Tensor], config: dict[str, Any]
) -> None:
    """Put the trial's weights into the store, with its configuration in the file's header."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILENAME
        contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(contiguous, path, metadata={"config": json.dumps(config)})
        upload_artifact(
            artifact_store=store,
            file_path=str(path),
            study_or_trial=trial,
            mimetype="application/octet-stream",
        )


def load(store: ArtifactFolder, study: optuna.Study, trial: FrozenTrial) -> dict[str, torch.Tensor]:
    """The trial's weights.

    Raises:
        StudyError: they were not kept, or somebody removed them.
    """
    for artifact_id in artifact_ids(study, trial):
        path = store.folder / artifact_id
        if path.exists():
            return load_file(path)
    raise StudyError(
        f"the weights of trial {trial.number} of '{study.study_name}' were not kept; "
        "keep more with --keep-weights, or train the configuration again"
    )


def is_kept(store: ArtifactFolder, study: optuna.Study, trial: FrozenTrial) -> bool:
    """Whether the trial's weights are there."""
    return any((store.folder / name).exists() for name in artifact_ids(study, trial))


def is_wanted(study: optuna.Study, keep: Keep, trial: Trial, value: float | None) -> bool:
    """Whether a trial that ends now with ``value`` (None if pruned) gets its weights kept."""
    if isinstance(keep, str):
        return keep == "all"
    if value is None or trials.is_paper(trial):
        return value is not None
    better = trials.ranked(_searched(study), _direction(study))[:keep]
    sign = 1 if _direction(study) == "minimize" else -1
    return sum(sign * trials.value_of(t) <= sign * value for t in better) < keep


def drop_superseded(store: ArtifactFolder, study: optuna.Study, keep: Keep) -> None:
    """Remove the weights of searched trials that are no longer among the best ``keep``."""
    if isinstance(keep, str):
        return
    for trial in trials.ranked(_searched(study), _direction(study))[keep:]:
        discard(store, study, trial)


def discard(store: ArtifactFolder, study: optuna.Study, trial: FrozenTrial) -> None:
    """Remove the trial's weights; that they are gone already is no error."""
    for artifact_id in artifact_ids(study, trial):
        try:
            store.remove(artifact_id)
        except ArtifactNotFound:
            continue


def artifact_ids(study: optuna.Study, trial: FrozenTrial) -> Iterator[str]:
    """Identifiers of the trial's weights in the artifact store; deleted ones may be among them."""
    attrs = study._storage.get_trial_system_attrs(trial._trial_id)
    for key, text in attrs.items():
        # optuna-dashboard writes null over an artifact that it deletes, on which Optuna's own
        # get_all_artifact_meta fails, for the trial's other artifacts too.
        meta = json.loads(text) if key.startswith(ARTIFACTS_ATTR_PREFIX) else None
        if meta is not None and meta["filename"] == FILENAME:
            yield meta["artifact_id"]


def _searched(study: optuna.Study) -> list[FrozenTrial]:
    """Searched trials that own weights; a copy of another's result has none."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if not trials.is_paper(trial) and trials.SAME_AS not in trial.user_attrs
    ]


def _direction(study: optuna.Study) -> Literal["minimize", "maximize"]:
    return "maximize" if study.direction == StudyDirection.MAXIMIZE else "minimize"
