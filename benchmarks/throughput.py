"""Images a second: ordinary PyTorch training against this project's, on this machine.

    python -m benchmarks.throughput --data-dir /usr/share/datasets/fashion-mnist

Three ways train the same networks on the same images, taking turns in every round, so that what
else the machine does meets all of them alike; the median round is printed:

- ordinary: torchvision's data set with ToTensor and Normalize(0.5, 0.5), a shuffling DataLoader,
  the modules as the paper lists them, Adam; all cores in one process
- one process: ``studies.training``, all cores
- a process per core: the same, one thread each, each pinned to its core, as a search runs

The first batches of every turn are not counted.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import torch
from torch.nn import functional
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from spaces.autoencoder import PIXEL_MEAN, PIXEL_STD, AutoencoderConfig
from spaces.budget import Budget
from spaces.paper import BEST_AUTOENCODER, autoencoder
from studies.data import Images, Split, load_train
from studies.fetch import ensure_data
from studies.networks import build_autoencoder
from studies.torchvision_import import import_torchvision
from studies.training import Training

N_WARM_UP = 5
"""Batches before the clock starts."""

Speed = Callable[[Path, AutoencoderConfig, int], float]
"""Images a second of so many batches of a configuration, with the images in a folder."""

Speeds = dict[tuple[str, str], list[float]]
"""Images a second in every round, for a row's name and a way."""

WAYS = ("ordinary", "one process", "a process per core")


class Row(NamedTuple):
    """A network to train, and how many times the ordinary speed is asked for."""

    name: str
    config: AutoencoderConfig
    must: float
    aim: float


ROWS = (
    Row("16/32, dropout 0.2", autoencoder("baseline").config, must=3, aim=5),
    Row("64/96, batch norm, max/avg", BEST_AUTOENCODER.config, must=2.2, aim=4),
)


def main() -> None:
    """Measure, and print a table."""
    options = parse_options()
    folder = ensure_data(options.data_dir, print)
    print(
        f"torch {torch.__version__}, {len(cores())} cores, "
        f"{options.rounds} rounds of {options.batches} batches"
    )
    speeds: Speeds = {(row.name, way): [] for row in ROWS for way in WAYS}
    with ExitStack() as stack, torchvision_layout(folder) as torchvision_root:
        everywhere = cores()
        workers = {
            "ordinary": [stack.enter_context(worker(ordinary_speed, torchvision_root, everywhere))],
            "one process": [stack.enter_context(worker(training_speed, folder, everywhere))],
            "a process per core": [
                stack.enter_context(worker(training_speed, folder, {core})) for core in everywhere
            ],
        }
        for _ in range(options.rounds):
            for row in ROWS:
                for way in WAYS:
                    speed = speed_of_all(workers[way], row.config, options.batches)
                    speeds[row.name, way].append(speed)
    print_table(speeds)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=Formatter)
    parser.add_argument("--data-dir", type=Path, help="folder with Fashion-MNIST")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way")
    parser.add_argument("--batches", type=int, default=40, help="batches in each turn")
    return parser.parse_args()


class Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the module's text as it is and shows the defaults."""


def ordinary_speed(root: Path, config: AutoencoderConfig, n_batches: int) -> float:
    """Images a second of a training loop as it is usually written; ``root`` is torchvision's."""
    torchvision = import_torchvision()
    transforms = torchvision.transforms
    scale = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((PIXEL_MEAN,), (PIXEL_STD,))]
    )
    images = torchvision.datasets.FashionMNIST(str(root), train=True, transform=scale)
    batches = iter(DataLoader(images, batch_size=config.batch_size, shuffle=True))
    network = build_autoencoder(config)
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)

    def train(n: int) -> None:
        for originals, _ in islice(batches, n):
            optimizer.zero_grad()
            loss = functional.mse_loss(network(originals), originals)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss.item()

    train(N_WARM_UP)
    start = perf_counter()
    train(n_batches)
    return n_batches * config.batch_size / (perf_counter() - start)


def training_speed(folder: Path, config: AutoencoderConfig, n_batches: int) -> float:
    """Images a second of this project's training, with this process's number of threads."""
    train = load_train(folder)
    nothing = Images(train.pixels[:0], train.labels[:0])
    training = Training(config, Split(train, nothing), seed=0, budget=Budget())
    batches = training.shuffled_batches()
    for pixels in islice(batches, N_WARM_UP):
        training.train_batch(pixels)
    start = perf_counter()
    for pixels in islice(batches, n_batches):
        training.train_batch(pixels)
    return n_batches * config.batch_size / (perf_counter() - start)


def speed_of_all(workers: list[Connection], config: AutoencoderConfig, n_batches: int) -> float:
    """Images a second of all workers together, all at work at once."""
    for connection in workers:
        connection.send((config, n_batches))
    return float(sum(connection.recv() for connection in workers))


@contextmanager
def worker(speed: Speed, folder: Path, pinned_to: set[int]) -> Iterator[Connection]:
    """A process that measures the speed of what it is sent, a thread on each of its cores.

    One for each way, so that what one does to its process (memory it keeps, threads) helps or
    hurts no other.
    """
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, speed, folder, pinned_to), daemon=True)
    process.start()
    try:
        yield here
    finally:
        here.send(None)
        process.join()


def serve(connection: Connection, speed: Speed, folder: Path, pinned_to: set[int]) -> None:
    """What a worker process does until it is sent None."""
    torch.set_num_threads(len(pinned_to))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, pinned_to)
    while (request := connection.recv()) is not None:
        config, n_batches = request
        connection.send(speed(folder, config, n_batches))


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
    for row in ROWS:
        gflop = training_gflop_per_image(row.config)
        medians = {way: statistics.median(speeds[row.name, way]) for way in WAYS}
        print(f"\n{row.name}: {1000 * gflop:.1f} MFLOP an image, forward and backward")
        print(f"  {'':20} images/s   ratio    range of ratios   GFLOP/s")
        for way, speed in medians.items():
            ratios = [
                ours / base
                for ours, base in zip(
                    speeds[row.name, way], speeds[row.name, "ordinary"], strict=True
                )
            ]
            print(
                f"  {way:20} {speed:8,.0f} {statistics.median(ratios):6.2f} ×"
                f"   {min(ratios):6.2f} to {max(ratios):5.2f} × {speed * gflop:8.0f}"
            )
        print(f"  asked of a process per core: {row.must} ×, aimed at: {row.aim} ×")


def training_gflop_per_image(config: AutoencoderConfig) -> float:
    """Billions of operations of the convolutions as the paper lists them, forward and backward."""
    network = build_autoencoder(config)
    images = torch.zeros(config.batch_size, 1, 28, 28)
    with FlopCounterMode(display=False) as counter:
        loss = functional.mse_loss(network(images), images)
        loss.backward()  # type: ignore[no-untyped-call]
    n_operations: int = counter.get_total_flops()
    return n_operations / config.batch_size / 1e9


def matmul_gflops(size: int = 2048, repeats: int = 5) -> float:
    """Billions of operations a second that a large float32 matrix product reaches here."""
    left, right = torch.rand(2, size, size)
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        left @ right
        seconds.append(perf_counter() - start)
    return 2 * size**3 / min(seconds) / 1e9


def cores() -> set[int]:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


if __name__ == "__main__":
    main()
