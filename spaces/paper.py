"""The paper's configurations and published numbers.

E. N. Manolucos, *Deep Learning para la clasificación de imágenes: un enfoque híbrido con
autoencoders y CNNs en Fashion-MNIST*. Its losses are printed in percent; here they are plain: mean
squared errors over pixels scaled to [−1, 1], cross-entropies in nats, accuracies from 0 to 1.
"""

from typing import Generic, NamedTuple

from spaces.autoencoder import AutoencoderConfig
from spaces.classifier import PAPER_ENCODER, PAPER_FC_WIDTH, ClassifierConfig
from spaces.space import C


class PaperModel(NamedTuple, Generic[C]):
    """One row of the paper's Table 3, or of its Tables 4 and 5."""

    name: str
    """Our identity for the row, stable across versions: fixed trials are known by it."""
    change: str
    """What it changes from the row before (Sec. 3.1 and 3.2)."""
    config: C
    train_loss: float
    """Published final training loss."""
    validation_loss: float
    """Published final validation loss; the paper validates on the test images."""
    train_accuracy: float | None = None
    """Published final training accuracy, of classifiers."""
    validation_accuracy: float | None = None
    """Published final accuracy on the test images, of classifiers."""


AUTOENCODERS: tuple[PaperModel[AutoencoderConfig], ...] = (
    PaperModel(
        "baseline",
        "16/32 channels, dropout 0.2, max/max pooling, no batch norm",
        AutoencoderConfig(dropout=0.2),
        train_loss=0.0858,
        validation_loss=0.0726,
    ),
    PaperModel(
        "dropout",
        "no dropout",
        AutoencoderConfig(),
        train_loss=0.0300,
        validation_loss=0.0312,
    ),
    PaperModel(
        "batchnorm",
        "batch norm before each pooling",
        AutoencoderConfig(batchnorm=True),
        train_loss=0.0270,
        validation_loss=0.0283,
    ),
    PaperModel(
        "max-avg",
        "average for the second pooling",
        AutoencoderConfig(batchnorm=True, pool2="avg"),
        train_loss=0.0229,
        validation_loss=0.0231,
    ),
    PaperModel(
        "channels",
        "64/96 channels",
        PAPER_ENCODER,
        train_loss=0.0159,
        validation_loss=0.0175,
    ),
)
"""Table 3, in the paper's order: each row adds one change to the row before."""

BEST_AUTOENCODER = AUTOENCODERS[-1]
"""The row with the paper's lowest validation loss, whose encoder starts its classifiers."""

AUTOENCODER_RUN_ORDER = ("dropout", "batchnorm", "max-avg", "baseline", "channels")
"""Names, cheapest to train first, so that a run soon shows a finished trial."""

CLASSIFIERS: tuple[PaperModel[ClassifierConfig], ...] = (
    PaperModel(
        "fc10-adam",
        "the best encoder, one layer of 10 outputs, Adam",
        ClassifierConfig(),
        train_loss=0.0531,
        validation_loss=0.3312,
        train_accuracy=0.9812,
        validation_accuracy=0.9127,
    ),
    PaperModel(
        "fc-adam",
        f"a hidden layer (here of {PAPER_FC_WIDTH}; not stated)",
        ClassifierConfig(fc_width=PAPER_FC_WIDTH),
        train_loss=0.0520,
        validation_loss=0.4182,
        train_accuracy=0.9806,
        validation_accuracy=0.9083,
    ),
    PaperModel(
        "fc-sgd",
        "SGD (here with momentum 0.9; not stated)",
        ClassifierConfig(fc_width=PAPER_FC_WIDTH, optimizer="sgd"),
        train_loss=0.1529,
        validation_loss=0.2463,
        train_accuracy=0.9465,
        validation_accuracy=0.9148,
    ),
)
"""Tables 4 and 5, in the paper's order; it calls them baseline, FC + Adam and FC + SGD."""

BEST_CLASSIFIER = CLASSIFIERS[-1]
"""The row with the paper's highest validation accuracy."""

CLASSIFIER_RUN_ORDER = tuple(row.name for row in CLASSIFIERS)
