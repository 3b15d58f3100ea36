"""Tensors as safetensors files, which hold no code, read only as they were written.

A file's SHA-256 is kept with what the file belongs to. A state that is on its own keeps one in its
header, over all else that is in it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from spaces.bounded import read_bounded
from spaces.errors import StudyError
from spaces.recipe import MOST_PARAMETERS

_SEAL = "sha256"

MOST_BYTES = 20 * MOST_PARAMETERS
"""Of a file: a training's state has four numbers of four bytes for each weight."""


class DamagedError(StudyError):
    """A file of tensors is not what was written, or not readable."""


def to_bytes(tensors: Mapping[str, Tensor], header: dict[str, str] | None = None) -> bytes:
    """A file's content; ``header`` is text that goes into it."""
    return save({name: tensor.contiguous() for name, tensor in tensors.items()}, header)


def digest(content: bytes) -> str:
    """The content's SHA-256."""
    return hashlib.sha256(content).hexdigest()


def read(path: Path, whose: str, sha256: str | None) -> dict[str, Tensor]:
    """The tensors of a file.

    Args:
        path: the file.
        whose: it is, in words for an error.
        sha256: that it must have; None of files of earlier versions, which noted none.

    Raises:
        DamagedError: it cannot be read, or is another.
    """
    try:
        content = read_bounded(path, MOST_BYTES)
        if sha256 not in (None, digest(content)):
            raise ValueError("its SHA-256 is not the one that was noted when it was written")
        return load(content)
    except PermissionError:
        raise  # it may well be whole
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise DamagedError(
            f"the weights of {whose} in {path} are damaged ({error}); "
            "delete the file, and train the configuration again if they are needed"
        ) from error


def first_not_finite(weights: Mapping[str, Tensor]) -> str | None:
    """The name of weights that hold a NaN or an infinity, of which no network can be made."""
    # Of numbers of one byte PyTorch cannot tell; a float holds each of them.
    whole = ((name, t if t.itemsize > 1 else t.float()) for name, t in weights.items())
    return next((name for name, t in whole if not torch.isfinite(t).all()), None)


def check_finite(weights: Mapping[str, Tensor], whose: str) -> None:
    """Refuse weights of which no network can be made.

    Raises:
        DamagedError: one of them is NaN or infinite.
    """
    broken = first_not_finite(weights)
    if broken is not None:
        raise DamagedError(
            f"the weights of {whose} are not all finite numbers, {broken} is not; "
            "train the configuration again"
        )


def sealed(tensors: Mapping[str, Tensor], header: dict[str, str]) -> bytes:
    """A file's content that says itself whether it is whole."""
    return to_bytes(tensors, {**header, _SEAL: _seal(tensors, header)})


def read_sealed(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the header that :func:`sealed` got.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedError: it is not as it was written, or of an earlier version.
    """
    try:
        tensors = load(read_bounded(path, MOST_BYTES))
        with safe_open(path, "pt") as opened:
            header: dict[str, str] = dict(opened.metadata() or {})
    except (FileNotFoundError, PermissionError):
        raise
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise DamagedError(f"{path} is damaged ({error})") from error
    noted = header.pop(_SEAL, None)
    if noted is None:
        raise DamagedError(f"{path} is of an earlier version and does not say what it belongs to")
    if noted != _seal(tensors, header):
        raise DamagedError(f"{path} is damaged (its SHA-256 is not the one in its header)")
    return tensors, header


def _seal(tensors: Mapping[str, Tensor], header: dict[str, str]) -> str:
    return digest(json.dumps(header, sort_keys=True).encode() + to_bytes(tensors))
