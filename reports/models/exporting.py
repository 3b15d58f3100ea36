"""Exporting: trained models from their study into folders that stand alone."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NamedTuple

from optuna.trial import FrozenTrial
from torch import Tensor

from reports.analysis.tables import pareto_fronts
from reports.models.model_card import model_card
from spaces.budget import Budget
from spaces.config_files import ConfigFile, TrainedWith, json_schema, write_config
from spaces.errors import StudyError
from studies.data.images import Images, Split, load_split, load_train
from studies.files import places, tensor_files
from studies.files.writing import write
from studies.final.results import FinalResult
from studies.networks import exported, onnx_model
from studies.networks.evaluation import judged_again
from studies.networks.novelty import FORMAT, Novelty
from studies.networks.plain import Autoencoder, Classifier
from studies.records import attributes, encoders, pictures, trials, weights
from studies.records.open_study import OpenStudy
from studies.records.origins import origins
from studies.records.references import StudyTrial

ConfigFormat = Literal["json", "toml"]

N_CHECKED = sum(onnx_model.BATCHES)
"""Real images over which an ONNX model is compared with PyTorch."""


class Exported(NamedTuple):
    """One model's folder, as it is now."""

    folder: Path
    metrics: dict[str, Any]
    """The fields of its ``metrics.json``."""
    sizes: dict[str, int]
    """Its files' bytes."""


def top_trials(study: OpenStudy, n: int) -> list[StudyTrial]:
    """The best so many that were trained to the end, each configuration once.

    Raises:
        StudyError: there are none.
    """
    return _some(study, trials.ranked(study.own(), study.settings.direction)[:n])


def pareto_trials(study: OpenStudy) -> list[StudyTrial]:
    """Those that no other beats in all of the study's objectives; of one, with its parameters.

    Raises:
        StudyError: there are none.
    """
    against = "objectives" if study.settings.objectives else "params"
    numbers = {row.number for row in pareto_fronts(study.study) if against in row.fronts}
    return _some(study, [t for t in study.trials() if t.number in numbers])


def export_models(
    models: Sequence[StudyTrial],
    out: Path,
    data_folder: Path,
    nested: bool,
    finals: Sequence[FinalResult] = (),
    config_format: ConfigFormat = "json",
    overwrite: bool = False,
    on_model: Callable[[StudyTrial], None] = lambda _: None,
) -> list[Exported]:
    """Write trials' models into a folder: all of them, or nothing.

    Args:
        models: finished trials of a study.
        out: not there yet, or empty, or an export to overwrite.
        data_folder: holds verified data, by which models are judged again and ONNX is checked.
        nested: whether each gets a folder ``trial-12`` within ``out``; else there is but one, and
            ``out`` is its folder.
        finals: what ``fmnist-search train`` measured, of whatever models.
        config_format: of the configurations' files.
        overwrite: replace an export that is there.
        on_model: told of each before it is written.

    Raises:
        StudyError: weights were not kept or do not give the stored figures, the folder may not be
            written, or an ONNX model is not the network.
    """
    written = []
    known = load_split(data_folder, Budget())
    pixels = load_train(data_folder).first(N_CHECKED).pixels
    validation = load_split(data_folder, models[0].study.settings.budget).validation
    with _new_folder(out, overwrite) as folder:
        for model in models:
            on_model(model)
            part = Path(f"trial-{model.trial.number}" if nested else ".")
            (folder / part).mkdir(exist_ok=True)
            metrics = _write(model, folder / part, pixels, validation, known, finals, config_format)
            written.append(Exported(out / part, metrics, _sizes(folder / part)))
    return written


def _some(study: OpenStudy, chosen: list[FrozenTrial]) -> list[StudyTrial]:
    if not chosen:
        raise StudyError(f"no trial of study '{study.name}' has been trained to the end yet")
    return [StudyTrial(study, trial) for trial in chosen]


def _write(
    model: StudyTrial,
    folder: Path,
    pixels: Tensor,
    validation: Images,
    known: Split,
    finals: Sequence[FinalResult],
    config_format: ConfigFormat,
) -> dict[str, Any]:
    study, trial = model
    settings = study.settings
    recorded = TrainedWith(trial.user_attrs[trials.SEED], settings.budget)
    file = ConfigFile(settings.stage_record(), study.config_of(trial), recorded)
    noted = weights.kept(study.store, trial)
    whose = f"trial {trial.number} of '{study.name}'"
    network, judgement = judged_again(
        file.config,
        weights.load(study, trial),
        attributes.of(trial)[trials.METRICS],
        validation,
        whose,
    )

    write_config(folder / f"config.{config_format}", file, f"./{exported.SCHEMA}")
    _write_json(folder / exported.SCHEMA, json_schema(file.stage))
    tensors = tensor_files.to_bytes(network.state_dict(), {"format": "pt"})
    write(folder / exported.WEIGHTS, tensors)
    encoder_file = encoders.weights_file(study)
    if encoder_file is not None:
        write(folder / exported.ENCODER, encoder_file.read_bytes())
    onnx = _write_onnx(network, folder / exported.ONNX, pixels)
    novelty = Novelty.fit(network, *known)
    write(folder / exported.NOVELTY, tensor_files.to_bytes(novelty.tensors()))
    picture, png = pictures.of_network(network, validation, judgement.confusion)
    write(folder / picture, png)

    names = [name for name in exported.FILES if (folder / name).exists()]
    files = {name: exported.identity(folder / name) for name in names}
    by_test_images = [f for f in finals if f.seeds and f.budget.protocol != "search"]
    own = [_final(final) for final in by_test_images if final.is_of(trial, settings)]
    metrics = {
        **_metrics(model),
        "judged_again": {"loss": judgement.loss, "accuracy": judgement.accuracy},
        "weights_checksum_known": noted is not None and noted.sha256 is not None,
        "finals": own,
        "onnx": onnx,
        "novelty_format": FORMAT,
        "files": files,
    }
    _write_json(folder / exported.METRICS, metrics)
    card = model_card(file, network, metrics, [*names, exported.METRICS])
    write(folder / exported.CARD, card)
    exported.read_model(folder)  # what cannot be read back is not handed out
    return metrics


