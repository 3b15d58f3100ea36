"""The paper's configurations and published numbers.

E. N. Manolucos, *Deep Learning para la clasificación de imágenes: un enfoque híbrido con
autoencoders y CNNs en Fashion-MNIST*. Its losses are printed in percent of the mean squared
error; here they are plain mean squared errors over pixels scaled to [−1, 1].
"""

from typing import NamedTuple

from spaces.autoencoder import AutoencoderConfig


class PaperAutoencoder(NamedTuple):
    """One row of the paper's Table 3."""

    name: str
    """Our identity for the row, stable across versions: fixed trials are known by it."""
    change: str
    """What it changes from the row before (Sec. 3.1)."""
    config: AutoencoderConfig
    train_loss: float
    """Published final training loss."""
    validation_loss: float
    """Published final validation loss; the paper validates on the test images."""


AUTOENCODERS: tuple[PaperAutoencoder, ...] = (
    PaperAutoencoder(
        "baseline",
        "16/32 channels, dropout 0.2, max/max pooling, no batch norm",
        AutoencoderConfig(dropout=0.2),
        train_loss=0.0858,
        validation_loss=0.0726,
    ),
    PaperAutoencoder(
        "dropout",
        "no dropout",
        AutoencoderConfig(),
        train_loss=0.0300,
        validation_loss=0.0312,
    ),
    PaperAutoencoder(
        "batchnorm",
        "batch norm before each pooling",
        AutoencoderConfig(batchnorm=True),
        train_loss=0.0270,
        validation_loss=0.0283,
    ),
    PaperAutoencoder(
        "max-avg",
        "average pooling second",
        AutoencoderConfig(batchnorm=True, pool2="avg"),
        train_loss=0.0229,
        validation_loss=0.0231,
    ),
    PaperAutoencoder(
        "channels",
        "64/96 channels",
        AutoencoderConfig(batchnorm=True, pool2="avg", conv1_channels=64, conv2_channels=96),
        train_loss=0.0159,
        validation_loss=0.0175,
    ),
)
"""Table 3, in the paper's order: each row adds one change to the row before."""

BEST_AUTOENCODER = AUTOENCODERS[-1]
"""The row with the paper's lowest validation loss, whose encoder starts its classifiers."""

RUN_ORDER = ("dropout", "batchnorm", "max-avg", "baseline", "channels")
"""Names, cheapest to train first, so that a run soon shows a finished trial."""


def autoencoder(name: str) -> PaperAutoencoder:
    """The row called ``name``.

    Raises:
        KeyError: the paper has no such row.
    """
    return {row.name: row for row in AUTOENCODERS}[name]
