"""Options' defaults from a configuration file, and the environment variables that name options.

What beats what: command line, environment, the file that was named or else the working folder's,
the user's own file, and last the option's own default.
"""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from spaces.config_files import line_of, parse_table, read_text
from spaces.dimensions import as_text
from spaces.errors import ConfigurationError
from studies.files import places

FILE = "fmnist-search.toml"
"""Read from the working folder where no other is named, and from the user's own for settings."""

PREFIX = "FMNIST_SEARCH_"
"""What every environment variable begins with; the option's name follows in capitals."""

_OLDER_VARIABLES = {"data_dir": (f"{PREFIX}DATA",)}

_NOT_TO_CONFIGURE = {"help", "version", "config", "install_completion", "show_completion"}

Command = TyperCommand | TyperGroup


class File(NamedTuple):
    """A configuration file, read once."""

    path: Path
    text: str
    is_vouched: bool = True
    """Whether the user named it, or keeps it where nobody else can write."""


class FileLine(NamedTuple):
    """Where a file gives an option its default."""

    file: File
    line: int | None

    def __str__(self) -> str:
        return f"{self.file.path}:{self.line}" if self.line else str(self.file.path)


class Stated(NamedTuple):
    """An option's default as a file states it."""

    parameter: str
    """The command's, which the option sets."""
    value: Any
    origin: FileLine


class Defaults(NamedTuple):
    """What the configuration files say."""

    files: tuple[File, ...] = ()
    """Each beats those before it."""
    stated: dict[tuple[str, ...], Stated] = {}  # noqa: RUF012
    """By commands and option: ``("ae", "trials")``."""

    def as_default_map(self) -> dict[str, Any]:
        """As a context takes them: a dict within for each command."""
        values: dict[str, Any] = {}
        for (*place, _), (parameter, value, _) in self.stated.items():
            within = values
            for command in place:
                within = within.setdefault(command, {})
            within[parameter] = value
        return values


def key_of(option: TyperOption) -> str:
    """The option's name in a file: ``max_params`` for ``--max-params``."""
    return max(option.opts, key=len).lstrip("-").replace("-", "_")


def variables_of(option: str) -> list[str]:
    """The environment variables of an option, ``FMNIST_SEARCH_MAX_PARAMS`` of ``--max-params``.

    One is enough but where an older name is documented; the first that is set is read.
    """
    name = option.lstrip("-").replace("-", "_")
    return [PREFIX + name.upper(), *_OLDER_VARIABLES.get(name, ())]


def variable_of(option: str) -> str:
    """The one that is set, else the first."""
    names = variables_of(option)
    return next((name for name in names if os.environ.get(name)), names[0])


def options_of(command: Command) -> dict[str, TyperOption]:
    """The options that a file can give a default, by their names in it."""
    options = (param for param in command.params if isinstance(param, TyperOption))
    named = {key_of(option): option for option in options}
    return {key: option for key, option in named.items() if key not in _NOT_TO_CONFIGURE}


def subcommands_of(command: Command) -> dict[str, Command]:
    """The commands below a command, by name."""
    return command.commands if isinstance(command, TyperGroup) else {}  # type: ignore[return-value]


def name_variables(command: Command) -> None:
    """Let every option of a command and of those below read its environment variable.

    The help names a variable only where it is set, and errors do then too.
    """
    for param in command.params:
        if isinstance(param, TyperOption) and key_of(param) not in _NOT_TO_CONFIGURE - {"config"}:
            param.envvar = variables_of(key_of(param))
            param.show_envvar = any(name in os.environ for name in param.envvar)
    for sub in subcommands_of(command).values():
        name_variables(sub)


def find_defaults(named: Path | None, root: Command) -> Defaults:
    """What the configuration files say, one over the other.

    Args:
        named: the file to read instead of the working folder's.
        root: the whole command line.

    Raises:
        ConfigurationError: see :func:`read_defaults`.
    """
    folder, found = places.config(), []
    if folder is not None and (own := folder / FILE).exists():
        found.append(read_defaults(own, root, places.is_private(own)))
    if named is not None:
        found.append(read_defaults(places.expanded(named), root))
    elif (path := Path(FILE)).exists():
        # It may have come with the folder.
        found.append(read_defaults(path, root, is_vouched=False))
    files = tuple(file for each in found for file in each.files)
    return Defaults(files, {key: value for each in found for key, value in each.stated.items()})


