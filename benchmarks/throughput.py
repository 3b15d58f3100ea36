"""Images a second: ordinary PyTorch training against this project's, on this machine.

    python -m benchmarks.throughput --data-dir /usr/share/datasets/fashion-mnist

Three ways train the same networks on the same images, taking turns in every round, so that what
else the machine does meets all of them alike; the median round is printed:

- ordinary: torchvision's data set with ToTensor and Normalize(0.5, 0.5), a shuffling DataLoader,
  the modules as the paper lists them, Adam; all cores in one process
- one process: ``studies.training.loop``, all cores
- a process per core: the same, one thread each, pinned to its core, with a search's environment

The first batches of training and of evaluation are not counted. Beside the speed of training stands
what share of a trial's time evaluation takes, with 10,000 validation images after every 50,000 for
training.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import NamedTuple
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from spaces.autoencoder import PIXEL_MEAN, PIXEL_STD, AutoencoderConfig
from spaces.budget import N_TRAIN_FILE, N_VALIDATION, Budget
from spaces.classifier import ClassifierConfig
from spaces.paper import AUTOENCODERS, BEST_AUTOENCODER, CLASSIFIERS
from studies.data.fetch import ensure_data
from studies.data.images import Images, Split, load_train
from studies.data.torchvision_import import import_torchvision
from studies.networks.evaluation import BATCH
from studies.networks.plain import build
from studies.training.loop import Training
from studies.workers.processes import environment

N_WARM_UP = 20
"""Batches before the clock starts: by then a process has got what memory it needs."""

Model = AutoencoderConfig | ClassifierConfig


class Speed(NamedTuple):
    """Images a second."""

    training: float
    evaluation: float

    @property
    def evaluation_share(self) -> float:
        """Of the time of an epoch under the search protocol."""
        evaluation_s = N_VALIDATION / self.evaluation
        return evaluation_s / (evaluation_s + (N_TRAIN_FILE - N_VALIDATION) / self.training)


Measure = Callable[[Path, Model, int], Speed]
"""The speed over so many batches of a configuration, with the images in a folder."""

Speeds = dict[tuple[str, str], list[Speed]]
"""The speed in every round, for a row and a way."""

WAYS = ("ordinary", "one process", "a process per core")


ROWS: dict[str, Model] = {
    "16/32, dropout 0.2": AUTOENCODERS[0].config,
    "64/96, batch norm, max/avg": BEST_AUTOENCODER.config,
    "classifier on 64/96": CLASSIFIERS[0].config,
}
"""The networks to train."""


def main() -> None:
    """Measure, and print a table."""
    options = parse_options()
    folder = ensure_data(options.data_dir, print)
    print(
        f"torch {torch.__version__}, {len(cores())} cores, "
        f"{options.rounds} rounds of {options.batches} batches"
    )
    speeds: Speeds = {(row, way): [] for row in ROWS for way in WAYS}
    with ExitStack() as stack, torchvision_layout(folder) as torchvision_root:
        everywhere = cores()
        workers = {
            "ordinary": [stack.enter_context(worker(ordinary_speed, torchvision_root, everywhere))],
            "one process": [stack.enter_context(worker(training_speed, folder, everywhere))],
            "a process per core": [
                stack.enter_context(worker(training_speed, folder, {core}, environment(1)))
                for core in everywhere
            ],
        }
        for _ in range(options.rounds):
            for row, way in speeds:
                speed = speed_of_all(workers[way], ROWS[row], options.batches)
                speeds[row, way].append(speed)
    print_table(speeds)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="folder with Fashion-MNIST")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way (5)")
    parser.add_argument("--batches", type=int, default=40, help="batches in each turn (40)")
    return parser.parse_args()


def ordinary_speed(root: Path, config: Model, n_batches: int) -> Speed:
    """The speed of a training loop as it is usually written; ``root`` is torchvision's."""
    torchvision = import_torchvision()
    transforms = torchvision.transforms
    scale = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((PIXEL_MEAN,), (PIXEL_STD,))]
    )
    images = torchvision.datasets.FashionMNIST(str(root), train=True, transform=scale)
    loader = DataLoader(images, batch_size=config.batch_size, shuffle=True)
    batches = iter(loader)
    network = build(config)
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)

    def train(n: int) -> None:
        for originals, labels in islice(batches, n):
            optimizer.zero_grad()
            loss = loss_of(config, network(originals), originals, labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss.item()

    def evaluate(n: int) -> None:
        network.eval()
        with torch.no_grad():
            for originals, labels in islice(batches, n):
                loss_of(config, network(originals), originals, labels).item()

    train(N_WARM_UP)
    training_s = seconds(partial(train, n_batches))
    batches = iter(loader)
    evaluate(N_WARM_UP)
    n_evaluated = N_VALIDATION // config.batch_size
    evaluation_s = seconds(partial(evaluate, n_evaluated))
    size = config.batch_size
    return Speed(n_batches * size / training_s, n_evaluated * size / evaluation_s)


def loss_of(config: Model, outputs: Tensor, originals: Tensor, labels: Tensor) -> Tensor:
    """What is minimised."""
    if isinstance(config, ClassifierConfig):
        return functional.cross_entropy(outputs, labels)
    return functional.mse_loss(outputs, originals)


def training_speed(folder: Path, config: Model, n_batches: int) -> Speed:
    """The speed of this project's training, with this process's number of threads."""
    images = load_train(folder)
    nothing = Images(images.pixels[:0], images.labels[:0])
    training = Training(config, Split(images, nothing), seed=0, budget=Budget())
    batches = training.shuffled_batches()

    def train(n: int) -> None:
        for batch in islice(batches, n):
            training.train_batch(batch)

    train(N_WARM_UP)
    training_s = seconds(partial(train, n_batches))
    training.evaluate(images.first(N_WARM_UP * BATCH))
    evaluation_s = seconds(partial(training.evaluate, images.first(N_VALIDATION)))
    return Speed(n_batches * config.batch_size / training_s, N_VALIDATION / evaluation_s)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def speed_of_all(workers: list[Connection], config: Model, n_batches: int) -> Speed:
    """The speed of all workers together, all at work at once."""
    for connection in workers:
        connection.send((config, n_batches))
    return Speed(*map(sum, zip(*(connection.recv() for connection in workers), strict=True)))


@contextmanager
def worker(
    measure: Measure, folder: Path, pinned_to: set[int], variables: Mapping[str, str] = {}
) -> Iterator[Connection]:
    """A process that measures the speed of what it is sent, a thread on each of its cores.

    One for each way, so that what one does to its process (memory it keeps, threads) helps or
    hurts no other.
    """
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, measure, folder, pinned_to), daemon=True)
    with mock.patch.dict(os.environ, variables):
        process.start()
    try:
        yield here
    finally:
        here.send(None)
        process.join()


