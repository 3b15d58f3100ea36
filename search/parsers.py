"""How options that are no plain numbers or names are read."""

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, get_args
from urllib.parse import urlsplit

import typer

from spaces.config_files import read_config
from spaces.errors import ConfigurationError
from spaces.stages import Stage
from studies.records.request import Cost

if TYPE_CHECKING:
    from spaces.space import Configuration

SCHEMES = ("tcp", "tls", "ws", "wss")
"""Of addresses of Dask."""


def seconds(text: str) -> float:
    """A time such as ``90``, ``90s``, ``15m`` or ``2h`` in seconds."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    unit = units.get(text[-1:].lower())
    value = _number(text[:-1] if unit else text) * (unit or 1.0)
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"{text!r} is not a time above 0; write 90s, 15m or 2h")
    return value


def finite(text: str) -> float:
    """A number, neither NaN nor infinite."""
    value = _number(text)
    if not isfinite(value):
        raise typer.BadParameter(f"{text!r} is not a number")
    return value


def _number(text: str) -> float:
    """What the text says; NaN if that is no number."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def address(text: str) -> str:
    """The address of a Dask scheduler."""
    parts = urlsplit(text if "://" in text else f"tcp://{text}")
    try:
        is_one = parts.scheme in SCHEMES and parts.hostname and parts.port
    except ValueError:  # of a port that is none
        is_one = False
    if not is_one:
        raise typer.BadParameter(f"{text!r} is no address; write one such as tcp://host:8786")
    return text


def milliseconds(text: str) -> float:
    """A number above 0."""
    value = _number(text)
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"{text!r} is not a number of milliseconds above 0")
    return value


def weights_kept(text: str) -> str | int:
    """Whose weights to keep: ``all``, ``none`` or how many of the best."""
    if text in ("all", "none"):
        return text
    if text.isdecimal():
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither all, none nor a number of trials")


def objectives_of(stage: Stage) -> Callable[[str], tuple[str, ...]]:
    """How ``accuracy,params`` is read: a metric of the stage, then costs, each once."""

    def objectives(text: str) -> tuple[str, ...]:
        metric, *costs = (name.strip() for name in text.split(","))
        if metric not in stage.metrics:
            metrics = " or ".join(stage.metrics)
            raise typer.BadParameter(f"the first objective must be {metrics}; got {metric!r}")
        for cost in costs:
            if cost not in get_args(Cost) or costs.count(cost) > 1:
                several = ", ".join(get_args(Cost))
                raise typer.BadParameter(
                    f"after {metric} come costs, each once: {several}; got {cost!r}"
                )
        return (metric, *costs)

    return objectives


def given_configurations(
    sources: list[Path] | None, stage: Stage, storage: str | None
) -> "tuple[Configuration, ...]":
    """The configurations of files, or of trials as ``study#12``, that must be of the stage.

    Raises:
        ConfigurationError: a file cannot be read or is of the other stage; names it.
        StudyError: there is no such trial in the storage.
    """
    given = []
    for source in sources or ():
        of, config = _given(source, storage)
        if of is not stage:
            raise ConfigurationError(
                f"{source}: is of the {of.name}; this command searches the {stage.name}, "
                f"try fmnist-search {of.short} --enqueue"
            )
        given.append(config)
    return tuple(given)


def _given(source: Path, storage: str | None) -> "tuple[Stage, Configuration]":
    name, _, number = str(source).rpartition("#")
    if not (name and number.isdecimal()) or source.exists():
        file = read_config(source)
        return file.stage, file.config
    from studies.records.references import configuration_of
    from studies.storage.databases import open_existing

    return configuration_of(open_existing(storage), str(source))