def read_defaults(path: Path, root: Command, is_vouched: bool = True) -> Defaults:
    """Read a configuration file, whole: each value must fit its option.

    Args:
        path: a TOML file: options of all commands that have them on top, of one command in a table
            of its name.
        root: the whole command line.
        is_vouched: see :class:`File`.

    Raises:
        ConfigurationError: it cannot be read, or a value does not fit; names file and line.
    """
    if path.suffix != ".toml":
        raise ConfigurationError(f"{path}: a configuration file ends in .toml")
    file = File(path, read_text(path), is_vouched)
    return Defaults((file,), dict(_read(file, root, parse_table(path, file.text), (), {})))


def _read(
    file: File,
    command: Command,
    table: dict[str, Any],
    place: tuple[str, ...],
    inherited: dict[str, tuple[Any, FileLine]],
) -> Iterator[tuple[tuple[str, ...], Stated]]:
    """The defaults of a command and those below, which inherit what stands above them."""
    own, below, known = dict(inherited), subcommands_of(command), _keys_within(command)
    for name, value in table.items():
        if name in below and isinstance(value, dict):
            continue
        key, origin = name.replace("-", "_"), FileLine(file, line_of(file.text, place, name))
        if key not in known:
            raise ConfigurationError(f"{origin}: {_unknown(name, [*known, *below], place)}")
        own[key] = (value, origin)
    for key, option in options_of(command).items():
        if key in own:
            value, origin = own[key]
            try:
                fitting = _fitting(option, command, value)
            except ConfigurationError as error:
                raise ConfigurationError(f"{origin}: {key}: {error}") from error
            yield (*place, key), Stated(option.name, fitting, origin)
    for name, sub in below.items():
        yield from _read(file, sub, table.get(name, {}), (*place, name), own)


def _keys_within(command: Command) -> dict[str, None]:
    """Names of the options of a command and of all below it, in order, each once."""
    keys = dict.fromkeys(options_of(command))
    for sub in subcommands_of(command).values():
        keys |= _keys_within(sub)
    return keys


def _unknown(name: str, known: list[str], place: tuple[str, ...]) -> str:
    near = get_close_matches(name.replace("-", "_"), known, n=1)
    what = f"{name!r} is no option of {' '.join(place) if place else 'any command'}"
    return f"{what}; did you mean {near[0]}?" if near else what


def _fitting(option: TyperOption, command: Command, value: Any) -> Any:
    """The value as the option would take it from a person, if it takes it at all."""
    taken = _typed(option, value)
    try:
        # Resilient: callbacks shall look at it and do nothing.
        option.process_value(typer.Context(command, resilient_parsing=True), taken)
    except typer.BadParameter as error:
        got = "" if repr(value) in error.message else f"; got {value!r}"
        raise ConfigurationError(f"{error.message.removeprefix('Value error, ')}{got}") from error
    return taken


def _typed(option: TyperOption, value: Any) -> Any:
    kind = option.type_descriptor.annotation
    if option.is_flag:
        return _must(isinstance(value, bool), value, "true or false")
    if option.multiple:
        values = value if isinstance(value, list) else [value]
        return _must(all(isinstance(v, str) for v in values), values, "text or a list of texts")
    if option.type_descriptor.parameter_info.parser is not None:
        return as_text(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return _must(is_number and isinstance(value, int), value, "a whole number")
    if kind is float:
        return _must(is_number, value, "a number")
    return _must(isinstance(value, str), value, "text, in quotes")


def _must(holds: bool, value: Any, words: str) -> Any:
    if not holds:
        raise ConfigurationError(f"must be {words}; got {value!r}")
    return value


def unread_variables(root: Command) -> Iterator[str]:
    """Variables of the environment that begin like ours and that no option reads."""
    keys = [*_keys_within(root), "config"]
    read = {variable for key in keys for variable in variables_of(key)}
    yield from sorted(name for name in os.environ if name.startswith(PREFIX) and name not in read)
