"""Which reading of the paper gives its baseline's two losses: 8.58 % in training, 7.26 % after it.

    python -m benchmarks.placement

The paper (Tables 2 and 3) gives the baseline autoencoder a dropout of 0.2 and prints a training
loss above the validation loss. It says neither where dropout stands, nor what follows the last
layer, nor when the training loss is taken. Each reading here is trained as plain PyTorch, under the
paper's protocol, one process a core; both losses are printed in percent beside the paper's, the
training loss in three ways: averaged over the last epoch while training, of its last tenth alone,
and measured after it with dropout off.

The default is a screening: 20,000 images, 15 epochs, seed 0. ``--readings "A; B" --images
60000 --epochs 30 --seeds 5`` looks closer at some. Runs are kept in a file as soon as they are
over, and the same command goes on.
"""

import argparse
import statistics
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.recorded_curves import add, cache_file, records, tell, workers
from spaces.budget import Budget
from spaces.paper import AUTOENCODERS
from studies.data.fetch import ensure_data
from studies.data.images import load_split
from studies.networks.plain import scale_pixels
from studies.records.scores import mean_with_interval

BASELINE = AUTOENCODERS[0]
"""What the paper prints of it, and how it is trained."""


class Reading(NamedTuple):
    """One way to understand the paper's baseline; every rate of dropout is 0.2 or 0."""

    before: float = 0.2
    """In the encoder, between ReLU and pooling."""
    after: float = 0.0
    """In the encoder, after pooling."""
    decoder: float = 0.0
    """After the first transposed convolution."""
    pixels: float = 0.0
    """Of the images that go in."""
    output: float = 0.0
    """Of the images that come out."""
    channels: bool = False
    """Whether whole channels are dropped, rather than single values."""
    tanh: bool = False
    """Whether tanh follows the last layer; else nothing does."""
    normalised: bool = False
    """Whether batch norm stands before each dropout, as in the later configurations."""


READINGS: dict[str, Reading] = {
    "before pooling": Reading(),
    "before pooling, decoder": Reading(decoder=0.2),
    "after pooling": Reading(before=0, after=0.2),
    "after pooling, decoder": Reading(before=0, after=0.2, decoder=0.2),
    "before and after pooling": Reading(after=0.2),
    "before and after pooling, decoder": Reading(after=0.2, decoder=0.2),
    "channels before pooling": Reading(channels=True),
    "channels before pooling, decoder": Reading(decoder=0.2, channels=True),
    "decoder alone": Reading(before=0, decoder=0.2),
    "pixels, before pooling": Reading(pixels=0.2),
    "pixels, before pooling, decoder": Reading(pixels=0.2, decoder=0.2),
    "output alone": Reading(before=0, output=0.2),
    "before pooling, tanh": Reading(tanh=True),
    "before pooling, decoder, tanh": Reading(decoder=0.2, tanh=True),
    "before and after pooling, decoder, tanh": Reading(after=0.2, decoder=0.2, tanh=True),
    "channels before pooling, tanh": Reading(channels=True, tanh=True),
    "before pooling, decoder, batch norm": Reading(decoder=0.2, normalised=True),
}
"""By name."""


class Run(NamedTuple):
    """What the training of a reading came to: losses in percent, after the last epoch."""

    reading: str
    seed: int
    n_images: int
    n_epochs: int
    training: float
    """Averaged over the epoch's batches, with dropout on."""
    last_tenth: float
    """The same of its last tenth."""
    without_dropout: float
    """Of training images after the epoch, with dropout off."""
    validation: float

    @property
    def key(self) -> tuple[str, int, int, int]:
        """What there is one run of."""
        return self.reading, self.seed, self.n_images, self.n_epochs


def autoencoder(reading: Reading) -> nn.Sequential:
    """The paper's Table 2 by a reading: images (N, 1, 28, 28) in and out."""
    drop = nn.Dropout2d if reading.channels else nn.Dropout

    def normalise(channels: int) -> nn.Module:
        return nn.BatchNorm2d(channels) if reading.normalised else nn.Identity()

    def block(n_in: int, n_out: int) -> list[nn.Module]:
        convolution = nn.Conv2d(n_in, n_out, kernel_size=3)
        dropped = drop(reading.before), nn.MaxPool2d(2), drop(reading.after)
        return [convolution, normalise(n_out), nn.ReLU(), *dropped]

    return nn.Sequential(
        nn.Dropout(reading.pixels),
        *block(1, 16),
        *block(16, 32),
        nn.ConvTranspose2d(32, 16, kernel_size=5, stride=2),
        normalise(16),
        nn.ReLU(),
        drop(reading.decoder),
        nn.ConvTranspose2d(16, 1, kernel_size=6, stride=2, padding=1),
        nn.Tanh() if reading.tanh else nn.Identity(),
        nn.Dropout(reading.output),
    )


