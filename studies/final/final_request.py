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
    seeds: int = option(
        "Train with so many seeds.", default=5, within=(1, 1000), in_short_help=True
    )
    protocol: Literal["final", "paper"] = option(
        "final: judge by the test images once, at the end; paper: after every epoch. Both train "
        "on all 60,000 training images; paper is how the paper's own tables were made.",
        default="final",
        in_short_help=True,
    )
    repeat: bool = option(
        "Train once more exactly as the trial was. Its own seed, epochs and images give the "
        "same weights.",
        default=False,
        in_short_help=True,
    )
    epochs: int | None = option(
        "Passes over the training images.",
        otherwise="as it was trained before, else 30",
        within=(1, MOST_EPOCHS),
        in_short_help=True,
    )
    subset: int | None = option(
        "Training images.", otherwise="all", within=(600, N_TRAIN_FILE), in_short_help=True
    )
    encoder: str | None = option(
        "Where a classifier's encoder starts from, as for clf. For final figures one that no "
        "test image has judged, so not of the paper's protocol.",
        otherwise="as it was trained before; the paper's for paper:NAME; else the best",
        metavar="SOURCE",
        in_short_help=True,
    )
    out: Path | None = option(
        "Folder for figures, weights and a picture.",
        otherwise="in results, beside the studies",
        metavar="DIR",
        in_short_help=True,
    )
    not_typed: dict[str, str] = field(default_factory=dict)
    """Options that decide the figures, by name, whose values an environment variable or a file
    gave, and which it was."""
