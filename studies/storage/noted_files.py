"""Files in a place of artifacts, and where those that they belong to note them.

Optuna's list of a trial's artifacts can only grow, and is closed when the trial ends. It therefore
names what stays, the pictures, of which one that is made again takes the place of the one before.
Files that are replaced while a trial runs, or dropped after it, are noted by their names in
attributes of our own, so that nobody is shown a file that is gone.
"""

import hashlib
import io
import json
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from optuna import Study, Trial
from optuna.artifacts import upload_artifact

from studies.files import temporary
from studies.storage.artifacts import ArtifactStore, cannot_write

ARTIFACTS_ATTR_PREFIX = "artifacts:"
"""Where Optuna and optuna-dashboard note a trial's artifacts among its system attributes."""

FILE_ATTR_PREFIX = "fmnist-search:file:"
"""Where a trial's replaceable files are noted among its system attributes, by their names."""

_ARTIFACT_PREFIXES = (ARTIFACTS_ATTR_PREFIX, f"dashboard:{ARTIFACTS_ATTR_PREFIX}")
"""Of attributes that name artifacts: Optuna's, and optuna-dashboard's own of earlier versions."""


class Noted(NamedTuple):
    """What a trial notes of a file."""

    artifact_id: str
    sha256: str | None
    """None of files that an earlier version wrote."""


def put(store: ArtifactStore, owner: Study | Trial, name: str, content: bytes) -> str:
    """Put an artifact into the store, in place of the owner's one of that name if there is one.

    Args:
        store: where to.
        owner: a study, or a running trial, as Optuna takes no artifacts for finished ones.
        name: of the file, which tells its media type.
        content: of the file.

    Returns:
        The artifact's identifier.

    Raises:
        FaultError: it cannot be written, as when the disk is full.
    """
    for each in listed(_system_attrs(owner)):
        if each["filename"] == name:
            store.write(each["artifact_id"], io.BytesIO(content))
            return str(each["artifact_id"])
    with temporary.folder() as folder:
        path = folder / name
        try:
            path.write_bytes(content)
        except OSError as error:
            raise cannot_write(Path(tempfile.gettempdir()), error) from error
        return upload_artifact(artifact_store=store, file_path=str(path), study_or_trial=owner)


def put_file(store: ArtifactStore, trial: Trial, name: str, content: bytes) -> str:
    """Put a file of a running trial into the store, in place of its one of that name.

    Killed at any moment, the trial has one of the two whole, with its sum; what it has not goes
    with ``fmnist-search gc``.

    Returns:
        The new file's identifier in the store.

    Raises:
        FaultError: it cannot be written, as when the disk is full; the trial has the one before.
    """
    key, before = f"{FILE_ATTR_PREFIX}{name}", noted_file(_system_attrs(trial), name)
    noted = Noted(str(uuid.uuid4()), hashlib.sha256(content).hexdigest())
    store.write(noted.artifact_id, io.BytesIO(content))
    trial.storage.set_trial_system_attr(trial._trial_id, key, noted._asdict())
    if before is not None:
        store.discard([before.artifact_id])
    return noted.artifact_id


def noted_file(attrs: dict[str, Any], name: str) -> Noted | None:
    """What a trial's system attributes note of its file of that name; it may be gone."""
    noted = attrs.get(f"{FILE_ATTR_PREFIX}{name}")
    return None if noted is None else Noted(**noted)


def listed(attrs: dict[str, Any]) -> Iterator[dict[str, str]]:
    """A trial's artifacts as Optuna describes them in its system attributes, or a study's."""
    for key, text in attrs.items():
        # optuna-dashboard writes null over an artifact that it deletes, on which Optuna's own
        # get_all_artifact_meta fails, for the trial's other artifacts too.
        if key.startswith(ARTIFACTS_ATTR_PREFIX) and (described := json.loads(text)) is not None:
            yield described


def artifact_ids(attrs: dict[str, Any]) -> Iterator[str]:
    """Identifiers of all artifacts that anybody's system attributes refer to, whoever wrote them.

    A browser writes null over those that it deletes.
    """
    for key, value in attrs.items():
        if key.startswith(_ARTIFACT_PREFIXES) and value != "null":
            yield key.rpartition(":")[2]
        elif key.startswith(FILE_ATTR_PREFIX) and isinstance(value, dict):
            yield str(value.get("artifact_id"))


def _system_attrs(owner: Study | Trial) -> dict[str, Any]:
    if isinstance(owner, Trial):
        return owner.storage.get_trial_system_attrs(owner._trial_id)
    return owner._storage.get_study_system_attrs(owner._study_id)
