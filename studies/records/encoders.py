"""Where a classifier's encoder starts from: found once, and kept in the classifier's study."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import optuna
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
from studies.records import trials, weights
from studies.records.open_study import OpenStudy
from studies.records.references import StudyTrial, all_studies, find_trial, names_a_study
from studies.records.settings import EncoderOrigin
from studies.storage.artifacts import ArtifactStore
from studies.storage.noted_files import put
from studies.storage.place import Place

FILE = "encoder.safetensors"

FILE_ATTR = "encoder_file"
"""Attribute of a classifier's study: the artifact that holds its encoder's weights."""


class Encoder(NamedTuple):
    """An encoder to start from."""

    origin: EncoderOrigin
    weights: dict[str, Tensor]
    """Its ``state_dict``; empty for random ones."""


def find(place: Place, source: str | None, budget: Budget) -> Encoder:
    """The encoder that ``source`` means.

    Args:
        place: of the studies, and of their trials' weights.
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
    usable = list(_usable(place, budget))
    if source == "scratch":
        return _from_scratch(usable)
    name = None if source == "paper" else source
    if name is not None and not names_a_study(place.storage, name) and Path(name).is_dir():
        return _from_folder(Path(name), budget)
    study, trial = _chosen(place, usable, source, budget)
    if not weights.is_kept(place.artifacts, trial):
        papers_alone = " --trials 0" if source == "paper" else ""
        raise StudyError(
            f"the weights of trial {trial.number} of '{study.name}' were not kept, so no "
            "classifier can start from them; train it in another study, which keeps them unless it "
            f"is told not to: fmnist-search ae {_options(budget)}--study again{papers_alone}"
        )
    encoder = _encoder_of(weights.load(study, trial))
    return Encoder(
        EncoderOrigin(
            source or "best",
            study.name,
            trial.number,
            trials.value_of(trial),
            sha256=digest(encoder),
            config=_config_of(study, trial),
        ),
        encoder,
    )


def of_any_shape(source: str | None) -> Encoder:
    """What classifiers start from whose encoders have each a shape of their own: random weights.

    Raises:
        StudyError: ``source`` means weights, which fit one shape alone.
    """
    if source not in (None, "scratch"):
        raise StudyError(
            "the whole space searches the encoder's shape too, so its classifiers start from "
            f"random weights; leave --encoder {source} out, or search --space wide with it"
        )
    return _random(PAPER_ENCODER)


def keep(study: optuna.Study, store: ArtifactStore, encoder: Encoder) -> None:
    """Keep the weights with the classifier's study, whatever becomes of the autoencoder's."""
    if not encoder.weights:
        return
    config = json.dumps(encoder.origin.config.to_dict())
    content = tensor_files.to_bytes(encoder.weights, {"config": config})
    study.set_user_attr(FILE_ATTR, put(store, study, FILE, content))


def digest(encoder: dict[str, Tensor]) -> str:
    """SHA-256 of the weights as a file would hold them."""
    return tensor_files.digest(tensor_files.to_bytes(encoder))


def papers_best(study: optuna.Study) -> str:
    """How a command names the study's trial of the paper's best configuration: ``ae-paper#4``.

    Raises:
        NoEncoderError: the study has not trained it to the end.
    """
    done = _papers_best(study.get_trials(deepcopy=False))
    if not done:
        raise NoEncoderError(
            f"study '{study.study_name}' has no trained autoencoder of the paper's best "
            f"configuration; its trials say why: fmnist-search studies show {study.study_name}"
        )
    return f"{study.study_name}#{done[0].number}"


def weights_file(opened: OpenStudy) -> Path | None:
    """The file with the weights that the study's classifiers start from; None for random ones.

    Raises:
        StudyError: somebody removed or changed it.
    """
    kept, name, store = artifact_id(opened.study), opened.name, opened.store
    if kept is None:
        return None
    if not store.has(kept):
        raise StudyError(
            f"the encoder's weights of study '{name}' are gone from {store.place}; "
            "name the right place with --artifacts, or start a fresh study with --study"
        )
    origin = opened.settings.encoder

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
    found = study.user_attrs.get(FILE_ATTR)
    return found if isinstance(found, str) else None


def _chosen(
    place: Place, usable: list[OpenStudy], source: str | None, budget: Budget
) -> StudyTrial:
    """The trial that ``source`` means, of a study or of all that are usable."""
    if source == "paper":
        covering = [s for s in usable if s.settings.budget.covers(budget)]
        trained = [StudyTrial(s, t) for s in covering for t in _papers_best(s.trials())]
        kept = (each for each in trained if weights.is_kept(place.artifacts, each.trial))
        found = next(kept, next(iter(trained), None))
        which, hint = " of the paper's best configuration", "train it"
    elif source is None:
        found = next((StudyTrial(s, t) for s in usable if (t := s.best()) is not None), None)
        which, hint = "", "make one"
    else:
        found = find_trial(place, source)
        if not _fits(found.study, budget):
            raise StudyError(
                f"--encoder: study '{found.study.name}' holds no autoencoders of the "
                f"{budget.protocol} protocol"
            )
        return found
    if found is None:
        n_trials = 0 if source == "paper" or budget.protocol == "paper" else 50
        raise NoEncoderError(
            f"there is no trained autoencoder{which} under the {budget.protocol} protocol in the "
            f"storage; {hint}: fmnist-search ae {_options(budget)}--trials {n_trials}"
        )
    return found


def _usable(place: Place, budget: Budget) -> Iterator[OpenStudy]:
    """Studies of autoencoders that saw no image the classifier is judged by, the newest first."""
    for study in reversed(all_studies(place.storage)):
        with suppress(StudyError):  # another program's, another version's, or not as it must be
            opened = OpenStudy.at(study, place.artifacts)
            if _fits(opened, budget):
                yield opened


def _fits(opened: OpenStudy, budget: Budget) -> bool:
    settings = opened.settings
    return settings.stage == "autoencoder" and settings.budget.protocol == budget.protocol


def _options(budget: Budget) -> str:
    return "--protocol paper " if budget.protocol == "paper" else ""


def _papers_best(all_trials: list[FrozenTrial]) -> list[FrozenTrial]:
    return [
        t
        for t in trials.completed(all_trials)
        if t.user_attrs.get(trials.PAPER) == BEST_AUTOENCODER.name
    ]


def _from_scratch(usable: list[OpenStudy]) -> Encoder:
    """Random weights in the shape of the encoder that would be taken otherwise."""
    configs = (_config_of(s, t) for s in usable if (t := s.best()) is not None)
    return _random(next(configs, PAPER_ENCODER))


def _random(config: AutoencoderConfig) -> Encoder:
    return Encoder(EncoderOrigin("scratch", sha256="", config=config), {})


def _from_folder(folder: Path, budget: Budget) -> Encoder:
    model = read_model(folder)
    if model.stage is not AUTOENCODER:
        raise StudyError(f"--encoder: {folder} contains a {model.stage.name}, not an autoencoder")
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


def _config_of(study: OpenStudy, trial: FrozenTrial) -> AutoencoderConfig:
    config = study.config_of(trial)
    assert isinstance(config, AutoencoderConfig)
    return config


def _encoder_of(autoencoder: dict[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's part of a ``state_dict``."""
    prefix = "encoder."
    return {n.removeprefix(prefix): t for n, t in autoencoder.items() if n.startswith(prefix)}
