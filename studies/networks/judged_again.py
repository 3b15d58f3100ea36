"""Whether stored weights give the figures that are stored with them: they are judged once more.

The plain network judges, not the fast path that trained. For the same weights the two, one or two
threads, and instruction sets from SSE4.1 to AVX-512 gave losses within 3e-7 of each other, and took
each of 10,000 images for the same class.
"""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from spaces.space import Configuration
from studies.data.images import Images
from studies.files.tensor_files import DamagedError
from studies.networks.evaluation import Judgement, judge
from studies.networks.plain import Autoencoder, Classifier, build

LOSS_TOLERANCE = 1e-4
"""Relative: room for other processors and versions; what is shown of a loss has four digits."""

ACCURACY_TOLERANCE = 1e-3
"""Of the images, and one image at least: two classes can be as good as equal."""


class Judged(NamedTuple):
    """A network that gives the figures it was stored with."""

    network: Autoencoder | Classifier
    """In evaluation mode."""
    judgement: Judgement
    """What it gives here and now."""


def judged_again(
    config: Configuration,
    weights: dict[str, Tensor],
    metrics: Mapping[str, float],
    validation: Images,
    whose: str,
) -> Judged:
    """The network of the weights, judged by the validation images.

    Args:
        config: the network's.
        weights: its ``state_dict``.
        metrics: what is stored: ``validation_loss``, and of classifiers ``validation_accuracy``.
        validation: the images by which that was measured.
        whose: the weights are, in words for an error.

    Raises:
        DamagedError: it comes to something else, or they are another network's.
    """
    network = build(config).eval()
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise DamagedError(f"the weights of {whose} are of another network") from error
    found = judge(network, validation, plain=True)
    loss, accuracy = metrics["validation_loss"], metrics.get("validation_accuracy")
    off = abs(found.loss - loss) > LOSS_TOLERANCE * abs(loss)
    if found.accuracy is not None and accuracy is not None:
        n_off = round(abs(found.accuracy - accuracy) * len(validation))
        off = off or n_off > max(1, ACCURACY_TOLERANCE * len(validation))
    if off or found.loss != found.loss:
        raise DamagedError(
            f"the weights of {whose} give a validation loss of {found.loss:.6g}, where {loss:.6g} "
            "is stored with them, so nothing is exported; train the configuration again"
        )
    return Judged(network, found)
