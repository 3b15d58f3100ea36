"""A search space as a TOML file: what ``--space`` and the dimensions' options say, to keep.

space = "wide"
dropout = "0:0.2"
batchnorm = true
optimizer = ["adam", "sgd"]
"""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, cast

from spaces.config_files import line_of, parse_table, read_text
from spaces.dimensions import as_text
from spaces.errors import ConfigurationError
from spaces.stages import SpaceName, Stage

SPACE = "space"
"""The key that names the space; all others name dimensions."""


class SpaceFile(NamedTuple):
    """What a space's file says."""

    space_name: SpaceName | None
    narrowed: dict[str, str]
    """Dimensions' values as the command line writes them."""


def read_space(path: Path, stage: Stage) -> SpaceFile:
    """Read what a TOML file says of a stage's space.

    Raises:
        ConfigurationError: it cannot be read, or says what the options would refuse; names file,
            line and key.
    """
    if path.suffix != ".toml":
        raise ConfigurationError(f"{path}: a space's file ends in .toml")
    text = read_text(path)
    table = parse_table(path, text)
    try:
        return _from_table(table, stage)
    except _WrongKeyError as error:
        line = line_of(text, (), error.key)
        where = f"{path}:{line}" if line else str(path)
        raise ConfigurationError(f"{where}: {error}") from error


class _WrongKeyError(ConfigurationError):
    """What is wrong, and where in the file."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def _from_table(table: dict[str, Any], stage: Stage) -> SpaceFile:
    named = table.get(SPACE)
    if named is not None and named not in list(stage.spaces):
        names = ", ".join(stage.spaces)
        raise _WrongKeyError(SPACE, f"space must be one of {names}; got {named!r}")
    space_name = cast(SpaceName | None, named)
    spaces = [stage.spaces[space_name]] if space_name else stage.spaces.values()
    allowed = {d.name: d for space in spaces for d in space.dimensions}
    narrowed: dict[str, str] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if key == SPACE:
            continue
        if name not in allowed:
            raise _WrongKeyError(key, _unknown(key, list(allowed), space_name))
        if name in narrowed:
            raise _WrongKeyError(key, f"{name} is given twice")
        try:
            narrowed[name] = str(allowed[name].narrowed(as_text(value)))
        except ConfigurationError as error:
            message = str(error) if name in str(error) else f"{key}: {error}"
            raise _WrongKeyError(key, message) from error
    return SpaceFile(space_name, narrowed)


def _unknown(key: str, names: list[str], space_name: SpaceName | None) -> str:
    near = get_close_matches(key.replace("-", "_"), names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
    where = f" of the {space_name} space" if space_name else ""
    return f"{key!r} is not a dimension{where}; {hint}"