def serve(connection: Connection, measure: Measure, folder: Path, pinned_to: set[int]) -> None:
    """What a worker process does until it is sent None."""
    torch.set_num_threads(len(pinned_to))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, pinned_to)
    while (request := connection.recv()) is not None:
        config, n_batches = request
        connection.send(measure(folder, config, n_batches))


@contextmanager
def torchvision_layout(folder: Path) -> Iterator[Path]:
    """The same files where torchvision's data set looks for them."""
    with tempfile.TemporaryDirectory() as root:
        raw = Path(root, "FashionMNIST", "raw")
        raw.mkdir(parents=True)
        for file in folder.glob("*-ubyte"):
            (raw / file.name).symlink_to(file.resolve())
        yield Path(root)


def print_table(speeds: Speeds) -> None:
    """Medians, ratios to the ordinary way, and the rate of arithmetic."""
    matmul = matmul_gflops()
    print(f"float32 matrix product of 2048 × 2048, all cores: {matmul:.0f} GFLOP/s")
    for row, config in ROWS.items():
        gflop = training_gflop_per_image(config)
        print(f"\n{row}: {1000 * gflop:.1f} MFLOP an image, forward and backward")
        print(f"  {'':20} images/s   ratio    range of ratios   GFLOP/s  evaluation")
        for way in WAYS:
            rounds, baseline = speeds[row, way], speeds[row, "ordinary"]
            speed = statistics.median(s.training for s in rounds)
            share = statistics.median(s.evaluation_share for s in rounds)
            ratios = [
                ours.training / base.training for ours, base in zip(rounds, baseline, strict=True)
            ]
            print(
                f"  {way:20} {speed:8,.0f} {statistics.median(ratios):6.2f} ×"
                f"   {min(ratios):6.2f} to {max(ratios):5.2f} × {speed * gflop:8.0f} {share:10.1%}"
            )


def training_gflop_per_image(config: Model) -> float:
    """Billions of operations of the layers as the paper lists them, forward and backward."""
    network = build(config)
    images = torch.zeros(config.batch_size, 1, 28, 28)
    labels = torch.zeros(config.batch_size, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        loss = loss_of(config, network(images), images, labels)
        loss.backward()  # type: ignore[no-untyped-call]
    n_operations: int = counter.get_total_flops()
    return n_operations / config.batch_size / 1e9


def matmul_gflops(size: int = 2048, repeats: int = 5) -> float:
    """Billions of operations a second that a large float32 matrix product reaches here."""
    left, right = torch.rand(2, size, size)
    return 2 * size**3 / min(seconds(lambda: left @ right) for _ in range(repeats)) / 1e9


def cores() -> set[int]:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


if __name__ == "__main__":
    main()
