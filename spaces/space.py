"""A search space: dimensions that together make one kind of configuration."""

import hashlib
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar

from spaces.dimensions import Dimension, Value
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


C = TypeVar("C", bound=Configuration)


@dataclass(frozen=True)
class SearchSpace(Generic[C]):
    """The configurations a study may try."""

    name: str
    config_type: type[C]
    dimensions: tuple[Dimension, ...]

    def suggest(self, trial: "BaseTrial") -> C:
        """Let Optuna choose each dimension; fields that are no dimension keep their defaults."""
        return self.config_type(**{d.name: d.suggest(trial) for d in self.dimensions})

    def suggest_known(self, trial: "BaseTrial", config: C) -> None:
        """Record ``config`` as the trial's parameters, leaving out values outside the space.

        Optuna cannot hold a parameter outside its distribution, and a narrowed space does not
        hold every value of the paper's configurations, which are run in it all the same.
        """
        for dimension in self.dimensions:
            if getattr(config, dimension.name) in dimension:
                dimension.suggest(trial)

    def params(self, config: C) -> dict[str, Value]:
        """The values in ``config`` that lie in the space, as ``enqueue_trial`` takes them."""
        values = {d.name: getattr(config, d.name) for d in self.dimensions}
        return {d.name: values[d.name] for d in self.dimensions if values[d.name] in d}

    def __contains__(self, config: C) -> bool:
        """Whether a trial of this space can have ``config``."""
        params = self.params(config)
        complete = len(params) == len(self.dimensions)
        return complete and self.config_type(**params) == config

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

    def describe(self) -> dict[str, str]:
        """What a study stores of its space: each dimension's values as options have them."""
        return {dimension.name: str(dimension) for dimension in self.dimensions}

    def size(self) -> int:
        """How many configurations there are."""
        return math.prod(len(dimension.grid()) for dimension in self.dimensions)

    def __iter__(self) -> Iterator[C]:
        """Every configuration of the space."""
        for values in product(*(dimension.grid() for dimension in self.dimensions)):
            yield self._build(values)

    def sample(self, rng: random.Random) -> C:
        """A configuration drawn uniformly, without a study."""
        return self._build(tuple(rng.choice(d.grid()) for d in self.dimensions))

    def _build(self, values: tuple[Value, ...]) -> C:
        names = (dimension.name for dimension in self.dimensions)
        return self.config_type(**dict(zip(names, values, strict=True)))


def fingerprint(config: Configuration) -> str:
    """Sixteen hex digits that two configurations share only if they are equal.

    Fields at their default do not count, so that a field added later leaves the fingerprints of
    older trials as they were.
    """
    defaults = {field.name: field.default for field in fields(config)}
    changed = {
        name: float(value) if isinstance(defaults[name], float) else value
        for name, value in config.to_dict().items()
        if value != defaults[name]
    }
    canonical = json.dumps(changed, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
