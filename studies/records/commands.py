"""Commands that a person can copy into a shell, made from what they are to say."""

import shlex
from collections.abc import Mapping
from typing import Any

from spaces.budget import Budget
from spaces.stages import Stage
from studies.records.fields import fields_of, names_of
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


def in_options(budget: Budget) -> dict[str, int | None]:
    """What a command has to say of a search's budget, by the names of the request's fields."""
    usual = Budget()
    return {
        "epochs": budget.epochs if budget.epochs != usual.epochs else None,
        "subset": budget.subset,
    }


def _words(flag: str, value: Any) -> list[str]:
    if value is None or isinstance(value, bool):
        return [flag] if value else []
    text = str(value).removesuffix(".0") if isinstance(value, float) else str(value)
    return [f"{flag}={text}"] if text.startswith("-") else [flag, text]


def command_to_go_on(
    study_name: str,
    request: SearchRequest,
    in_force: SearchRequest,
    stage: Stage,
    how_many: tuple[str, int],
) -> str:
    """The command that goes on with a study as a run did, quoted for a shell.

    What no study remembers is named where the run was asked for something else than is in force;
    what a study remembers, where something else is in force than the run was asked for.

    Args:
        study_name: the run's study, which knows its own settings.
        request: what the run was asked for.
        in_force: what the command asks for where nothing is typed, by defaults, configuration
            files and the environment.
        stage: the study's.
        how_many: a field of the request and its number, as ``("trials", 50)``.
    """
    said: dict[str, Any] = {"study": study_name, how_many[0]: how_many[1]}
    said["storage"] = shown_storage(request.storage)
    for name in names_of(SearchRequest, "run", "machine"):
        value = getattr(request, name)
        if name not in ("trials", "more", "storage") and value != getattr(in_force, name):
            said[name] = value
    for name in names_of(SearchRequest, "study"):
        if getattr(in_force, name) not in (None, getattr(request, name)):
            said[name] = getattr(request, name)
    if "objectives" in said or "metric" in said:  # one option names both
        costs = request.objectives
        both = None if costs is None else (request.metric, *costs)
        said |= {"metric": request.metric if both is None else None, "objectives": both}
    for name, values in request.space.items():
        if in_force.space.get(name) not in (None, values):
            said[name] = values
    return command(stage, said)


def shown_storage(storage: str | None) -> str | None:
    """The storage as a command names it, without a password; None is the default one."""
    if storage is None or "://" not in storage:
        return storage
    from studies.storage.databases import storage_url, without_password

    return without_password(storage_url(storage))
