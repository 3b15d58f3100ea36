"""A training of which only the time passes, for whatever is measured or tested beside it."""

from collections.abc import Callable, Mapping
from time import sleep

import torch
from torch import Tensor

from spaces.space import Configuration, fingerprint
from studies.networks.latency import Latency
from studies.training.loop import Training
from studies.training.metrics import EpochMetrics, Outcome


class NoTraining(Training):
    """Epochs that only take their time; the loss is made from the configuration."""

    def __init__(self, epoch_s: float, config: Configuration, _seed: int) -> None:
        self.epoch = 0
        self._epoch_s = epoch_s
        self._last_loss = int(fingerprint(config)[:4], 16) / 65536

    def train_epoch(self, should_stop: Callable[[], bool] = bool) -> EpochMetrics:  # noqa: ARG002
        """Metrics of nothing."""
        sleep(self._epoch_s)
        self.epoch += 1
        loss = self._last_loss + 1 / self.epoch
        return EpochMetrics(self.epoch, loss, loss, self._epoch_s, 0.0)

    def latency(self) -> Latency:
        """None to speak of."""
        return Latency(1.0, 0.0)

    def state_dict(self) -> dict[str, Tensor]:
        """Where it stands."""
        return {"epoch": torch.tensor(self.epoch)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        self.epoch = int(state["epoch"])

    def outcome(self, with_weights: bool) -> Outcome:
        """A number for weights."""
        if not with_weights:
            return Outcome(None, None, None, None)
        return Outcome({"loss": torch.tensor(self._last_loss)}, self.state_dict(), None, None)
