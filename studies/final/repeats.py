"""Whether a training that was to be repeated was, by weights and figures, and what was unlike."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from spaces.errors import StudyError
from studies.files import tensor_files
from studies.final.results import SeedResult

Weights = Mapping[str, Tensor]

_FIGURES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


@dataclass(frozen=True)
class Before:
    """A training that there was."""

    epochs: Mapping[str, list[float]]
    """Metrics after every epoch, a list for each."""
    made_with: Mapping[str, str]
    """Versions and machine, as far as they were noted."""
    weights: Callable[[], Weights | None] = lambda: None
    """Reads what it ended with; gives None where that was not kept."""

    @property
    def n_epochs(self) -> int:
        """How many it was trained for."""
        return len(self.epochs.get("epoch", ()))


class Comparison(NamedTuple):
    """What came of a repetition."""

    repeated: bool | None
    """None: there is nothing to compare with."""
    same_weights: bool | None
    """None: they were not kept, or it had not been trained to the end."""
    differences: dict[str, tuple[float, float]]
    """Figures after the last epoch that both have, then and now, where any of them differs."""
    made_with: dict[str, tuple[str, str]]
    """Versions and machine that differ, then and now; what was not noted is a question mark."""

    def in_words(self) -> str:
        """The comparison for a person, whole."""
        if self.repeated is None:
            return "cannot say whether it repeats: no result was stored to compare with"
        if self.same_weights:
            return "repeated: the same weights, bit for bit"
        if self.repeated:
            return "repeated: the same metrics after every epoch; weights were not compared"
        figures = [
            f"{name.replace('_', ' ')} {old!r}, now {new!r}"
            for name, (old, new) in self.differences.items()
        ]
        unlike = [f"{name} {old}, now {new}" for name, (old, new) in self.made_with.items()]
        what = "; ".join(figures) or "the metrics are the same, but the weights are not"
        why = (
            "; ".join(unlike) or "versions and processor are the same, as far as they were recorded"
        )
        return f"not repeated: {what}. Made with: {why}"


def compare(
    before: Before,
    epochs: Mapping[str, list[Any]],
    weights: Weights | None,
    made_with: Mapping[str, str],
) -> Comparison:
    """Compare a training with the one that it was to repeat.

    Of it are the metrics after every epoch, the weights it ended with, None if they cannot be read,
    and the versions and machine it was made with.
    """
    n = min(before.n_epochs, len(epochs.get("epoch", ())))
    names = [name for name in _FIGURES if name in before.epochs and name in epochs]
    unlike = any(list(before.epochs[name][:n]) != list(epochs[name][:n]) for name in names)
    last = {name: (before.epochs[name][n - 1], epochs[name][n - 1]) for name in names if n}
    whole = n == len(epochs.get("epoch", ()))
    old = before.weights() if whole else None
    same = None if old is None or weights is None else _are_equal(old, weights)
    repeated = None if same is None and not last else not unlike and same is not False
    return Comparison(
        repeated=repeated,
        same_weights=same,
        differences=last if unlike else {},
        made_with={
            name: (before.made_with.get(name, "?"), made_with.get(name, "?"))
            for name in dict.fromkeys([*before.made_with, *made_with])
            if before.made_with.get(name) != made_with.get(name)
        },
    )


def compare_seed(before: Before, seed: SeedResult, folder: Path) -> Comparison:
    """Compare a seed's training, whose results are in the folder."""
    weights: Weights | None = None
    with suppress(StudyError):
        weights = tensor_files.read(folder / seed.weights, str(folder), seed.sha256)
    return compare(before, seed.epochs, weights, seed.made_with or {})


def _are_equal(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)
