"""A trained model in a folder of its own: what is in it, and how it is read back.

Reading runs nothing that is in the folder: configuration and figures are text, weights are
safetensors, and every file must be the one whose SHA-256 the figures note.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from spaces.bounded import read_bounded
from spaces.classifier import ClassifierConfig
from spaces.config_files import TrainedWith, read_config, read_table
from spaces.errors import ConfigurationError, StudyError
from spaces.recipe import MOST_PARAMETERS
from spaces.space import Configuration
from spaces.stages import Stage
from studies.files import tensor_files
from studies.networks.novelty import FORMAT as NOVELTY_FORMAT
from studies.networks.novelty import Novelty
from studies.networks.plain import Autoencoder, Classifier, build, build_encoder

FORMAT = "fmnist-search export 1"
"""First field of ``metrics.json``; another number is another layout of the folder."""

CONFIG_JSON = "config.json"
CONFIG_TOML = "config.toml"
SCHEMA = "config.schema.json"
WEIGHTS = "model.safetensors"
ENCODER = "encoder.safetensors"
"""What a classifier's encoder started from; not there if those were random weights."""
ONNX = "model.onnx"
NOVELTY = "novelty.safetensors"
"""Tells pictures unlike those it learned from; exports of earlier versions have none."""
CONFUSION = "confusion-matrix.png"
"""A classifier's picture."""
RECONSTRUCTIONS = "reconstructions.png"
"""An autoencoder's."""
METRICS = "metrics.json"
CARD = "README.md"
FILES = (
    *(CONFIG_JSON, CONFIG_TOML, SCHEMA, WEIGHTS, ENCODER, ONNX),
    *(NOVELTY, CONFUSION, RECONSTRUCTIONS, METRICS, CARD),
)
"""All that an exported folder can hold."""

MOST_BYTES = 5 * MOST_PARAMETERS
"""Of a file: four bytes for each weight, and room for their names."""


class ExportedModel(NamedTuple):
    """What an exported folder says."""

    stage: Stage
    config: Configuration
    trained_with: TrainedWith
    """The same configuration, seed, budget and, of a classifier, ``encoder`` give the same
    weights."""
    weights: dict[str, Tensor]
    """The network's ``state_dict``."""
    encoder: dict[str, Tensor] | None
    """What a classifier's encoder started from; None for random weights, and of autoencoders."""
    metrics: dict[str, Any]
    """The fields of ``metrics.json``."""
    novelty: Novelty | None
    """What unusual pictures are known by; None of earlier versions."""

    def network(self) -> Autoencoder | Classifier:
        """The network with its weights, in evaluation mode."""
        network = build(self.config)
        network.load_state_dict(self.weights)
        return network.eval()


def read_model(folder: Path) -> ExportedModel:
    """Read a folder that ``fmnist-search export`` made.

    Raises:
        StudyError: it is another folder, a file of it is missing or was changed, or the weights are
            not the configuration's.
        ConfigurationError: its configuration cannot be; names the file.
    """
    metrics = _read_metrics(folder)
    content = _verified(folder, metrics)
    name = CONFIG_JSON if CONFIG_JSON in content else CONFIG_TOML
    for needed in (name, WEIGHTS):
        if needed not in content:
            raise StudyError(f"{folder}: {METRICS} does not name {needed}; export the model again")
    stage, config, trained_with = read_config(folder / name)
    if trained_with is None:
        raise StudyError(f"{folder / name} does not say how the weights were trained")
    weights = _tensors(content[WEIGHTS], folder / WEIGHTS)
    with torch.device("meta"):  # shapes alone
        network = build(config)
        _check_fit(weights, network.state_dict(), folder / WEIGHTS)
    encoder, novelty = None, None
    if ENCODER in content and isinstance(config, ClassifierConfig):
        encoder = _tensors(content[ENCODER], folder / ENCODER)
        with torch.device("meta"):
            _check_fit(encoder, build_encoder(config.encoder).state_dict(), folder / ENCODER)
    if NOVELTY in content and metrics.get("novelty_format") == NOVELTY_FORMAT:
        remembered = _tensors(content[NOVELTY], folder / NOVELTY)
        with torch.device("meta"):
            _check_fit(remembered, Novelty.like(network).tensors(), folder / NOVELTY)
        novelty = Novelty(**remembered)
    return ExportedModel(stage, config, trained_with, weights, encoder, metrics, novelty)


def is_exported(folder: Path) -> bool:
    """Whether the folder is an export, damaged or not, and holds nothing else."""
    try:
        _read_metrics(folder)
    except StudyError:
        return False
    return all(path.name in FILES and path.is_file() for path in folder.iterdir())


def identity(path: Path) -> dict[str, Any]:
    """A file's size and SHA-256, as ``metrics.json`` notes them."""
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": tensor_files.digest(content)}


def _read_metrics(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise StudyError(f"there is no folder {folder}; make one: fmnist-search export STUDY")
    inner = sorted(path.parent.name for path in folder.glob(f"*/{METRICS}"))
    if inner and not (folder / METRICS).exists():
        raise StudyError(f"{folder} contains several models: {', '.join(inner)}; name one of them")
    foreign = StudyError(f"{folder} was not made by fmnist-search export")
    try:
        metrics = read_table(folder / METRICS)
    except ConfigurationError as error:
        raise foreign from error
    made_as = metrics.get("format")
    if isinstance(made_as, str) and made_as != FORMAT and made_as.startswith(FORMAT[:-1]):
        raise StudyError(f"{folder} was exported by another version of fmnist-search")
    if made_as != FORMAT or not isinstance(metrics.get("files"), dict):
        raise foreign
    return metrics


def _verified(folder: Path, metrics: dict[str, Any]) -> dict[str, bytes]:
    """The files' bytes, each as it was when it was exported."""
    content = {}
    for name, noted in metrics["files"].items():
        path = folder / name
        if name not in FILES:
            raise StudyError(f"{folder}: {METRICS} names a file {name!r}, which no export has")
        try:
            content[name] = read_bounded(path, MOST_BYTES)
        except OSError as error:
            raise StudyError(f"{path}: {error.strerror}; export the model again") from error
        found = tensor_files.digest(content[name])
        if not isinstance(noted, dict) or noted.get("sha256") != found:
            raise StudyError(
                f"{path} is not the file that was exported: its SHA-256 is another than {METRICS} "
                "notes; export the model again"
            )
    return content


def _tensors(content: bytes, path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise StudyError(f"{path} contains no weights: {error}") from error
    tensor_files.check_finite(tensors, str(path))
    return tensors


def _check_fit(tensors: dict[str, Tensor], wanted: dict[str, Tensor], path: Path) -> None:
    def shapes(state: dict[str, Tensor]) -> dict[str, tuple[Any, ...]]:
        return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in state.items()}

    found, needed = shapes(tensors), shapes(wanted)
    wrong = [name for name in {**needed, **found} if found.get(name) != needed.get(name)]
    if wrong:
        raise StudyError(f"{path} contains weights of another network: {', '.join(wrong[:3])}")
