"""What a trained network makes of images, and what running it costs. Nothing learns here."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import thread_time
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from spaces.autoencoder import IMAGE_SIZE, PIXEL_MEAN, PIXEL_STD
from spaces.classifier import N_CLASSES
from spaces.space import Configuration
from studies.data.images import Batch, Images
from studies.files.tensor_files import DamagedError
from studies.networks.fast import Forward, accelerate_fixed
from studies.networks.latency import Latency
from studies.networks.plain import Autoencoder, Classifier, build, scale_pixels

BATCH = 200
"""Images a step when nothing is learned: what was fastest of 50 to 250; divides 10,000 evenly."""

LATENCY_IMAGES = 100
LATENCY_BLOCKS = 4, 20
"""Blocks of runs, at least and at most."""
LATENCY_RUNS = 3
"""Runs of a block."""
LATENCY_AGREEMENT = 1.02
"""Two blocks whose least runs are so close found what the machine can do, as far as it lets see."""

LOSS_TOLERANCE = 1e-4
"""Relative: room for other processors and versions; what is shown of a loss has four digits."""

ACCURACY_TOLERANCE = 1e-3
"""Of the images, and one image at least: two classes can be as good as equal."""


def predict(network: Classifier, images: Images) -> Tensor:
    """Probabilities of the ten classes, float32 (N, 10)."""
    with _evaluating(network):
        forward = _forward(network)
        rows = [forward(scale_pixels(batch.pixels)) for batch in images.batches(BATCH)]
        return torch.cat(rows).softmax(dim=1)


def encode(network: Autoencoder | Classifier, pixels: Tensor) -> Tensor:
    """Latent maps: float32 (N, C, H, W) of images uint8 (N, 28, 28)."""
    with _evaluating(network):
        rows = [network.encoder(scale_pixels(batch)) for batch in torch.split(pixels, BATCH)]
        return torch.cat(rows)


class Judgement(NamedTuple):
    """What a trained network comes to on images that it did not learn from."""

    loss: float
    """Mean squared error over pixels in [−1, 1], or cross-entropy in nats."""
    accuracy: float | None
    """Of a classifier, from 0 to 1."""
    confusion: list[list[int]] | None
    """Of a classifier: counts, a row for each true class."""


class Score(NamedTuple):
    """Mean loss over some images, and for a classifier the share it got right."""

    loss: float
    accuracy: float | None


def score(
    images: Images, outputs: Callable[[Batch], tuple[Tensor, Tensor]], classifies: bool
) -> tuple[Score, Tensor | None]:
    """The one way to score a network; the caller has it in evaluation mode, without gradients.

    Args:
        images: at least one; uint8, or what a frozen encoder made of them.
        outputs: of a batch the network's outputs, and what they should be.
        classifies: whether outputs are logits; else they are images.

    Returns:
        The score, and of a classifier what it took each image for: int64 (N,).
    """
    total, predicted = 0.0, []
    for batch in images.batches(BATCH):
        given, wanted = outputs(batch)
        loss = (functional.cross_entropy if classifies else functional.mse_loss)(given, wanted)
        total += loss.item() * len(batch.labels)
        if classifies:
            predicted.append(given.argmax(1))
    if not classifies:
        return Score(total / len(images), None), None
    taken_for = torch.cat(predicted)
    n_right = int((taken_for == images.labels).sum())
    return Score(total / len(images), n_right / len(images)), taken_for


def judge(network: Autoencoder | Classifier, images: Images, plain: bool = False) -> Judgement:
    """The network's figures on the images, in evaluation mode.

    Args:
        network: it stays in the mode it is in.
        images: uint8.
        plain: by the network itself, which takes some three times as long as the fast path.
    """
    classifies = isinstance(network, Classifier)

    def outputs(batch: Batch) -> tuple[Tensor, Tensor]:
        seen = scale_pixels(batch.pixels)
        return forward(seen), batch.labels if classifies else seen

    with _evaluating(network):
        forward: Forward = network if plain else _forward(network)
        (loss, accuracy), predicted = score(images, outputs, classifies)
    if predicted is None:
        return Judgement(loss, None, None)
    return Judgement(loss, accuracy, confusion_matrix(images.labels, predicted).tolist())


def judged_again(
    config: Configuration,
    weights: dict[str, Tensor],
    metrics: Mapping[str, float],
    validation: Images,
    whose: str,
) -> tuple[Autoencoder | Classifier, Judgement]:
    """The network of the weights, judged by the validation images once more.

    The plain network judges, not the fast path that trained. For the same weights the two, one or
    two threads, and instruction sets from SSE4.1 to AVX-512 gave losses within 3e-7 of each other,
    and took each of 10,000 images for the same class.

    Args:
        config: the network's.
        weights: its ``state_dict``.
        metrics: what is stored: ``validation_loss``, and of classifiers ``validation_accuracy``.
        validation: the images by which that was measured.
        whose: the weights are, in words for an error.

    Returns:
        The network, in evaluation mode, and what it gives here and now.

    Raises:
        DamagedError: it comes to something else, or they are another network's.
    """
    network = build(config).eval()
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise DamagedError(f"the weights of {whose} belong to another network") from error
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
    return network, found


def reconstruction_errors(network: Autoencoder, pixels: Tensor) -> Tensor:
    """Mean squared error over pixels in [−1, 1]: float32 (N,) of images uint8 (N, 28, 28)."""
    errors = []
    with _evaluating(network):
        forward = _forward(network)
        for batch in torch.split(pixels, BATCH):
            originals = scale_pixels(batch)
            errors.append((forward(originals) - originals).square().mean(dim=(1, 2, 3)))
        return torch.cat(errors)


def reconstruct(network: Autoencoder, pixels: Tensor) -> Tensor:
    """Images as the autoencoder gives them back, uint8 (N, 28, 28) from the same."""
    with _evaluating(network):
        forward = _forward(network)
        rows = [to_pixels(forward(scale_pixels(batch))) for batch in torch.split(pixels, BATCH)]
        return torch.cat(rows)


def to_pixels(scaled: Tensor) -> Tensor:
    """Network outputs as images: float32 (N, 1, 28, 28) in about [−1, 1] to uint8 (N, 28, 28)."""
    grey = (scaled.squeeze(1) * PIXEL_STD + PIXEL_MEAN).clamp(0, 1) * 255
    return grey.round().to(torch.uint8)


def confusion_matrix(labels: Tensor, predicted: Tensor) -> Tensor:
    """How many images of each true class (row) were taken for each class: int64 (10, 10).

    Both are integers from 0 to 9, (N,).
    """
    cells = labels.long() * N_CLASSES + predicted.long()
    return torch.bincount(cells, minlength=N_CLASSES**2).view(N_CLASSES, N_CLASSES)


def most_confused(counts: Tensor, n_pairs: int) -> list[tuple[int, int]]:
    """The classes that :func:`confusion_matrix` counts as mixed up most, the most images first.

    Each with what it is taken for; pairs that are never mixed up are none.
    """
    mistakes = counts.clone().fill_diagonal_(0).flatten()
    order = mistakes.argsort(descending=True, stable=True)[:n_pairs].tolist()
    return [divmod(cell, N_CLASSES) for cell in order if mistakes[cell]]


def latency(network: nn.Module) -> Latency:
    """How long 100 images take on one thread.

    Measured is the thread's own processor time, so that waiting for a turn on a busy machine does
    not count. What neighbours take of caches and memory still does, so the least run counts, of
    blocks of runs that go on until two of them agree.
    """
    images = torch.zeros(LATENCY_IMAGES, 1, IMAGE_SIZE, IMAGE_SIZE)
    images = images.contiguous(memory_format=torch.channels_last)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _evaluating(network):
            network(images)
            blocks = _least_of_blocks(lambda: _seconds(network, images))
    finally:
        torch.set_num_threads(n_threads)
    return Latency(min(blocks) * 1e3, (max(blocks) - min(blocks)) * 1e3)


def _least_of_blocks(run: Callable[[], float]) -> list[float]:
    """The least run of each block."""
    least, most = LATENCY_BLOCKS
    blocks: list[float] = []
    while len(blocks) < most:
        blocks.append(min(run() for _ in range(LATENCY_RUNS)))
        best = sorted(blocks)[:2]
        if len(blocks) >= least and best[-1] <= best[0] * LATENCY_AGREEMENT:
            break
    return blocks


def _seconds(network: nn.Module, images: Tensor) -> float:
    start = thread_time()
    network(images)
    return thread_time() - start


def _forward(network: nn.Module) -> Forward:
    return accelerate_fixed(network, torch.Generator())  # which nothing draws from here


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients inside the block."""
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        network.train(was_training)
