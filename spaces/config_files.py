"""Configurations as files, JSON or TOML, that people keep, pass on and give back to a command."""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tomli_w
from annotated_types import Interval

from spaces.bounded import read_bounded
from spaces.budget import Budget
from spaces.checking import from_table
from spaces.errors import ConfigurationError
from spaces.space import Configuration
from spaces.stages import STAGES, Stage

MAX_BYTES = 1_000_000
"""No configuration is larger; a file that is was named by mistake."""

MAX_DEPTH = 32
"""Parts of a TOML key; for long ones Python's reader needs gigabytes."""

_DEEP_KEY = re.compile(rf"""(?<![\w"'.-])(?:[\w"'-]+[ \t]*\.[ \t]*){{{MAX_DEPTH}}}""")

_PARSERS: dict[str, Callable[[str], Any]] = {".json": json.loads, ".toml": tomllib.loads}


Seed = Annotated[int, Interval(ge=0, le=2**63 - 1)]


class TrainedWith(NamedTuple):
    """What else decided the weights that a configuration was trained to."""

    seed: int
    budget: Budget


@dataclass(frozen=True, kw_only=True)
class ModelTraining(Budget):
    """What else decided the weights, as a file has it."""

    seed: Seed


class ConfigFile(NamedTuple):
    """What a configuration's file says."""

    stage: Stage
    config: Configuration
    trained_with: TrainedWith | None = None
    """Where the file comes from a trained model."""


def read_config(path: Path) -> ConfigFile:
    """Read a configuration from a JSON or TOML file.

    Raises:
        ConfigurationError: it cannot be read, or says what no configuration can be; names the file.
    """
    try:
        return from_dict(read_table(path))
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error


def read_table(path: Path) -> dict[str, Any]:
    """The fields of a JSON or TOML file, by its name's ending.

    Raises:
        ConfigurationError: there is no such file, or it cannot be read as what its name says.
    """
    if path.suffix not in _PARSERS:
        raise ConfigurationError(f"{path}: is not a .json or .toml file")
    return parse_table(path, read_text(path))


def read_text(path: Path) -> str:
    """The text of a configuration's file.

    Raises:
        ConfigurationError: there is no such file, or it cannot be a configuration's.
    """
    try:
        return read_bounded(path, MAX_BYTES).decode()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except UnicodeError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def parse_table(path: Path, text: str) -> dict[str, Any]:
    """The fields of a file whose text was read already.

    Raises:
        ConfigurationError: it cannot be read as what its name says.
    """
    if path.suffix == ".toml" and _DEEP_KEY.search(text):
        raise ConfigurationError(f"{path}: a key with more than {MAX_DEPTH} parts")
    try:
        table = _PARSERS[path.suffix](text)
    except (ValueError, RecursionError) as error:  # of json and of tomllib
        raise ConfigurationError(f"{path}: {error or 'nested too deep'}") from error
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: contains no table of fields")
    return table


def line_of(toml: str, table: tuple[str, ...], key: str) -> int | None:
    """The line, from 1 on, at which a TOML text that can be read sets a key of a table.

    None if the key is written in a way that is not looked for, such as within braces.
    """
    current: tuple[str, ...] = ()
    for number, line in enumerate(toml.splitlines(), start=1):
        header = re.fullmatch(r"\s*\[([^\[\]]+)\]\s*(#.*)?", line)
        if header:
            current = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            if (*table, key) == current:
                return number
        name, equals, _ = line.partition("=")
        if equals and current == table and name.strip().strip("\"'") == key:
            return number
    return None


def to_dict(file: ConfigFile) -> dict[str, Any]:
    """The file's fields, as JSON can hold them."""
    table: dict[str, Any] = {"stage": file.stage.name, "configuration": file.config.to_dict()}
    if file.trained_with is not None:
        table["training"] = {"seed": file.trained_with.seed, **asdict(file.trained_with.budget)}
    return table


def write_config(path: Path, file: ConfigFile, schema: str) -> None:
    """Write a configuration's file, JSON or TOML by its name's ending.

    Args:
        path: the file.
        file: what it shall say; TOML, which has no null, leaves out what is None.
        schema: where an editor finds the file's JSON Schema.
    """
    table = to_dict(file)
    if path.suffix == ".toml":
        text = f"#:schema {schema}\n{tomli_w.dumps(_without_none(table))}"
    else:
        text = json.dumps({"$schema": schema, **table}, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")


def from_dict(table: dict[str, Any]) -> ConfigFile:
    """What :func:`to_dict` wrote; fields left out take their defaults.

    Raises:
        ConfigurationError: a field is unknown, is missing or cannot be.
    """
    unknown = sorted(set(table) - {"$schema", "stage", "configuration", "training"})
    if unknown:
        raise ConfigurationError(
            f"unknown field {unknown[0]!r}; there are stage, configuration and training"
        )
    stage = next((s for name, s in STAGES.items() if name == table.get("stage")), None)
    if stage is None:
        raise ConfigurationError(
            f"stage must be one of {', '.join(STAGES)}; got {table.get('stage')!r}"
        )
    configuration, training = table.get("configuration", {}), table.get("training")
    for name, part in (
        ("configuration", configuration),
        ("training", {} if training is None else training),
    ):
        if not isinstance(part, dict):
            raise ConfigurationError(f"{name} must be a table of fields; got {part!r}")
    config = stage.configuration(configuration)
    return ConfigFile(stage, config, None if training is None else _trained_with(training))


def json_schema(stage: Stage) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the stage's configuration files."""
    from pydantic import TypeAdapter  # takes a third of the command line's start

    kinds = {"configuration": stage.spaces["paper"].config_type, "training": ModelTraining}
    parts = {name: TypeAdapter(kind).json_schema() for name, kind in kinds.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"fmnist-search {stage.name}",
        "type": "object",
        "properties": {"$schema": {"type": "string"}, "stage": {"const": stage.name}, **parts},
        "required": ["stage", "configuration"],
        "additionalProperties": False,
        "$defs": parts["configuration"].pop("$defs", {}),  # which references name from the root
    }


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_none(value) if isinstance(value, dict) else value
        for name, value in table.items()
        if value is not None
    }


def _trained_with(table: dict[str, Any]) -> TrainedWith:
    training = from_table(ModelTraining, {"seed": None, **table})
    return TrainedWith(training.seed, Budget(training.epochs, training.subset, training.protocol))
