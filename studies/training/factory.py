"""How the process that trains makes a trial's training; pickled, so it holds no images."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load

from spaces.budget import Budget
from spaces.space import Configuration
from studies.data.images import Split, load_split
from studies.files import places
from studies.training.loop import Training


@dataclass(frozen=True)
class TrainingFactory:
    """From configuration and seed to a training."""

    data_folder: Path
    budget: Budget
    n_threads: int
    encoder: bytes | None = None
    """Weights that a classifier's encoder starts from, as a safetensors file's content: a worker on
    another machine has no file of this one."""

    def __call__(self, config: Configuration, seed: int) -> Training:
        """The training, on images that this process loads once."""
        torch.set_num_threads(self.n_threads)
        encoder = load(self.encoder) if self.encoder else None
        split = _split(self.data_folder, self.budget)
        return Training(config, split, seed, self.budget, encoder, features_folder())


def features_folder() -> Path | None:
    """Where a frozen encoder's latent maps are kept, for a machine, if anywhere."""
    folder = places.cache()
    return folder / "features" if folder else None


@cache
def _split(folder: Path, budget: Budget) -> Split:
    return load_split(folder, budget)
