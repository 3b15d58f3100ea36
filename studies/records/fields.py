"""What a request's field says of itself: whose it is, its bounds, how it is typed, how it reads.

The commands' options, the check of a request, what a run notes and the commands that are printed
follow from it. Imports nothing heavy, as the command line reads it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple, get_args, get_origin

from spaces.errors import ConfigurationError
from spaces.stages import StageName

Scope = Literal["run", "study", "machine", "once"]
"""``run``: no study remembers it, each run is told it again. ``study``: a study remembers it and is
not resumed with another value. ``machine``: where and with what a run works. ``once``: means
something to the one command that says it."""


_KEY = "option"
"""Of what dataclasses keep beside a field."""


@dataclass(frozen=True)
class Option:
    """What is known of a field of a request that is an option of the command line."""

    help: str
    scope: Scope = "run"
    otherwise: str | None = None
    """The default in words, where the field's own does not say what happens."""
    within: tuple[int | None, int | None] = (None, None)
    """The least and the most that a number may be."""
    above_0: str | None = None
    """The unit of a number that must be above 0."""
    flag: str | None = None
    """Where it is not the field's name."""
    metavar: str | None = None
    parse: Callable[[str], Any] | None = None
    """From text to the value; raises ConfigurationError."""
    typed_as: Any = None
    """Type of what is typed, where the field gets something made from that."""
    is_file: bool = False
    """It names a file that is there."""
    values: tuple[str, ...] = ()
    """What it can be, for a shell that completes it."""
    panel: str | None = None
    """Of the whole help."""
    in_short_help: bool = False
    """Whether ``--help`` shows it, which fits a screen; ``--help-all`` shows every option."""
    stage: StageName | None = None
    """The one stage whose searches have it."""
    decides: bool = False
    """No study remembers it, though it decides which trials there are or what one comes to."""
    only_chooses: bool = False
    """A study's, and decides which trials there are but not what one comes to."""


def option(help: str, scope: Scope = "run", *, default: Any = None, **more: Any) -> Any:  # noqa: A002
    """A field of a request that is an option; ``more`` is what :class:`Option` has beside it."""
    return field(default=default, metadata={_KEY: Option(help, scope, **more)})


class Field(NamedTuple):
    """A field that is an option."""

    name: str
    kind: Any
    """Its type."""
    default: Any
    option: Option

    @property
    def flag(self) -> str:
        """The option's name, without dashes before it."""
        return self.option.flag or self.name.replace("_", "-")


def fields_of(request: type) -> dict[str, Field]:
    """The fields of a request that are options, by name, in the order of the class."""
    return {
        one.name: Field(one.name, one.type, one.default, one.metadata[_KEY])
        for one in fields(request)
        if _KEY in one.metadata
    }


def names_of(request: type, *scopes: Scope) -> list[str]:
    """Names of the fields that are options of the scopes, one scope after the other."""
    every = fields_of(request).items()
    return [name for scope in scopes for name, one in every if one.option.scope == scope]


def check(request: Any) -> None:
    """Refuse a request with a value out of bounds.

    Raises:
        ConfigurationError: names the field.
    """
    for name, one in fields_of(type(request)).items():
        value, (least, most), unit = getattr(request, name), one.option.within, one.option.above_0
        if not isinstance(value, int | float):
            continue
        if least is not None and value < least:
            raise ConfigurationError(f"{name} must be at least {least}; got {value}")
        if most is not None and value > most:
            raise ConfigurationError(f"{name} must be at most {most}; got {value}")
        if unit is not None and not value > 0:
            raise ConfigurationError(f"{name} must be above 0 {unit}; got {value}")


def is_plain(kind: Any) -> bool:
    """Whether values of a type are numbers, words of a list or yes and no, so that none is a place.

    What cannot be told, as of a text, is not.
    """
    if get_origin(kind) is Literal or kind in (int, float, bool, type(None), ...):
        return True
    return bool(get_args(kind)) and all(map(is_plain, get_args(kind)))