def _write_onnx(network: Autoencoder | Classifier, path: Path, pixels: Tensor) -> dict[str, Any]:
    content = onnx_model.to_onnx(network)
    difference = onnx_model.largest_difference(content, network, pixels)
    write(path, content)
    return {
        "opset": onnx_model.OPSET,
        "input": onnx_model.INPUT,
        "output": onnx_model.output_name(network),
        "n_images": len(pixels),
        "largest_difference": difference,
    }


def _metrics(model: StudyTrial) -> dict[str, Any]:
    study, trial = model
    attrs, settings = attributes.of(trial), study.settings
    origin = asdict(settings.encoder) if settings.encoder else {}
    encoder = {name: value for name, value in origin.items() if name != "config"} or None
    return {
        "format": exported.FORMAT,
        "stage": settings.stage,
        "study": study.name,
        "trial": trial.number,
        "state": trial.state.name.lower(),
        "paper": attrs.get(trials.PAPER),
        "origin": origins(study.trials())[trial.number],
        "configuration": attrs[trials.WORDS],
        "encoder": encoder,
        "metric": settings.metric,
        "value": attrs[trials.METRICS][settings.metric],
        "n_epochs": trials.n_epochs_stored(trial),
        "last_epoch": attrs[trials.METRICS],
        "epochs": attrs[trials.EPOCHS],
        "confusion": attrs.get(trials.CONFUSION),
        "n_parameters": attrs[trials.N_PARAMETERS],
        "n_multiply_adds": attrs[trials.N_MULTIPLY_ADDS],
        "latency_ms": attrs.get(trials.LATENCY_MS),
        "latency_spread_ms": attrs.get(trials.LATENCY_SPREAD_MS),
        "seconds": attrs.get(trials.SECONDS),
        "n_threads": attrs.get(trials.N_THREADS),
        "made_with": attrs.get(trials.MADE_WITH),
    }


def _final(final: FinalResult) -> dict[str, Any]:
    """Mean and interval over its seeds, and what they were trained with and judged by."""
    summary = final.to_dict()["summary"]
    names = ("metric", "n_seeds", "mean", "low", "high")
    origin = {"name": final.name, "budget": str(final.budget), "judged_by": final.judged_by}
    return {**origin, **{name: summary[name] for name in names}}


def _write_json(path: Path, table: dict[str, Any]) -> None:
    write(path, json.dumps(table, indent=2, ensure_ascii=False) + "\n")


def _sizes(folder: Path) -> dict[str, int]:
    return {
        name: (folder / name).stat().st_size for name in exported.FILES if (folder / name).exists()
    }


@contextmanager
def _new_folder(out: Path, overwrite: bool) -> Iterator[Path]:
    """A folder to write in, which takes the place of ``out`` if nothing goes wrong."""
    place = places.expanded(out).resolve()
    _check_free(place, out, overwrite)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = tempfile.TemporaryDirectory(
            prefix=f".{place.name}.", dir=place.parent, ignore_cleanup_errors=True
        )
    except OSError as error:
        raise StudyError(f"cannot make the folder {out}: {error.strerror}") from error
    try:
        with beside:
            new = Path(beside.name) / "new"
            new.mkdir()  # unlike the one around it, with the rights that the umask leaves
            yield new
            _put_in_place(new, place, Path(beside.name) / "old")
    except OSError as error:
        raise StudyError(f"cannot write the folder {out}: {error.strerror}") from error


def _check_free(place: Path, out: Path, overwrite: bool) -> None:
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return
    if not place.is_dir() or not _is_ours(place):
        raise StudyError(
            f"{out} exists and was not made by fmnist-search export; choose another --out"
        )
    if not overwrite:
        raise StudyError(f"{out} exists already; add --overwrite to replace it")


def _is_ours(place: Path) -> bool:
    """Whether nothing but exports is lost with the folder."""
    if exported.is_exported(place):
        return True
    return all(path.is_dir() and exported.is_exported(path) for path in place.iterdir())


def _put_in_place(new: Path, place: Path, aside: Path) -> None:
    """Rename, after what is there has been moved aside; it is moved back if that fails."""
    if place.exists():
        place.rename(aside)
    try:
        new.rename(place)
    except BaseException:
        if aside.exists():
            aside.rename(place)
        raise
