"""What a study was made with, as it is stored in the study and compared when a run resumes it."""

import platform
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, get_args

import optuna
from optuna.exceptions import ExperimentalWarning

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.classifier import ClassifierConfig, with_encoder
from spaces.config_files import MOST_SEEDS
from spaces.errors import ConfigurationError, StudyError
from spaces.recipe import is_number, is_whole, one_of, require
from spaces.space import SearchSpace
from spaces.stages import STAGES, Direction, SpaceName, Stage, StageName
from studies.records.fields import fields_of, names_of
from studies.records.request import Cost, SearchRequest
from studies.records.trials import COST_ATTRS, MADE_WITH

_ATTR = "fmnist_search"
"""The one attribute of a study that holds its settings."""


@dataclass(frozen=True)
class StudySettings:
    """All that decides a trial's value, beside its configuration."""

    stage: StageName
    budget: Budget = field(default_factory=Budget)
    space_name: SpaceName = "paper"
    space: dict[str, str] = field(default_factory=dict)
    """Each dimension's values, as the command line writes them."""
    seed: int = 0
    metric: str = "validation_loss"
    """What a trial's value is: the metric after its last epoch."""
    direction: Direction = "minimize"
    split_seed: int = 0
    objectives: tuple[Cost, ...] = ()
    """Costs that are minimised beside the metric."""
    max_params: int | None = None
    max_latency_ms: float | None = None
    encoder: dict[str, Any] | None = None
    """A classifier's: ``source``, ``study`` and ``trial`` it came from, their ``loss``, ``sha256``
    of its weights, and its ``config``."""

    def stage_record(self) -> Stage:
        """All that is known of the stage."""
        return STAGES[self.stage]

    def search_space(self) -> SearchSpace[Any]:
        """The space as narrowed when the study was made, over the study's encoder.

        Raises:
            StudyError: this version knows no such space.
        """
        try:
            space = self.stage_record().spaces[self.space_name].narrowed(self.space)
            # A dimension that a later version added is none of this study's.
            space = space.only(self.space) if self.space else space
            if self.encoder is None:
                return space
            base = ClassifierConfig.from_dict({"encoder": self.encoder["config"]})
            return with_encoder(space, base.encoder)
        except (KeyError, ValueError) as error:
            raise StudyError(f"this version cannot build the study's space: {error}") from error

    def with_asked(self, request: SearchRequest) -> "StudySettings":
        """These settings with all that a request names in place of their own, but the encoder.

        Raises:
            ConfigurationError: the settings asked for cannot be.
        """
        named = {name: getattr(request, name) for name in names_of(SearchRequest, "study")}
        asked = {name: value for name, value in named.items() if value is not None}
        asked.pop("encoder", None)
        of_budget = {name: asked.pop(name) for name in vars(self.budget) if name in asked}
        asked["budget"] = replace(self.budget, **of_budget)
        metrics = self.stage_record().metrics
        if (metric := asked.get("metric")) is not None:
            if metric not in metrics:
                raise ConfigurationError(
                    f"metric cannot be {metric}; choose from {', '.join(metrics)}"
                )
            asked |= {"metric": metrics[metric].key, "direction": metrics[metric].direction}
        if asked.get("space_name", self.space_name) != self.space_name:
            asked["space"] = {}
        return with_space(replace(self, **asked), dict(request.space))

    def as_asked(self) -> dict[str, Any]:
        """What a request says that makes such a study, by its fields; None says nothing."""
        names = {metric.key: name for name, metric in self.stage_record().metrics.items()}
        is_usual = self.metric == next(iter(names)) and not self.objectives
        own = {**vars(self), **vars(self.budget)}
        return {name: own[name] for name in names_of(SearchRequest, "study")} | {
            "metric": None if is_usual else names[self.metric],
            "protocol": None if self.budget.protocol == Budget.protocol else self.budget.protocol,
            "encoder": self.encoder_in_words() if self.encoder else None,
        }

    def names_of_values(self) -> list[str]:
        """What each of a trial's values is, the metric first."""
        return [self.metric, *(COST_ATTRS[cost] for cost in self.objectives)]

    def directions(self) -> list[Direction]:
        """Which way each value is better."""
        costs: list[Direction] = ["minimize"] * len(self.objectives)
        return [self.direction, *costs]

    def default_name(self) -> str:
        """The study's name where none is given: other settings get studies of their own."""
        default, stage = Budget(), self.stage_record()
        parts: list[str] = [stage.short]
        if self.space_name != "paper":
            parts.append(self.space_name)
        if self.encoder is not None and self.encoder["source"] == "scratch":
            parts.append("scratch")
        if self.budget.protocol != default.protocol:
            parts.append(self.budget.protocol)
        if self.metric != next(iter(stage.metrics.values())).key:
            parts.append(self.metric.removeprefix("validation_"))
        parts += self.objectives
        if self.budget.epochs != default.epochs:
            parts.append(f"epochs{self.budget.epochs}")
        if self.budget.subset is not None:
            parts.append(f"subset{self.budget.subset}")
        if self.seed:
            parts.append(f"seed{self.seed}")
        return "-".join(parts)

    def is_comparable(self, other: "StudySettings", ignore_epochs: bool = False) -> bool:
        """Whether the same configuration would get the same value in both.

        Args:
            other: another study's settings.
            ignore_epochs: ask only whether its training would be the same as far as it goes.
        """
        budget = other.budget
        if ignore_epochs:
            budget = replace(budget, epochs=self.budget.epochs)
        own = replace(self, encoder=self._encoder_identity())
        unlike = {name: getattr(self, name) for name in _NOT_OF_A_VALUE} | {"budget": budget}
        return replace(other, encoder=other._encoder_identity(), **unlike) == own

    def differences(self, other: "StudySettings") -> list[str]:
        """Lines ``name: own value, not other's value`` for all that differs."""
        own, others = self._flat(), other._flat()
        return [
            f"{name.replace('_', '-')}: {_shown(name, own)}, not {_shown(name, others)}"
            for name in dict.fromkeys([*own, *others])
            if own.get(name) != others.get(name)
        ]

    def _flat(self) -> dict[str, Any]:
        flat: dict[str, Any] = asdict(self)
        parts = (flat.pop("budget"), flat.pop("space"))
        if self.encoder is not None:
            flat["encoder"] = f"{self.encoder_in_words()} {self.encoder['sha256'][:8]}".strip()
        return {**flat, **parts[0], **parts[1]}

    def encoder_in_words(self) -> str:
        """Where the encoder came from: ``ae#12``, or ``scratch``."""
        origin = self.encoder or {}
        if origin.get("trial") is None:
            return str(origin.get("source"))
        return f"{origin['study']}#{origin['trial']}"

    def _encoder_identity(self) -> dict[str, Any] | None:
        """What of the encoder decides a trial's value: weights and shape, not their way here."""
        if self.encoder is None:
            return None
        return {name: self.encoder[name] for name in ("sha256", "config")}


