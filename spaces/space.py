"""A search space: dimensions that together make one kind of configuration."""

import hashlib
import json
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar, cast

from spaces.dimensions import Dimension, Value, is_active
from spaces.errors import ConfigurationError

if TYPE_CHECKING:
    from optuna.trial import BaseTrial


class Configuration(Protocol):
    """A frozen dataclass that defines one model and its training."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Every field as JSON can hold it."""

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The configuration that :meth:`to_dict` wrote."""

    def in_words(self) -> str:
        """What a person wants to know of it, in a few words."""

    def evaluated(self) -> Self:
        """The same network in evaluation, what only its training needs at its defaults."""

    def n_parameters(self) -> int:
        """Trainable parameters of the whole model."""

    def n_multiply_adds(self) -> int:
        """Multiplications, each with its addition, that one image takes."""


C = TypeVar("C", bound=Configuration)


@dataclass(frozen=True)
class SearchSpace(Generic[C]):
    """The configurations a study may try."""

    name: str
    base: C
    """Gives the fields that are no dimension, and those of dimensions that mean nothing."""
    dimensions: tuple[Dimension, ...]

    @property
    def config_type(self) -> type[C]:
        """What kind of configuration it makes."""
        return type(self.base)

    def suggest(self, trial: "BaseTrial") -> C:
        """Let Optuna choose each dimension that means something beside those before it."""
        return self._build(lambda dimension: dimension.suggest(trial))

    def suggest_known(self, trial: "BaseTrial", config: C) -> None:
        """Record ``config`` as the trial's parameters, leaving out values outside the space.

        Optuna cannot hold a parameter outside its distribution, and a narrowed space does not
        hold every value of the paper's configurations, which are run in it all the same.
        """
        for dimension in self._holding(values_of(config)):
            dimension.suggest(trial)

    def params(self, config: C) -> dict[str, Value]:
        """The values in ``config`` that lie in the space, as ``enqueue_trial`` takes them."""
        values = values_of(config)
        return {d.name: values[d.name] for d in self._holding(values)}

    def __contains__(self, config: C) -> bool:
        """Whether a trial of this space can have ``config``."""
        params, values = self.params(config), values_of(config)
        complete = all(d.name in params for d in self.dimensions if is_active(d, values))
        return complete and with_values(self.base, params) == config

    def narrowed(self, texts: Mapping[str, str]) -> "SearchSpace[C]":
        """The space with the named dimensions narrowed or fixed as the command line says.

        Raises:
            ConfigurationError: a name is no dimension, or a value is outside of it.
        """
        names = [dimension.name for dimension in self.dimensions]
        unknown = sorted(set(texts) - set(names))
        if unknown:
            raise ConfigurationError(
                f"unknown dimension {unknown[0]!r}; the {self.name} space has {', '.join(names)}"
            )
        return replace(
            self,
            dimensions=tuple(
                d.narrowed(texts[d.name]) if d.name in texts else d for d in self.dimensions
            ),
        )

    def only(self, names: Iterable[str]) -> "SearchSpace[C]":
        """The space of the named dimensions alone; the others are as in ``base``."""
        kept = set(names)
        return replace(self, dimensions=tuple(d for d in self.dimensions if d.name in kept))

    def describe(self) -> dict[str, str]:
        """What a study stores of its space: each dimension's values as options have them."""
        return {dimension.name: str(dimension) for dimension in self.dimensions}

    def reaches_into(self, field: str) -> bool:
        """Whether fields of the configuration in that field are dimensions."""
        return any(dimension.name.startswith(f"{field}_") for dimension in self.dimensions)

    def in_words(self, config: C) -> str:
        """A configuration in a few words, and what is within it where that is searched too."""
        within = [
            f"{name} {cast(Configuration, value).in_words()}"
            for name, value in vars(config).items()
            if is_dataclass(value) and self.reaches_into(name)
        ]
        return "; ".join([*within, config.in_words()])

    def size(self) -> int:
        """How many configurations there are, a continuous dimension counted by its grid."""
        deciding = {d.when.name for d in self.dimensions if d.when}
        parents = tuple(d for d in self.dimensions if d.name in deciding)
        others = [d for d in self.dimensions if d.name not in deciding]
        return sum(
            math.prod(len(d.grid()) for d in others if is_active(d, values_of(config)))
            for config in replace(self, dimensions=parents)
        )

    def __iter__(self) -> Iterator[C]:
        """Every configuration of the space, one after another."""
        return self._all_from({}, self.dimensions)

    def sample(self, rng: random.Random) -> C:
        """A configuration drawn uniformly, dimension after dimension, without a study."""
        return self._build(lambda dimension: rng.choice(dimension.grid()))

    def _holding(self, values: Mapping[str, Any]) -> Iterator[Dimension]:
        """The dimensions that mean something beside the values and hold their own."""
        for dimension in self.dimensions:
            if is_active(dimension, values) and values[dimension.name] in dimension:
                yield dimension

    def _build(self, choose: Callable[[Dimension], Value]) -> C:
        """The configuration of one choice after another."""
        values, chosen = values_of(self.base), dict[str, Value]()
        for dimension in self.dimensions:
            if is_active(dimension, values):
                values[dimension.name] = chosen[dimension.name] = choose(dimension)
        return with_values(self.base, chosen)

    def _all_from(self, chosen: dict[str, Value], left: tuple[Dimension, ...]) -> Iterator[C]:
        if not left:
            yield with_values(self.base, chosen)
            return
        first, rest = left[0], left[1:]
        if not is_active(first, values_of(self.base) | chosen):
            yield from self._all_from(chosen, rest)
            return
        for value in first.grid():
            yield from self._all_from({**chosen, first.name: value}, rest)


