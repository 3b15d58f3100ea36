"""What a training tells after each epoch, and what it leaves."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class EpochMetrics(NamedTuple):
    """What one epoch of training came to."""

    epoch: int
    """Counted from 1."""
    train_loss: float
    """What is minimised, mean over the epoch's images as they were seen: in training mode, with the
    weights of their step. Of an autoencoder the squared error over pixels in [−1, 1], of a
    classifier the cross-entropy in nats, with its label smoothing."""
    validation_loss: float
    """The same over the validation images, in evaluation mode, after the epoch; without
    smoothing."""
    seconds: float
    """Wall time of the epoch, evaluation included."""
    evaluation_seconds: float
    """Wall time of its evaluation."""
    train_accuracy: float | None = None
    """Of a classifier, from 0 to 1, over the epoch's images as they were seen."""
    validation_accuracy: float | None = None
    """Of a classifier, from 0 to 1, over the validation images after the epoch."""


class Outcome(NamedTuple):
    """What a training leaves."""

    weights: "dict[str, Tensor] | None"
    """The network's ``state_dict``; None if nobody wants it."""
    state: "dict[str, Tensor] | None"
    """All that is needed to go on; None if nobody wants it."""
    predictions: "Tensor | None"
    """uint8 (N,): the classes that a classifier took the validation images for."""
    reconstructions: "Tensor | None"
    """uint8 (10, 28, 28): the first validation image of each class, as an autoencoder gives it
    back."""
