"""The report's prose and captions, from one catalogue a language."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from reports.document.numbers import Notation, Separators, number

Language = Literal["en", "es"]

SEPARATORS: dict[Language, Separators] = {
    "en": Separators(),
    "es": Separators(",", "\N{NARROW NO-BREAK SPACE}", least_grouped=5),
}
"""In Spanish as the Real Academia writes them: a comma, and groups from five digits on."""


class Texts:
    """A language's texts by their keys, with values put in."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._texts = catalogue(language)
        self._separators = SEPARATORS[language]

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of ``key`` with ``values`` in the places of their names."""
        return self._texts[key].format(**values)

    def choose(self, key: str, n: int, /, **values: object) -> str:
        """The text for one or for any other number; ``n`` is put in too."""
        shown = self.number(n, "count")
        return self(f"{key}.{'one' if n == 1 else 'other'}", n=shown, **values)

    def number(self, value: float, kind: Notation) -> str:
        """A number as this language writes it."""
        return number(value, kind, self._separators)

    def decimals(self, written: str) -> str:
        """A number that is written with a point and without groups, in this language."""
        return written.replace(".", self._separators.decimal)


@cache
def catalogue(language: Language) -> dict[str, str]:
    """All texts of a language by dotted keys, such as ``search.history.caption``."""
    source = files("reports").joinpath("languages", f"{language}.toml").read_text(encoding="utf-8")
    return _flat(tomllib.loads(source))


def _flat(table: dict[str, object], before: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{key}.")
        else:
            flat[before + key] = str(value)
    return flat
