"""What a study was made with, as it is stored in the study and compared when a run resumes it."""

import json
import warnings
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any

import optuna
from annotated_types import Interval
from optuna.exceptions import ExperimentalWarning
from pydantic import TypeAdapter

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.checking import STRICT, first_fault
from spaces.classifier import searches_encoder, with_encoder
from spaces.config_files import Seed
from spaces.errors import ConfigurationError, StudyError
from spaces.space import SearchSpace
from spaces.stages import STAGES, Direction, SpaceName, Stage, StageName
from studies.records.fields import fields_of, names_of
from studies.records.readable import table_of, text_of
from studies.records.request import Cost, SearchRequest
from studies.records.trials import COST_ATTRS, LATENCY_MS, MADE_WITH, N_PARAMETERS
from studies.records.versions import made_with

ATTR = "fmnist_search"
"""The one attribute of a study that holds its settings."""


@dataclass(frozen=True)
class EncoderOrigin:
    """Where a classifier's encoder starts from."""

    source: str
    """What named it: ``best``, a study, a folder with a slash at its end, or ``scratch``."""
    study: str | None = None
    trial: Annotated[int, Interval(ge=0)] | None = None
    loss: float | None = None
    """The autoencoder's, where it is known."""
    sha256: str = field(kw_only=True)
    """Of the weights; nothing of random ones."""
    config: AutoencoderConfig = field(kw_only=True)

    __pydantic_config__ = STRICT

    @property
    def is_random(self) -> bool:
        """Whether it starts from random weights."""
        return self.source == "scratch"

    def __str__(self) -> str:
        """In a word: ``ae#12``, or ``scratch``."""
        return self.source if self.trial is None else f"{self.study}#{self.trial}"

    def identity(self) -> "EncoderOrigin":
        """What of it decides a classifier's value: weights and shape, not their way here."""
        return EncoderOrigin("", sha256=self.sha256, config=self.config)


@dataclass(frozen=True)
class StudySettings:
    """All that decides a trial's value, beside its configuration."""

    stage: StageName
    budget: Budget = field(default_factory=Budget)
    space_name: SpaceName = "paper"
    space: dict[str, str] = field(default_factory=dict)
    """Each dimension's values, as the command line writes them."""
    seed: Seed = 0
    metric: str = "validation_loss"
    """What a trial's value is: the metric after its last epoch."""
    direction: Direction = "minimize"
    split_seed: Seed = 0
    objectives: tuple[Cost, ...] = ()
    """Costs that are minimised beside the metric."""
    max_params: Annotated[int, Interval(ge=1)] | None = None
    max_latency_ms: Annotated[float, Interval(gt=0)] | None = None
    encoder: EncoderOrigin | None = None
    """A classifier's."""

    __pydantic_config__ = STRICT

    def stage_record(self) -> Stage:
        """All that is known of the stage."""
        return STAGES[self.stage]

    @property
    def searches_encoder(self) -> bool:
        """Whether each classifier has an encoder of its own shape."""
        return searches_encoder(self.stage_record().spaces[self.space_name])

    def search_space(self) -> SearchSpace[Any]:
        """The space as narrowed when the study was made, over the study's encoder.

        Raises:
            StudyError: this version knows no such space.
        """
        try:
            space = self.stage_record().spaces[self.space_name].narrowed(self.space)
            # A dimension that a later version added is none of this study's.
            space = space.only(self.space) if self.space else space
            return space if self.encoder is None else with_encoder(space, self.encoder.config)
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
        metrics, spaces = self.stage_record().metrics, self.stage_record().spaces
        if asked.get("space_name", self.space_name) not in spaces:
            raise ConfigurationError(
                f"space cannot be {asked['space_name']}; choose from {', '.join(spaces)}"
            )
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
            "encoder": str(self.encoder) if self.encoder else None,
        }

    def names_of_values(self) -> list[str]:
        """What each of a trial's values is, the metric first."""
        return [self.metric, *(COST_ATTRS[cost] for cost in self.objectives)]

    def limits(self) -> dict[str, float]:
        """What a model may cost at most, by the trial's attribute that has the cost."""
        every = {N_PARAMETERS: self.max_params, LATENCY_MS: self.max_latency_ms}
        return {name: most for name, most in every.items() if most is not None}

    def directions(self) -> list[Direction]:
        """Which way each value is better."""
        costs: list[Direction] = ["minimize"] * len(self.objectives)
        return [self.direction, *costs]

    def default_name(self) -> str:
        """The study's name where none is given: other settings get studies of their own."""
        budget, default, metrics = self.budget, Budget(), self.stage_record().metrics.values()
        usual_metric = next(iter(metrics)).key
        is_from_scratch = self.encoder is not None and self.encoder.is_random
        parts = (
            self.stage_record().short,
            self.space_name if self.space_name != "paper" else "",
            "scratch" if is_from_scratch and not self.searches_encoder else "",
            budget.protocol if budget.protocol != default.protocol else "",
            self.metric.removeprefix("validation_") if self.metric != usual_metric else "",
            *self.objectives,
            f"epochs{budget.epochs}" if budget.epochs != default.epochs else "",
            f"subset{budget.subset}" if budget.subset is not None else "",
            f"seed{self.seed}" if self.seed else "",
        )
        return "-".join(filter(None, parts))

    def is_comparable(self, other: "StudySettings", ignore_epochs: bool = False) -> bool:
        """Whether the same configuration would get the same value in both.

        Args:
            other: another study's settings.
            ignore_epochs: ask only whether its training would be the same as far as it goes.
        """
        budget = other.budget
        if ignore_epochs:
            budget = replace(budget, epochs=self.budget.epochs)
        own = replace(self, encoder=self.encoder and self.encoder.identity())
        unlike = {name: getattr(self, name) for name in _NOT_OF_A_VALUE} | {"budget": budget}
        return replace(other, encoder=other.encoder and other.encoder.identity(), **unlike) == own

    def differences(self, other: "StudySettings") -> list[str]:
        """Lines ``name: own value, not other's value`` for all that differs.

        An encoder of the same weights and shape is the same, whatever named it.
        """
        own, others = self.flat(), other.flat()
        own_encoder, other_encoder = (of.encoder and of.encoder.identity() for of in (self, other))
        if own_encoder == other_encoder:
            own["encoder"] = others["encoder"]
        return [
            f"{name.replace('_', '-')}: {_shown(name, own)}, not {_shown(name, others)}"
            for name in dict.fromkeys([*own, *others])
            if own.get(name) != others.get(name)
        ]

    def flat(self) -> dict[str, Any]:
        """All fields as one table, those of the budget and of the space among them."""
        flat: dict[str, Any] = asdict(self)
        parts = (flat.pop("budget"), flat.pop("space"))
        if self.encoder is not None:
            flat["encoder"] = f"{self.encoder} {self.encoder.sha256[:8]}".strip()
        return {**flat, **parts[0], **parts[1]}


