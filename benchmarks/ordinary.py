"""The ordinary way to search the paper's autoencoders: Optuna, torchvision, eager PyTorch.

    python -m benchmarks.ordinary --data-root DIR --split split.pt --storage sqlite:///race.db

One script, as somebody who knows Optuna and PyTorch well would write it, for ``benchmarks.race``:
TPE that models all parameters together, the median pruner at every epoch, SQLite; the paper's five
configurations are queued first, as Optuna advises for what is known already. Images are read and
normalised once and stay in memory; PyTorch uses all cores. Nothing here is this project's.
"""

import argparse
from pathlib import Path

import optuna
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from studies.data.torchvision_import import import_torchvision

BATCH_SIZE = 100
LEARNING_RATE = 1e-3

PAPER = (
    {"dropout": 0.0, "batchnorm": False, "pool2": "max", "conv1": 16, "conv2": 32},
    {"dropout": 0.0, "batchnorm": True, "pool2": "max", "conv1": 16, "conv2": 32},
    {"dropout": 0.0, "batchnorm": True, "pool2": "avg", "conv1": 16, "conv2": 32},
    {"dropout": 0.2, "batchnorm": False, "pool2": "max", "conv1": 16, "conv2": 32},
    {"dropout": 0.0, "batchnorm": True, "pool2": "avg", "conv1": 64, "conv2": 96},
)
"""The paper's configurations, cheapest first; the first pooling takes the largest in all."""


class Autoencoder(nn.Module):
    """The paper's Table 2: two convolutions with pooling, and two transposed convolutions."""

    def __init__(
        self, conv1: int, conv2: int, pool1: str, pool2: str, batchnorm: bool, dropout: float
    ) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *block(1, conv1, pool1, batchnorm, dropout),
            *block(conv1, conv2, pool2, batchnorm, dropout),
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(conv2, conv1, kernel_size=5, stride=2),
            nn.ReLU(),
            nn.ConvTranspose2d(conv1, 1, kernel_size=6, stride=2, padding=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 1, 28, 28), encoded and decoded."""
        decoded: Tensor = self.decoder(self.encoder(images))
        return decoded


def block(n_in: int, n_out: int, pool: str, batchnorm: bool, dropout: float) -> list[nn.Module]:
    """Convolution → [batch norm] → ReLU → [dropout] → pooling."""
    layers: list[nn.Module] = [nn.Conv2d(n_in, n_out, kernel_size=3)]
    if batchnorm:
        layers.append(nn.BatchNorm2d(n_out))
    layers.append(nn.ReLU(inplace=True))
    if dropout > 0:
        layers.append(nn.Dropout(dropout))
    layers.append(nn.MaxPool2d(2) if pool == "max" else nn.AvgPool2d(2))
    return layers


def main() -> None:
    """Search, and print the best trial."""
    options = parse_options()
    train, validation = load_images(options.data_root, options.split)

    def objective(trial: optuna.Trial) -> float:
        torch.manual_seed(1000 * options.seed + trial.number)
        model = suggest_model(trial)
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
        for epoch in range(1, options.epochs + 1):
            train_epoch(model, optimizer, train)
            loss = evaluate(model, validation)
            trial.report(loss, epoch)
            if epoch < options.epochs and trial.should_prune():
                raise optuna.TrialPruned
        return loss

    study = optuna.create_study(
        storage=options.storage,
        study_name="ordinary",
        sampler=optuna.samplers.TPESampler(multivariate=True, seed=options.seed),
        pruner=optuna.pruners.MedianPruner(),
    )
    for params in PAPER:
        study.enqueue_trial({"pool1": "max", **params})
    study.optimize(objective, n_trials=len(PAPER) + options.trials)
    print(f"best: {study.best_value:.4f} with {study.best_params}")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-root", required=True, help="torchvision's folder of data sets")
    parser.add_argument("--split", type=Path, required=True, help="indices, (train, validation)")
    parser.add_argument("--storage", required=True, help="Optuna's URL of a database")
    parser.add_argument("--trials", type=int, default=50, help="besides the paper's five (50)")
    parser.add_argument("--epochs", type=int, default=30, help="of a trial (30)")
    parser.add_argument("--seed", type=int, default=0, help="of sampler and weights (0)")
    return parser.parse_args()


def load_images(
    root: str, split: Path
) -> tuple[DataLoader[tuple[Tensor, ...]], DataLoader[tuple[Tensor, ...]]]:
    """Training and validation images, normalised to [−1, 1] once."""
    torchvision = import_torchvision()  # ``import torchvision``, also beside torch without CUDA
    transforms = torchvision.transforms
    normalize = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    images = torchvision.datasets.FashionMNIST(root, train=True, transform=normalize)
    train, validation = (
        TensorDataset(torch.stack([images[index][0] for index in indices]))
        for indices in torch.load(split)
    )
    return (
        DataLoader(train, batch_size=BATCH_SIZE, shuffle=True),
        DataLoader(validation, batch_size=BATCH_SIZE),
    )


def suggest_model(trial: optuna.Trial) -> Autoencoder:
    """The model that Optuna chooses."""
    return Autoencoder(
        conv1=trial.suggest_categorical("conv1", (8, 16, 32, 48, 64, 96)),
        conv2=trial.suggest_categorical("conv2", (16, 32, 64, 96, 128)),
        pool1=trial.suggest_categorical("pool1", ("max", "avg")),
        pool2=trial.suggest_categorical("pool2", ("max", "avg")),
        batchnorm=trial.suggest_categorical("batchnorm", (False, True)),
        dropout=trial.suggest_float("dropout", 0.0, 0.5, step=0.05),
    )


def train_epoch(
    model: Autoencoder, optimizer: torch.optim.Optimizer, loader: DataLoader[tuple[Tensor, ...]]
) -> None:
    """One pass over the training images."""
    model.train()
    for (images,) in loader:
        optimizer.zero_grad()
        loss = functional.mse_loss(model(images), images)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


@torch.inference_mode()
def evaluate(model: Autoencoder, loader: DataLoader[tuple[Tensor, ...]]) -> float:
    """The mean loss over the validation images."""
    model.eval()
    total, n_images = 0.0, 0
    for (images,) in loader:
        total += functional.mse_loss(model(images), images).item() * len(images)
        n_images += len(images)
    return total / n_images


if __name__ == "__main__":
    main()