_NOT_OF_A_VALUE = (
    "space",
    *(name for name, field in fields_of(SearchRequest).items() if field.option.only_chooses),
)
"""Settings that decide which trials there are, and not what one comes to."""


def store(study: optuna.Study, settings: StudySettings) -> None:
    """Write the settings into a new study, with the versions and machine it was made on."""
    with warnings.catch_warnings():
        # Optuna calls the names on its axes experimental; a user can do nothing about it.
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names(settings.names_of_values())
    study.set_user_attr(_ATTR, asdict(settings))
    study.set_user_attr(MADE_WITH, environment())


def load(study: optuna.Study) -> StudySettings:
    """The settings that :func:`store` wrote.

    Raises:
        StudyError: the study was made by another program or by a newer version of this one.
    """
    attr = study.user_attrs.get(_ATTR)
    if attr is None:
        raise StudyError(
            f"study '{study.study_name}' was not made by fmnist-search; "
            "choose another name with --study"
        )
    try:
        parts = {
            "budget": Budget(**attr["budget"]),
            "objectives": tuple(attr.get("objectives", ())),
        }
        settings = StudySettings(**{**attr, **parts})
        _check(settings)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise StudyError(
            f"study '{study.study_name}' was made by another version of fmnist-search: {error}"
        ) from error
    return settings


