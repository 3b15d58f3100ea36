"""The command that goes on with a study as a run did, for a person to copy into a shell."""

import shlex
from typing import TYPE_CHECKING, Any

from search.options import DASK
from spaces.stages import Stage

if TYPE_CHECKING:
    from studies.records.request import SearchRequest

OF_THE_MACHINE = ("artifacts", "jobs", "threads", *DASK, "data_dir")
"""Options beside the storage that say where and with what a run works, not what it searches."""

_OF_THE_RUN = (
    *("sampler", "pruner", "promote", "timeout_s", "patience", "target"),
    *("keep_weights", "checkpoint_every", *OF_THE_MACHINE),
)
"""Options beside the storage that no study stores, so that each run needs them again."""

_OF_THE_STUDY = (
    *("epochs", "subset", "protocol", "seed", "space_name", "encoder"),
    *("max_params", "max_latency_ms"),
)
"""Options that a study stores; they are needed where a file or a variable says otherwise."""

_OPTIONS = {"timeout_s": "--timeout", "max_latency_ms": "--max-latency", "space_name": "--space"}
"""Those whose names are not the fields'."""


def command_to_go_on(
    study_name: str,
    request: "SearchRequest",
    in_force: "SearchRequest",
    stage: Stage,
    how_many: tuple[str, int],
) -> str:
    """The command, quoted for a shell.

    Args:
        study_name: the run's study, which knows its own settings.
        request: what the run was asked for.
        in_force: what the command asks for where nothing is typed, by defaults, configuration
            files and the environment.
        stage: the study's.
        how_many: option and number, as ``("--trials", 50)``.
    """
    named: list[tuple[str, Any]] = [("--study", study_name), how_many]
    named += [("--storage", _storage(request))] if request.storage is not None else []
    for name in _OF_THE_RUN:
        if getattr(request, name) != getattr(in_force, name):
            named.append((_option(name), getattr(request, name)))
    for name in _OF_THE_STUDY:
        if getattr(in_force, name) not in (None, getattr(request, name)):
            named.append((_option(name), getattr(request, name)))
    for name, values in request.space.items():
        if in_force.space.get(name) not in (None, values):
            named.append((_option(name), values))
    named += _judged_by(request, in_force)
    words = [word for option, value in named for word in _words(option, value)]
    return shlex.join(["fmnist-search", stage.short, *words])


def _judged_by(request: "SearchRequest", in_force: "SearchRequest") -> list[tuple[str, Any]]:
    """Metric and objectives, where the ones in force are others."""
    asked, other = ((r.metric, r.objectives) for r in (request, in_force))
    if asked == other or other == (None, None):
        return []
    if request.objectives is None:
        return [("--metric", request.metric)]
    return [("--objectives", ",".join(filter(None, (request.metric, *request.objectives))))]


def _option(name: str) -> str:
    return _OPTIONS.get(name, f"--{name.replace('_', '-')}")


def _words(option: str, value: Any) -> list[str]:
    text = str(value).removesuffix(".0") if isinstance(value, float) else str(value)
    return [f"{option}={text}"] if text.startswith("-") else [option, text]


def _storage(request: "SearchRequest") -> str:
    from studies.storage.databases import storage_url, without_password

    assert request.storage is not None
    if "://" in request.storage:
        return without_password(storage_url(request.storage))
    return request.storage