def values_of(config: Configuration | Mapping[str, Any]) -> dict[str, Any]:
    """Every field by its name, and those of a configuration within by both: ``encoder_pool1``.

    Args:
        config: itself, or as its ``to_dict`` wrote it.
    """
    values = dict(config if isinstance(config, Mapping) else vars(config))
    for name, value in [*values.items()]:
        within = value if isinstance(value, dict) else vars(value) if is_dataclass(value) else {}
        values |= {f"{name}_{inner}": own for inner, own in within.items()}
    return values


def with_values(config: C, values: Mapping[str, Value]) -> C:
    """The configuration with other values, named as :func:`values_of` does.

    Raises:
        ConfigurationError: its fields cannot have them.
    """
    own: dict[str, Any] = {name: v for name, v in values.items() if name in vars(config)}
    for name, within in vars(config).items():
        if is_dataclass(within):
            prefix = f"{name}_"
            inner = {n.removeprefix(prefix): v for n, v in values.items() if n.startswith(prefix)}
            own |= {name: replace(cast(Any, within), **inner)} if inner else {}
    return replace(config, **own)


def fingerprint(config: Configuration) -> str:
    """Sixteen hex digits that two configurations share only if they are equal.

    Fields at their default do not count, so that a field added later leaves the fingerprints of
    older trials as they were.
    """
    canonical = json.dumps(_changed(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def architecture(config: Configuration) -> str:
    """The fingerprint of what decides the network in evaluation: not dropout, not its training."""
    return fingerprint(config.evaluated())


def _is_real(default: Any, value: Any) -> bool:
    """Whether a field takes real numbers: one that may be left out has no default to tell it."""
    return isinstance(default, float) or (default is None and isinstance(value, int))


def _changed(config: Configuration) -> dict[str, Any]:
    """The fields that are not at their default; of a configuration within, its own such fields."""
    changed: dict[str, Any] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if value == field.default:
            continue
        if is_dataclass(value):
            changed[field.name] = _changed(cast(Configuration, value))
        else:
            changed[field.name] = float(value) if _is_real(field.default, value) else value
    return changed
