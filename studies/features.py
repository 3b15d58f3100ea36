"""What a frozen encoder makes of images: computed once, instead of in every epoch."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor, nn

from spaces.autoencoder import IMAGE_SIZE
from studies.data import Images
from studies.evaluation import BATCH
from studies.fast import accelerate_encoder
from studies.networks import scale_pixels

MAX_FILES = 4
"""Kept in the folder: two for each of two encoders, half a gigabyte for an encoder of the paper's
best shape."""


def encoded(encoder: nn.Sequential, images: Images, folder: Path | None) -> Images:
    """The images' latent maps, in evaluation mode, with the images' labels.

    Args:
        encoder: frozen.
        images: uint8.
        folder: keeps them in a file that all processes of the machine map; None keeps them in
            this process's memory, as does a folder that cannot be written.
    """
    encoder.eval()
    if folder is not None:
        try:
            return Images(_mapped(encoder, images, folder), images.labels)
        except OSError:  # no space, or no right to write: slower to begin with, no less right
            pass
    whole = torch.empty(len(images), *_shape(encoder))
    for rows, maps in zip(torch.split(whole, BATCH), _maps(encoder, images), strict=True):
        rows.copy_(maps)
    return Images(whole, images.labels)


def _mapped(encoder: nn.Sequential, images: Images, folder: Path) -> Tensor:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_identity(encoder, images)}.float32"
    shape = _shape(encoder)
    size = len(images) * shape.numel()
    with FileLock(path.with_suffix(".lock")):
        if not path.exists() or path.stat().st_size != 4 * size:
            partial = path.with_suffix(".partial")
            with partial.open("wb") as file:
                for maps in _maps(encoder, images):
                    file.write(maps.numpy().tobytes())
                file.flush()
                os.fsync(file.fileno())  # else a power cut can leave the name without the contents
            partial.replace(path)
            _drop_oldest(folder)
    return torch.from_file(str(path), size=size, dtype=torch.float32).view(-1, *shape)


def _drop_oldest(folder: Path) -> None:
    """Remove what was not made lately; who still maps such a file keeps its contents."""
    files = sorted(folder.glob("*.float32"), key=lambda file: file.stat().st_mtime)
    for file in files[:-MAX_FILES]:
        file.unlink(missing_ok=True)  # not its lock, which others may wait for


def _shape(encoder: nn.Sequential) -> torch.Size:
    """Of one image's latent map."""
    with torch.no_grad():
        shape: torch.Size = encoder(torch.zeros(1, 1, IMAGE_SIZE, IMAGE_SIZE)).shape[1:]
    return shape


def _maps(encoder: nn.Sequential, images: Images) -> Iterator[Tensor]:
    """A batch's latent maps at a time: held together they would scatter over the whole heap."""
    with torch.no_grad():
        encode = accelerate_encoder(encoder, torch.Generator())  # which nothing draws from here
    for batch in images.batches(BATCH):
        with torch.no_grad():
            maps = encode(scale_pixels(batch.pixels)).contiguous()
        yield maps


def _identity(encoder: nn.Sequential, images: Images) -> str:
    made_by = torch.__version__, torch.get_num_threads(), BATCH  # decide the last bits
    digest = hashlib.sha256(f"{encoder} {made_by}".encode())
    for tensor in encoder.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    digest.update(b"all" if images.rows is None else images.rows.numpy().tobytes())
    digest.update(str(len(images.stored)).encode())
    return digest.hexdigest()[:24]
