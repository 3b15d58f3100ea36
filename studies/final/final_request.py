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
        "Number of seeds to train with.", default=5, within=(1, 1000), in_short_help=True
    )
    protocol: Literal["final", "paper"] = option(
        "final: use the test images once, at the end; paper: after every epoch. Both train on all "
        "60,000 training images; paper is how the paper made its tables.",
        default="final",
        in_short_help=True,
    )
    repeat: bool = option(
        "Train once more exactly as the trial was. The same seed, epochs and images give "
        "the same weights.",
        default=False,
        in_short_help=True,
    )
    epochs: int | None = option(
        "Passes over the training images.",
        otherwise="as before, or 30",
        within=(1, MOST_EPOCHS),
        in_short_help=True,
    )
    subset: int | None = option(
        "Number of training images.",
        otherwise="all",
        within=(600, N_TRAIN_FILE),
        in_short_help=True,
    )
    encoder: str | None = option(
        "Encoder that a classifier starts from, as for clf. For --protocol final it must not have "
        "been evaluated on test images, so it cannot come from the paper's protocol.",
        otherwise="as before, the paper's for paper:NAME, or the best",
        metavar="SOURCE",
        in_short_help=True,
    )
    out: Path | None = option(
        "Folder for results, weights and a picture.",
        otherwise="in results, beside the studies",
        metavar="DIR",
        in_short_help=True,
    )
    not_typed: dict[str, str] = field(default_factory=dict)
    """Options that decide the figures, by name, whose values an environment variable or a file
    gave, and which it was."""
