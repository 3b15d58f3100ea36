"""One final training as the user asked for it: every option's one home, as of a search's request.

Imports nothing heavy, as the command line reads its options from here.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from spaces.budget import N_TRAIN_FILE
from spaces.recipe import MOST_EPOCHS
from studies.records.fields import option
from studies.records.request import Machine


@dataclass(frozen=True)
class FinalRequest(Machine):
    """One final training as the command line says it."""

    source: str
    seeds: int = option("Train with so many seeds.", default=5, within=(1, 1000))
    protocol: Literal["final", "paper"] = option(
        "final: train on all 60,000 training images, judge once by the test images. paper: "
        "judge by them after every epoch, as the paper's own tables do.",
        default="final",
    )
    repeat: bool = option(
        "Train once more exactly as the trial was, by its own seed, epochs and images: gives "
        "the same weights.",
        default=False,
    )
    epochs: int | None = option(
        "Passes over the training images.",
        otherwise="as it was trained before, else 30",
        within=(1, MOST_EPOCHS),
    )
    subset: int | None = option("Training images.", otherwise="all", within=(600, N_TRAIN_FILE))
    encoder: str | None = option(
        "Where a classifier's encoder starts from, as for clf; for final figures one that no "
        "test image has judged, so not of the paper's protocol.",
        otherwise="as it was trained before; the paper's for paper:NAME; else the best",
        metavar="SOURCE",
    )
    out: Path | None = option(
        "Folder for figures and weights.",
        otherwise="one of its name in results, beside the studies",
        metavar="DIR",
    )
    not_typed: dict[str, str] = field(default_factory=dict)
    """Options that decide the figures, by name, whose values an environment variable or a file
    gave, and which it was."""
