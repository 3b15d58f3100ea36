"""Where a classifier's encoder starts from: found once, and kept in the classifier's study."""

import json
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial
from torch import Tensor

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.classifier import PAPER_ENCODER
from spaces.errors import NoEncoderError, StudyError
from spaces.paper import BEST_AUTOENCODER
from spaces.stages import AUTOENCODER
from studies.files import tensor_files
from studies.files.tensor_files import DamagedError
from studies.networks.exported import read_model
from studies.records import reading, trials, weights
from studies.records import settings as study_settings
from studies.records.references import (
    StudyTrial,
    all_studies,
    best_trial,
    find_trial,
    names_a_study,
)
from studies.records.settings import EncoderOrigin
from studies.storage.artifacts import ArtifactStore, put

FILE = "encoder.safetensors"

_FILE_ATTR = "encoder_file"
"""Attribute of a classifier's study: the artifact that holds its encoder's weights."""


class Encoder(NamedTuple):
    """An encoder to start from."""

    origin: EncoderOrigin
    weights: dict[str, Tensor]
    """Its ``state_dict``; empty for random ones."""


def find(
    storage: BaseStorage | None, store: ArtifactStore, source: str | None, budget: Budget
) -> Encoder:
    """The encoder that ``source`` means.

    Args:
        storage: None where there is no database yet.
        store: where trials' weights are.
        source: a study, ``study#trial``, an exported autoencoder's folder (a study of exactly that
            name goes before it), ``scratch``, or
            ``paper`` for the paper's best configuration, trained on no less than the classifier
            will be; None is the best trial of the last autoencoder study. Only studies under the
            same protocol count.
        budget: the classifier's.

    Raises:
        NoEncoderError: nobody has trained one yet.
        StudyError: there is no such study or trial, its weights were not kept, or it was trained on
            images that the classifier will be judged by.
    """
    usable = [s for s in reversed(all_studies(storage)) if _is_usable(s, budget)]
    if source == "scratch":
        return _from_scratch(usable)
    if source == "paper":
        trained = [
            StudyTrial(s, t)
            for s in usable
            if study_settings.load(s).budget.covers(budget)
            for t in _paper_trials(s)
        ]
        found = [each for each in trained if weights.is_kept(store, *each)] or trained
        hint = f"train it: fmnist-search ae {_options(budget)}--trials 0"
    elif source is None:
        found = [StudyTrial(s, t) for s in usable if (t := best_trial(s)) is not None]
        n_trials = 0 if budget.protocol == "paper" else 50
        hint = f"make one: fmnist-search ae {_options(budget)}--trials {n_trials}"
    elif not names_a_study(storage, source) and Path(source).is_dir():
        return _from_folder(Path(source), budget)
    else:
        found = [_named(storage, source, budget)]
        hint = ""
    if not found:
        which = " of the paper's best configuration" if source == "paper" else ""
        raise NoEncoderError(
            f"there is no trained autoencoder{which} under the {budget.protocol} protocol in the "
            f"storage; {hint}"
        )
    study, trial = found[0]
    if not weights.is_kept(store, study, trial):
        papers_alone = " --trials 0" if source == "paper" else ""
        raise StudyError(
            f"the weights of trial {trial.number} of '{study.study_name}' were not kept, so no "
            "classifier can start from them; train it in another study, which keeps them unless it "
            f"is told not to: fmnist-search ae {_options(budget)}--study again{papers_alone}"
        )
    encoder = _encoder_of(weights.load(store, study, trial))
    return Encoder(
        EncoderOrigin(
            source or "best",
            study.study_name,
            trial.number,
            trials.value_of(trial),
            sha256=digest(encoder),
            config=_config_of(trial),
        ),
        encoder,
    )


def keep(study: optuna.Study, store: ArtifactStore, encoder: Encoder) -> None:
    """Keep the weights with the classifier's study, whatever becomes of the autoencoder's."""
    if not encoder.weights:
        return
    config = json.dumps(encoder.origin.config.to_dict())
    content = tensor_files.to_bytes(encoder.weights, {"config": config})
    study.set_user_attr(_FILE_ATTR, put(store, study, FILE, content))


def digest(encoder: dict[str, Tensor]) -> str:
    """SHA-256 of the weights as a file would hold them."""
    return tensor_files.digest(tensor_files.to_bytes(encoder))


