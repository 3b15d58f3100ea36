"""A training of which only the time passes, for whatever is measured or tested beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import sleep
from typing import Any

import torch
from torch import Tensor

from spaces.space import Configuration, fingerprint
from studies.networks.latency import Latency
from studies.training.metrics import EpochMetrics, Outcome


class NoTraining:
    """Epochs that only take their time; the loss is made from the configuration."""

    def __init__(self, config: Configuration, epoch_s: float) -> None:
        self._epoch = 0
        self._epoch_s = epoch_s
        self._loss = int(fingerprint(config)[:4], 16) / 65536

    def train_epoch(self, should_stop: Callable[[], bool]) -> EpochMetrics:  # noqa: ARG002
        """Metrics of nothing."""
        sleep(self._epoch_s)
        self._epoch += 1
        loss = self._loss + 1 / self._epoch
        return EpochMetrics(self._epoch, loss, loss, self._epoch_s, 0.0)

    def latency(self) -> Latency:
        """None to speak of."""
        return Latency(1.0, 0.0)

    def state_dict(self) -> dict[str, Tensor]:
        """Where it stands."""
        return {"epoch": torch.tensor(self._epoch)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        self._epoch = int(state["epoch"])

    def outcome(self, with_weights: bool) -> Outcome:
        """A number for weights."""
        if not with_weights:
            return Outcome(None, None, None, None)
        return Outcome({"loss": torch.tensor(self._loss)}, self.state_dict(), None, None)


@dataclass(frozen=True)
class NoTrainings:
    """A factory of them, as a pool wants it."""

    epoch_s: float

    def __call__(self, config: Configuration, seed: int) -> Any:  # noqa: ARG002
        """One of them; a pool takes it for a training."""
        return NoTraining(config, self.epoch_s)
