"""What a frozen encoder makes of images: computed once, instead of in every epoch."""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from spaces.autoencoder import IMAGE_SIZE
from studies.data.images import Images
from studies.files.writing import replacing, write
from studies.networks.evaluation import BATCH
from studies.networks.fast import accelerate_encoder
from studies.networks.plain import scale_pixels

MAX_FILES = 4
"""Kept in the folder: two for each of two encoders, half a gigabyte for an encoder of the paper's
best shape."""

_DIGESTS = WeakIdKeyDictionary()
"""SHA-256 of stored images, each computed once a process; they do not change."""


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
        if not _is_as_written(path, 4 * size):
            digest = hashlib.sha256()
            with replacing(path) as file:
                for maps in _maps(encoder, images):
                    content = maps.numpy().tobytes()
                    digest.update(content)
                    file.write(content)
                write(_note(path), digest.hexdigest())
            _drop_oldest(folder)
    return torch.from_file(str(path), size=size, dtype=torch.float32).view(-1, *shape)


def _note(path: Path) -> Path:
    """The file that notes the SHA-256 of another."""
    return path.with_suffix(".sha256")


def _is_as_written(path: Path, n_bytes: int) -> bool:
    """Whether the file is there, and what was written."""
    try:
        stat, noted = path.stat(), _note(path).read_text()
    except FileNotFoundError:
        return False
    return stat.st_size == n_bytes and noted == _digest(path, stat.st_ino, stat.st_mtime_ns)


@cache
def _digest(path: Path, _inode: int, _changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _drop_oldest(folder: Path) -> None:
    """Remove what was not made lately; who still maps such a file keeps its contents."""
    files = sorted(folder.glob("*.float32"), key=lambda file: file.stat().st_mtime)
    for file in files[:-MAX_FILES]:
        for part in (file, _note(file)):  # not its lock, which others may wait for
            part.unlink(missing_ok=True)


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
    capability = torch.backends.cpu.get_cpu_capability()  # homes are shared by machines
    made_by = torch.__version__, torch.get_num_threads(), BATCH, capability  # decide the last bits
    digest = hashlib.sha256(f"{encoder} {made_by}".encode())
    for tensor in encoder.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    digest.update(b"all" if images.rows is None else images.rows.numpy().tobytes())
    if images.stored not in _DIGESTS:
        _DIGESTS[images.stored] = hashlib.sha256(images.stored.numpy().data).digest()
    digest.update(_DIGESTS[images.stored])
    return digest.hexdigest()[:24]
