"""Which model ``fmnist-search train`` means: a study's trial, a file, or a row of the paper."""

from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial
from safetensors.torch import load_file
from torch import Tensor

from spaces.budget import Budget, StudyProtocol
from spaces.classifier import ClassifierConfig
from spaces.config_files import TrainedWith, read_config
from spaces.errors import ConfigurationError, StudyError
from spaces.space import Configuration
from spaces.stages import STAGES, Stage
from studies.files import places
from studies.final.repeats import Before
from studies.final.results import PAPER_PREFIX
from studies.networks import exported
from studies.records import attributes, encoders, trials, weights
from studies.records.open_study import OpenStudy
from studies.records.references import find_trial, names_a_study, names_a_trial
from studies.records.settings import EncoderOrigin
from studies.storage.place import Place


@dataclass(frozen=True)
class FinalModel:
    """A configuration to train, and what a classifier's encoder starts from."""

    source: str
    """What the user named."""
    stage: Stage
    config: Configuration
    recorded: TrainedWith | None = None
    """How it was trained before; None of a mere configuration."""
    n_threads: int | None = None
    """That it was trained with before, if that is known."""
    encoder: encoders.Encoder | None = None
    """None of an autoencoder; with empty weights for random ones."""
    before: Before | None = None
    """The training itself that ``recorded`` is of."""
    is_best: bool = False
    """Nobody named it: it is the best of its study, by the images that judged all of them."""

    def in_words(self) -> str:
        """The configuration in a few words, and the encoder's where no weights tell of it."""
        is_whole = self.encoder is not None and not self.encoder.weights
        return self.stage.spaces["whole" if is_whole else "paper"].in_words(self.config)


def find_model(place: Place, source: str) -> FinalModel:
    """The model that ``source`` means, as it was trained before.

    Args:
        place: of the studies, and of their trials' weights.
        source: ``paper:NAME``, a configuration's file, an exported folder, a study or study#trial.

    Raises:
        StudyError: there is no such model.
        ConfigurationError: the file holds no configuration.
    """
    path = places.expanded(source)
    if source.startswith(PAPER_PREFIX):
        return _of_paper(source)
    if path.is_dir() and not names_a_study(place.storage, source):
        return _of_exported(source, path)
    if path.suffix in (".json", ".toml"):
        return _of_file(source, path)
    return _of_trial(place, source)


def to_be_trained(
    place: Place, model: FinalModel, encoder: str | None, budget: Budget
) -> FinalModel:
    """The model over the encoder that it shall start from.

    Args:
        place: of the studies, and of their trials' weights.
        model: as it was trained before.
        encoder: where a classifier's encoder starts from, as the command ``clf`` takes it; None is
            as the model was trained, else the paper's for the paper's rows and the best for others.
        budget: what the model will be trained with; its protocol says by which images it is judged,
            and no encoder may have seen them.

    Raises:
        StudyError: there is no such encoder, or the test images, which are to judge the model once,
            chose it before or its encoder was evaluated on them.
        ConfigurationError: the encoder is of another shape.
    """
    is_own = encoder is None and model.encoder is not None
    if budget.protocol == "final":
        _check_not_decided(model, is_own)
    if model.stage.name == "autoencoder":
        if encoder is not None:
            raise ConfigurationError("--encoder is for classifiers; this is an autoencoder")
        return model
    if is_own:
        return model
    named = encoder or ("paper" if model.source.startswith(PAPER_PREFIX) else None)
    judged_alike: StudyProtocol = "paper" if budget.protocol == "paper" else "search"
    found = encoders.find(place, named, replace(budget, protocol=judged_alike))
    return _with_encoder(model, found)


def _check_not_decided(model: FinalModel, with_own_encoder: bool) -> None:
    """Refuse what the test images decided, in a study under the paper's protocol.

    They did not choose a configuration of the paper that somebody names. A study's encoder is of
    the same protocol as the study.
    """
    if model.recorded is None or model.recorded.budget.protocol != "paper":
        return
    if model.is_best:
        raise StudyError(
            f"the test images chose {model.source} as the best of its study, so they cannot judge "
            "it afresh; train it with --protocol paper, or name a configuration of the paper, as "
            "paper:NAME"
        )
    if with_own_encoder and model.encoder is not None and model.encoder.weights:
        raise StudyError(
            f"the encoder of {model.source} was evaluated on the test images, so they cannot judge "
            "it afresh; name another with --encoder, such as paper or scratch, or train with "
            "--protocol paper"
        )


