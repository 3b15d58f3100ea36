"""How options that are no plain numbers or names are read. Imports nothing heavy."""

from math import isfinite
from urllib.parse import urlsplit

from spaces.errors import ConfigurationError

LONGEST_NAME = 200
"""Characters of a study's name; a database holds 512, and what is derived from it has more."""


def seconds(text: str) -> float:
    """A time such as ``90``, ``90s``, ``15m`` or ``2h`` in seconds."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    unit = units.get(text[-1:].lower())
    value = _number(text[:-1] if unit else text) * (unit or 1.0)
    if not 0 < value < float("inf"):
        raise ConfigurationError(f"{text!r} is not a time above 0; write 90s, 15m or 2h")
    return value


def target(text: str) -> float:
    """A loss or an accuracy as the screen shows them: ``0.0175``, ``1.75%`` or ``91.5 %``."""
    number = text.strip().removesuffix("%").rstrip()
    value = _number(f"{number}e-2" if "%" in text else number)
    if not isfinite(value):
        raise ConfigurationError(f"{text!r} is not a value; write it as 0.0175, 1.75% or 91.5%")
    return value


def milliseconds(text: str) -> float:
    """A number above 0."""
    value = _number(text)
    if not 0 < value < float("inf"):
        raise ConfigurationError(f"{text!r} is not a number of milliseconds above 0")
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
        is_one = parts.scheme in ("tcp", "tls", "ws", "wss") and parts.hostname and parts.port
    except ValueError:  # of a port that is none
        is_one = False
    if not is_one:
        raise ConfigurationError(f"{text!r} is not an address; write one such as tcp://host:8786")
    return text


def weights_kept(text: str) -> str | int:
    """Whose weights to keep: ``all``, ``none`` or how many of the best."""
    if text in ("all", "none"):
        return text
    if text.isdecimal():
        return int(text)
    raise ConfigurationError(f"{text!r} is neither all, none nor a number of trials")


def check_study_name(option: str, name: str) -> None:
    """Refuse a study's name that nobody could show or type.

    Args:
        option: what the name was given by.
        name: the name.

    Raises:
        ConfigurationError: it cannot be shown or typed.
    """
    if not (name.strip() and name.isprintable() and len(name) <= LONGEST_NAME):
        raise ConfigurationError(
            f"{option} must be a name of 1 to {LONGEST_NAME} characters that can be seen; "
            f"got {name[:LONGEST_NAME]!r}"
        )