def is_ours(study: optuna.Study) -> bool:
    """Whether the study holds settings at all."""
    return _ATTR in study.user_attrs


def is_untouched(study: optuna.Study) -> bool:
    """Whether the study was only just created, by a process that then died."""
    return not study.user_attrs and not study.get_trials(deepcopy=False)


def environment() -> dict[str, str]:
    """Versions and machine that a result came from."""
    packages = ("fmnist-search", "torch", "optuna", "numpy")
    return {name: _version(name) for name in packages} | {
        "python": platform.python_version(),
        "machine": f"{platform.machine()} {platform.system()}",
        "processor": _processor(),
    }


@cache
def _processor() -> str:
    """Its model, which with the versions decides the last bits."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model"):
                return value.strip()
    return platform.processor() or "unknown"


def with_space(settings: StudySettings, narrowing: dict[str, str]) -> StudySettings:
    """Settings whose space is narrowed further, written out in full.

    Raises:
        ConfigurationError: a value is outside the space.
    """
    full, wanted = settings.stage_record().spaces[settings.space_name], settings.space | narrowing
    space = full.narrowed(wanted)
    return replace(settings, space=(space.only(wanted) if settings.space else space).describe())


def _shown(name: str, settings: dict[str, Any]) -> str:
    value = settings.get(name)
    if value is None:
        return "all" if name == "subset" else "none"
    return ", ".join(value) or "none" if isinstance(value, tuple | list) else str(value)


def _check(settings: StudySettings) -> None:
    """Refuse what no study of this version has, naming the field."""
    one_of(settings, "stage", tuple(STAGES))
    stage = settings.stage_record()
    one_of(settings, "space_name", tuple(stage.spaces))
    one_of(settings, "metric", tuple(metric.key for metric in stage.metrics.values()))
    one_of(settings, "direction", get_args(Direction))
    for name in ("seed", "split_seed"):
        require(settings, name, is_whole, lambda v: 0 <= v < MOST_SEEDS, "a whole number from 0")
    require(settings, "space", _is_texts, lambda _: True, "texts by their names")
    require(settings, "objectives", _are_costs, lambda _: True, f"of {', '.join(COST_ATTRS)}")
    if settings.max_params is not None:
        require(settings, "max_params", is_whole, lambda v: v > 0, "a whole number from 1")
    if settings.max_latency_ms is not None:
        require(settings, "max_latency_ms", is_number, lambda v: v > 0, "a number above 0")
    if settings.encoder is not None:
        require(settings, "encoder", _is_origin, lambda _: True, "a source with its configuration")
        AutoencoderConfig.from_dict(settings.encoder["config"])


def _is_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())


def _are_costs(value: object) -> bool:
    return isinstance(value, tuple) and all(cost in tuple(COST_ATTRS) for cost in value)


def _is_origin(value: object) -> bool:
    """Whether it says all that is kept of where an encoder comes from."""
    if not isinstance(value, dict):
        return False
    kinds: dict[str, Callable[[Any], bool]] = {
        "source": lambda v: isinstance(v, str),
        "study": lambda v: v is None or isinstance(v, str),
        "trial": lambda v: v is None or (is_whole(v) and v >= 0),
        "loss": lambda v: v is None or is_number(v),
        "sha256": lambda v: isinstance(v, str),
        "config": lambda v: isinstance(v, dict),
    }
    return all(name in value and holds(value[name]) for name, holds in kinds.items())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a source tree
        return "unknown"
