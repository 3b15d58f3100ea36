"""Where a seed's training stands: a file beside the results that says what it was trained from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from spaces.errors import StudyError
from studies.engine.reuse import as_columns, from_columns
from studies.files import tensor_files
from studies.files.writing import write as write_file
from studies.final.results import FinalResult, differences
from studies.training.metrics import EpochMetrics


class FinalState(NamedTuple):
    """Where a seed's training was left."""

    tensors: dict[str, Tensor] | None = None
    """``Training.state_dict``; None: it begins."""
    history: tuple[EpochMetrics, ...] = ()
    left_aside: str = ""
    """Why a file that is there is not gone on from, in words."""


def path(folder: Path, seed: int) -> Path:
    """The file."""
    return folder / f"seed{seed}.state.safetensors"


def write(
    folder: Path,
    result: FinalResult,
    seed: int,
    tensors: Mapping[str, Tensor],
    history: list[EpochMetrics],
) -> None:
    """Store where the seed's training stands, in place of where it stood before."""
    header = {
        "epochs": json.dumps(as_columns(history)),
        "trained_from": json.dumps(_trained_from(result, seed)),
    }
    write_file(path(folder, seed), tensor_files.sealed(tensors, header))


def read(folder: Path, result: FinalResult, seed: int) -> FinalState:
    """What is there of the seed's training.

    Raises:
        StudyError: it is of another training.
    """
    file = path(folder, seed)
    try:
        tensors, header = tensor_files.read_sealed(file)
        history = from_columns(json.loads(header["epochs"]))
        trained_from: dict[str, Any] = json.loads(header["trained_from"])
    except FileNotFoundError:
        return FinalState()
    except tensor_files.DamagedError as error:
        return FinalState(left_aside=str(error))
    except (ValueError, KeyError, TypeError) as error:
        return FinalState(left_aside=f"{file} contains no state of a seed ({error})")
    unlike = differences(_trained_from(result, seed), trained_from)
    if unlike:
        raise StudyError(
            f"{file} is the state of another training ({unlike}); "
            "remove it, or name another folder with --out"
        )
    return FinalState(tensors, tuple(history))


def _trained_from(result: FinalResult, seed: int) -> dict[str, Any]:
    return {**result.identity(), "seed": seed}