def _of_paper(source: str) -> FinalModel:
    name = source.removeprefix(PAPER_PREFIX)
    rows = {row.name: (stage, row) for stage in STAGES.values() for row in stage.paper}
    if name not in rows:
        near = get_close_matches(name, rows, n=1)
        hint = f"did you mean {PAPER_PREFIX}{near[0]}?" if near else f"there are {', '.join(rows)}"
        raise StudyError(f"the paper has no configuration '{name}'; {hint}")
    stage, row = rows[name]
    return FinalModel(source, stage, row.config)


def _of_exported(source: str, folder: Path) -> FinalModel:
    model = exported.read_model(folder)
    encoder = None
    if isinstance(model.config, ClassifierConfig):
        weights = model.encoder or {}
        encoder = encoders.Encoder(_origin(source, model.config, weights), weights)
    metrics = model.metrics
    before = Before(
        _lists(metrics.get("epochs")), _table(metrics.get("made_with")), lambda: model.weights
    )
    n_threads = metrics.get("n_threads")
    return FinalModel(
        source, model.stage, model.config, model.trained_with, n_threads, encoder, before
    )


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _lists(value: Any) -> dict[str, list[Any]]:
    return {name: column for name, column in _table(value).items() if isinstance(column, list)}


def _of_file(source: str, path: Path) -> FinalModel:
    if (path.parent / exported.METRICS).exists():
        return replace(_of_exported(source, path.parent), source=source)
    file = read_config(path)
    return FinalModel(source, file.stage, file.config, file.trained_with)


def _of_trial(place: Place, source: str) -> FinalModel:
    study, trial = find_trial(place, source)
    settings = study.settings
    recorded = TrainedWith(trial.user_attrs[trials.SEED], settings.budget)
    stage, config, encoder = settings.stage_record(), study.config_of(trial), None
    if isinstance(config, ClassifierConfig) and settings.encoder is not None:
        if (file := encoders.weights_file(study)) is not None:
            encoder = encoders.Encoder(settings.encoder, load_file(file))
        else:
            encoder = encoders.Encoder(_origin("scratch", config, {}), {})
    name, n_threads = f"{study.name}#{trial.number}", trial.user_attrs.get(trials.N_THREADS)
    before = Before(
        attributes.of(trial).get(trials.EPOCHS, {}),
        attributes.of(trial).get(trials.MADE_WITH, {}),
        partial(_weights, study, trial),
    )
    is_best = not names_a_trial(place.storage, source)
    return FinalModel(name, stage, config, recorded, n_threads, encoder, before, is_best)


def _weights(study: OpenStudy, trial: FrozenTrial) -> dict[str, Tensor] | None:
    """What the trial's training ended with; None if it was not kept or is damaged."""
    try:
        return weights.load(study, trial)
    except StudyError:
        return None


def _with_encoder(model: FinalModel, encoder: encoders.Encoder) -> FinalModel:
    """The model over the encoder that was found; the paper's rows take it as it is."""
    assert isinstance(model.config, ClassifierConfig)
    if not encoder.weights:  # random ones fit any shape
        return replace(model, encoder=encoders.Encoder(_origin("scratch", model.config, {}), {}))
    shape = encoder.origin.config
    if not model.source.startswith(PAPER_PREFIX) and model.config.encoder != shape:
        raise ConfigurationError(
            f"the configuration's encoder is {model.config.encoder.in_words()}, the one to start "
            f"from is {shape.in_words()}; name another with --encoder"
        )
    return replace(model, config=replace(model.config, encoder=shape), encoder=encoder)


def _origin(source: str, config: ClassifierConfig, weights: dict[str, Tensor]) -> EncoderOrigin:
    sha256 = encoders.digest(weights) if weights else ""
    return EncoderOrigin(source if weights else "scratch", sha256=sha256, config=config.encoder)
