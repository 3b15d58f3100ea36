"""What a study was made with, as it is stored in the study and compared when a run resumes it."""

import platform
import warnings
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

import optuna
from optuna.exceptions import ExperimentalWarning

from spaces import autoencoder
from spaces.budget import Budget
from spaces.errors import StudyError
from spaces.space import SearchSpace
from studies.trials import Direction

Stage = Literal["autoencoder"]
"""Which of the recipe's models a study is about."""

SPACES: dict[tuple[Stage, str], SearchSpace[Any]] = {
    ("autoencoder", "paper"): autoencoder.PAPER_SPACE,
}
"""Every space by stage and name."""

SHORT_NAMES: dict[Stage, str] = {"autoencoder": "ae"}
"""Default study names begin with these."""

_ATTR = "fmnist_search"
"""The one attribute of a study that holds its settings."""


@dataclass(frozen=True)
class StudySettings:
    """All that decides a trial's value, beside its configuration."""

    stage: Stage
    budget: Budget = field(default_factory=Budget)
    space_name: str = "paper"
    space: dict[str, str] = field(default_factory=dict)
    """Each dimension's values, as the command line writes them."""
    seed: int = 0
    metric: str = "validation_loss"
    """What a trial's value is: the metric after its last epoch."""
    direction: Direction = "minimize"
    split_seed: int = 0

    def search_space(self) -> SearchSpace[Any]:
        """The space as narrowed when the study was made.

        Raises:
            StudyError: this version knows no such space.
        """
        try:
            return SPACES[self.stage, self.space_name].narrowed(self.space)
        except (KeyError, ValueError) as error:
            raise StudyError(f"this version cannot build the study's space: {error}") from error

    def default_name(self) -> str:
        """The study's name where none is given: other budgets get studies of their own."""
        default = Budget()
        parts: list[str] = [SHORT_NAMES[self.stage]]
        if self.budget.protocol != default.protocol:
            parts.append(self.budget.protocol)
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
        unlike = {"space_name": self.space_name, "space": self.space, "budget": budget}
        return replace(other, **unlike) == self  # type: ignore[arg-type]

    def differences(self, other: "StudySettings") -> list[str]:
        """Lines ``name: own value, not other's value`` for all that differs."""
        own, others = self._flat(), other._flat()
        return [
            f"{name.replace('_', '-')}: {_shown(own.get(name))}, not {_shown(others.get(name))}"
            for name in dict.fromkeys([*own, *others])
            if own.get(name) != others.get(name)
        ]

    def _flat(self) -> dict[str, Any]:
        flat: dict[str, Any] = asdict(self)
        parts = (flat.pop("budget"), flat.pop("space"))
        return {**flat, **parts[0], **parts[1]}


def store(study: optuna.Study, settings: StudySettings) -> None:
    """Write the settings into a new study, with the versions and machine it was made on."""
    with warnings.catch_warnings():
        # Optuna calls the names on its axes experimental; a user can do nothing about it.
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names([settings.metric])
    study.set_user_attr(_ATTR, asdict(settings))
    study.set_user_attr("made_with", environment())


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
        return StudySettings(**{**attr, "budget": Budget(**attr["budget"])})
    except (TypeError, KeyError, ValueError) as error:
        raise StudyError(
            f"study '{study.study_name}' was made by another version of fmnist-search: {error}"
        ) from error


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
    }


def with_space(settings: StudySettings, narrowing: dict[str, str]) -> StudySettings:
    """Settings whose space is narrowed further, written out in full.

    Raises:
        ConfigurationError: a value is outside the space.
    """
    full = SPACES[settings.stage, settings.space_name]
    return replace(settings, space=full.narrowed({**settings.space, **narrowing}).describe())


def _shown(value: Any) -> str:
    return "all" if value is None else str(value)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a source tree
        return "unknown"
