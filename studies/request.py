"""One run of a search as the user asked for it: every option's one home.

Imports nothing heavy, as the command line reads its defaults and choices from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from spaces.budget import Protocol
from spaces.errors import ConfigurationError

SamplerName = Literal["tpe", "random", "cmaes", "gp", "grid", "qmc"]
PrunerName = Literal["halving", "hyperband", "median", "none"]

Keep = Literal["all", "none"] | int
"""Whose weights and states stay: all trials', none, or those of the paper's trials, of the best so
many that were trained to the end, and of as many of the best pruned ones."""

DEFAULT_TRIALS = 50
"""Searched trials of a study; under the paper's protocol there are none."""


@dataclass(frozen=True)
class SearchRequest:
    """What the command line says; None means: as the study was made, else the default."""

    trials: int | None = None
    """Searched trials the study shall have in all, besides the paper's; see ``DEFAULT_TRIALS``."""
    more: int | None = None
    """Searched trials to add to those there are, in place of ``trials``."""
    promote: int = 0
    """How many of the best pruned trials are trained to the end, besides the searched ones."""
    study: str | None = None
    """Name; by default from the stage and the budget."""
    storage: str | None = None
    """SQLite file or Optuna storage URL."""
    artifacts: Path | None = None
    """Folder for weights; by default beside the database."""
    new: bool = False
    """Start a fresh study, taking over the trials that fit, if the settings differ."""
    space: Mapping[str, str] = field(default_factory=dict)
    """Dimensions narrowed or fixed, as text."""
    epochs: int | None = None
    subset: int | None = None
    protocol: Protocol | None = None
    seed: int | None = None
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "halving"
    timeout_s: float | None = None
    """Seconds after which this run starts no further trial."""
    patience: int | None = None
    """Searched trials in a row without a better one after which the search ends."""
    target: float | None = None
    """Value at which the search ends."""
    keep_weights: Keep = 10
    threads: int | None = None
    """Threads a trial trains with; by default one per physical core."""
    data_dir: Path | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that make no run."""
        for name, least in (
            ("trials", 0),
            ("more", 1),
            ("promote", 0),
            ("patience", 1),
            ("threads", 1),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigurationError(f"{name} must be at least {least}; got {value}")
        if self.timeout_s is not None and not self.timeout_s > 0:
            raise ConfigurationError(f"timeout must be above 0 seconds; got {self.timeout_s}")
        if isinstance(self.keep_weights, int) and self.keep_weights < 0:
            raise ConfigurationError(f"keep-weights must not be negative; got {self.keep_weights}")