def train(data_folder: Path, asked: tuple[str, int, int, int]) -> dict[str, Any]:
    """Train a reading; a :class:`Run` as a record."""
    name, seed, n_images, n_epochs = asked
    images, judged_by = normalised_images(data_folder, n_images)
    torch.manual_seed(seed)
    network = autoencoder(READINGS[name])
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=BASELINE.config.learning_rate)
    losses: list[float] = []
    for _ in range(n_epochs):
        network.train()
        losses = []
        for batch in torch.split(images[torch.randperm(len(images))], BASELINE.config.batch_size):
            optimizer.zero_grad()
            loss = functional.mse_loss(network(batch), batch)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(100 * loss.item())
    tenth = losses[-max(1, len(losses) // 10) :]
    without = evaluate(network, images[: len(judged_by)])
    run = Run(
        *asked,
        statistics.fmean(losses),
        statistics.fmean(tenth),
        without,
        evaluate(network, judged_by),
    )
    return run._asdict()


@cache
def normalised_images(data_folder: Path, n_images: int) -> tuple[Tensor, Tensor]:
    """Training and test images under the paper's protocol, (N, 1, 28, 28) in [−1, 1]."""
    train = load_split(data_folder, Budget(subset=n_images, protocol="final")).train
    judged_by = load_split(data_folder, Budget(protocol="paper")).validation
    return scale_pixels(train.pixels), scale_pixels(judged_by.pixels)


@torch.inference_mode()
def evaluate(network: nn.Module, images: Tensor) -> float:
    """The mean squared error of the reconstructions, in percent."""
    network.eval()
    errors = [
        functional.mse_loss(network(batch), batch).item() for batch in torch.split(images, 1000)
    ]
    return 100 * statistics.fmean(errors)


def main() -> None:
    """Train what is missing, and print all readings beside the paper."""
    options = parse_options()
    folder = ensure_data(options.data_dir, print)
    budget = options.images, options.epochs
    wanted = [
        (name, seed, *budget) for seed, name in product(range(options.seeds), options.readings)
    ]
    done = {run.key for run in read(options.runs)}
    missing = [asked for asked in wanted if asked not in done]
    if missing:
        with workers() as pool:
            made = pool.imap_unordered(partial(train, folder), missing)
            add(options.runs, made, len(missing), tell)
    print_table([run for run in read(options.runs) if run.key in set(wanted)])
    print(f"\nruns: {options.runs}")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="folder with Fashion-MNIST")
    parser.add_argument(
        "--readings", type=names, default=list(READINGS), help="their names (all of them)"
    )
    parser.add_argument("--images", type=int, default=20_000, help="to train on (20,000)")
    parser.add_argument("--epochs", type=int, default=15, help="of each (15)")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each (1)")
    default = cache_file("placement.jsonl")
    parser.add_argument("--runs", type=Path, default=default, help="file for the runs")
    return parser.parse_args()


def names(text: str) -> list[str]:
    """Names of readings, which have commas themselves, separated by semicolons."""
    chosen = [name.strip() for name in text.split(";")]
    if unknown := sorted(set(chosen) - READINGS.keys()):
        raise argparse.ArgumentTypeError(
            f"unknown: {'; '.join(unknown)}\nknown: {'; '.join(READINGS)}"
        )
    return chosen


def read(path: Path) -> list[Run]:
    """The runs that the file holds so far."""
    return [Run(**record) for record in records(path)]


def print_table(runs: list[Run]) -> None:
    """A row for each reading: its losses, under the paper's."""
    published = 100 * BASELINE.train_loss, 100 * BASELINE.validation_loss
    print(
        f"\n{'percent':44}{'training':>22}{'last tenth':>12}{'dropout off':>13}{'validation':>22}"
        f"\n{'the paper':44}{published[0]:>22.2f}{'':25}{published[1]:>22.2f}"
    )
    for name in dict.fromkeys(run.reading for run in runs):
        own = [run for run in runs if run.reading == name]
        tenth, without = (
            statistics.fmean(values)
            for values in zip(*((run.last_tenth, run.without_dropout) for run in own), strict=True)
        )
        print(
            f"{name:44}{interval([run.training for run in own]):>22}{tenth:>12.2f}"
            f"{without:>13.2f}{interval([run.validation for run in own]):>22}"
        )


def interval(values: list[float]) -> str:
    """The mean, with its 95 % interval if there are several."""
    mean, low, high = mean_with_interval(values)
    if low is None or high is None:
        return f"{mean:.2f}"
    return f"{mean:.2f} ({low:.2f}–{high:.2f})"


if __name__ == "__main__":
    main()
