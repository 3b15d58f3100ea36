"""Commands that a person can copy into a shell, made from what they are to say."""

import shlex
from collections.abc import Mapping
from typing import Any

from spaces.stages import Stage
from studies.records.fields import fields_of
from studies.records.request import SearchRequest


def command(stage: Stage, said: Mapping[str, Any]) -> str:
    """The command that searches, quoted for a shell.

    Args:
        stage: what is searched.
        said: values by the names of the request's fields and of dimensions, in the order in which
            the command is to say them; of None and what is empty it says nothing.
    """
    said, options = dict(said), fields_of(SearchRequest)
    if said.get("objectives"):  # the option names the metric first
        said["objectives"] = ",".join(filter(None, (said.pop("metric"), *said["objectives"])))
    words = ["fmnist-search", stage.short]
    for name, value in said.items():
        flag = options[name].flag if name in options else name.replace("_", "-")
        for one in value if isinstance(value, list | tuple) else [value]:
            words += _words(f"--{flag}", one)
    return shlex.join(words)


def _words(flag: str, value: Any) -> list[str]:
    if value is None or isinstance(value, bool):
        return [flag] if value else []
    text = str(value).removesuffix(".0") if isinstance(value, float) else str(value)
    return [f"{flag}={text}"] if text.startswith("-") else [flag, text]
