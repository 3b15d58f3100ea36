"""Tables as text that a person reads, and back: ``stage: autoencoder; budget.epochs: 30``.

What a study remembers is shown by optuna-dashboard as it is stored. A study that was renamed there
has kept its user's attributes alone, so nothing of it can be put where nobody looks.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_NAME = re.compile(r"[\w-]+")
_PLAIN = re.compile(r"[^\s;](?:[^\n\r;]*[^\s;])?")


def text_of(table: Mapping[str, Any]) -> str:
    """A table of JSON's values as text; the names in it are letters, digits and hyphens."""
    return "; ".join(f"{name}: {_written(value)}" for name, value in _flat(table))


def table_of(stored: Any) -> Any:
    """The table that :func:`text_of` wrote; what is no text, as in earlier versions, as it is.

    Raises:
        ValueError: the text is none that :func:`text_of` writes.
    """
    if not isinstance(stored, str):
        return stored
    table: dict[str, Any] = {}
    for part in stored.split("; ") if stored else ():
        names, found, value = part.partition(": ")
        *outer, name = names.split(".")
        inner = table
        for each in outer:
            inner = inner.setdefault(each, {})
        if not found or not isinstance(inner, dict):
            raise ValueError(f"{part!r} is no name with its value")
        inner[name] = _read(value)
    return table


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict) and value and all(map(_NAME.fullmatch, value)):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _written(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and _read(value) is value:
        return value
    return json.dumps(value).replace(";", "\\u003b")  # within strings alone


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