_NOT_OF_A_VALUE = (
    "space",
    *(name for name, field in fields_of(SearchRequest).items() if field.option.only_chooses),
)
"""Settings that decide which trials there are, and not what one comes to."""

_STORED = TypeAdapter(StudySettings)


def write(study: optuna.Study, settings: StudySettings) -> None:
    """Write the settings into a new study, with the versions and machine it was made on."""
    with warnings.catch_warnings():
        # Optuna calls the names on its axes experimental; a user can do nothing about it.
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names(settings.names_of_values())
    study.set_user_attr(ATTR, text_of(_said(asdict(settings))))
    study.set_user_attr(MADE_WITH, text_of(made_with()))


def _said(settings: dict[str, Any]) -> dict[str, Any]:
    """What is said of them: nothing is what they have unless it is said otherwise."""
    tables = {name: _said(v) if isinstance(v, dict) else v for name, v in settings.items()}
    return {name: value for name, value in tables.items() if value not in (None, ())}


def load(study: optuna.Study) -> StudySettings:
    """The settings that :func:`write` wrote.

    Raises:
        StudyError: the study was made by another program or by a newer version of this one.
    """
    stored = study.user_attrs.get(ATTR)
    if stored is None:
        raise StudyError(
            f"study '{study.study_name}' was not made by fmnist-search; "
            "choose another name with --study"
        )
    try:
        attr = table_of(stored)
        said = {"budget": None, **attr} if isinstance(attr, dict) else attr
        settings = _STORED.validate_json(json.dumps(said))
        metrics = [metric.key for metric in settings.stage_record().metrics.values()]
        if settings.metric not in metrics:
            raise ValueError(f"metric must be one of {', '.join(metrics)}; got {settings.metric!r}")
    except ValueError as error:  # pydantic's are such
        raise StudyError(
            f"study '{study.study_name}' was made by another version of fmnist-search: "
            f"{first_fault(error)}"
        ) from error
    return settings


def is_ours(study: optuna.Study) -> bool:
    """Whether the study holds settings at all."""
    return ATTR in study.user_attrs


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
