"""The report's prose and captions, from one catalogue a language."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from spaces.wording import count

Language = Literal["en", "es"]


class Texts:
    """A language's texts by their keys, with values put in."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._texts = catalogue(language)

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of ``key`` with ``values`` in the places of their names."""
        return self._texts[key].format(**values)

    def choose(self, key: str, n: int, /, **values: object) -> str:
        """The text for one or for any other number; ``n`` is put in too."""
        return self(f"{key}.{'one' if n == 1 else 'other'}", n=count(n), **values)


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