def papers_best(study: optuna.Study) -> str:
    """How a command names the study's trial of the paper's best configuration: ``ae-paper#4``.

    Raises:
        NoEncoderError: the study has not trained it to the end.
    """
    done = _paper_trials(study)
    if not done:
        raise NoEncoderError(
            f"study '{study.study_name}' has no trained autoencoder of the paper's best "
            f"configuration; its trials say why: fmnist-search studies show {study.study_name}"
        )
    return f"{study.study_name}#{done[0].number}"


def weights_file(study: optuna.Study, store: ArtifactStore) -> Path | None:
    """The file with the weights that the study's classifiers start from; None for random ones.

    Raises:
        StudyError: somebody removed or changed it.
    """
    kept = artifact_id(study)
    if kept is None:
        return None
    if not store.has(kept):
        raise StudyError(
            f"the encoder's weights of study '{study.study_name}' are gone from {store.place}; "
            "name the right place with --artifacts, or start a fresh study with --study"
        )
    name = study.study_name
    origin = study_settings.load(study).encoder

    def checked(path: Path) -> Path:
        tensors = tensor_files.read(path, f"the encoder of study '{name}'", sha256=None)
        if origin is None or digest(tensors) != origin.sha256:  # which is of the tensors alone
            raise DamagedError(
                f"the encoder's weights of study '{name}' in {path} are not those it was made "
                "with; put a copy in their place, or start a fresh study with --study"
            )
        tensor_files.check_finite(tensors, f"the encoder of study '{name}'")
        return path

    return weights.read(store, kept, checked)


def artifact_id(study: optuna.Study) -> str | None:
    """The artifact that holds the encoder's weights of a study of classifiers, if it has one."""
    found = study.user_attrs.get(_FILE_ATTR)
    return found if isinstance(found, str) else None


def _is_usable(study: optuna.Study, budget: Budget) -> bool:
    """Whether it is a study of autoencoders that saw no image the classifier is judged by."""
    try:
        settings = reading.check(study)
    except StudyError:  # another program's, another version's, or not as it must be
        return False
    return settings.stage == "autoencoder" and settings.budget.protocol == budget.protocol


def _options(budget: Budget) -> str:
    return "--protocol paper " if budget.protocol == "paper" else ""


def _paper_trials(study: optuna.Study) -> list[FrozenTrial]:
    done = trials.completed(study.get_trials(deepcopy=False))
    return [t for t in done if t.user_attrs.get(trials.PAPER) == BEST_AUTOENCODER.name]


def _from_scratch(usable: list[optuna.Study]) -> Encoder:
    """Random weights in the shape of the encoder that would be taken otherwise."""
    best = next((t for s in usable if (t := best_trial(s)) is not None), None)
    config = _config_of(best) if best else PAPER_ENCODER
    return Encoder(EncoderOrigin("scratch", sha256="", config=config), {})


def _from_folder(folder: Path, budget: Budget) -> Encoder:
    model = read_model(folder)
    if model.stage is not AUTOENCODER:
        raise StudyError(f"--encoder: {folder} holds a {model.stage.name}, not an autoencoder")
    if model.trained_with.budget.protocol != budget.protocol:
        raise StudyError(
            f"--encoder: {folder} was not trained under the {budget.protocol} protocol"
        )
    assert isinstance(model.config, AutoencoderConfig)
    encoder = _encoder_of(model.weights)
    origin = EncoderOrigin(
        f"{folder.resolve().name}/",  # so that no folder is taken for 'scratch'
        loss=model.metrics.get("value"),
        sha256=digest(encoder),
        config=model.config,
    )
    return Encoder(origin, encoder)


def _config_of(trial: FrozenTrial) -> AutoencoderConfig:
    return AutoencoderConfig.from_dict(trial.user_attrs[trials.CONFIG])


def _encoder_of(autoencoder: dict[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's part of a ``state_dict``."""
    prefix = "encoder."
    return {n.removeprefix(prefix): t for n, t in autoencoder.items() if n.startswith(prefix)}


def _named(storage: BaseStorage | None, source: str, budget: Budget) -> StudyTrial:
    found = find_trial(storage, source)
    if not _is_usable(found.study, budget):
        raise StudyError(
            f"--encoder: study '{found.study.study_name}' holds no autoencoders of the "
            f"{budget.protocol} protocol"
        )
    return found
