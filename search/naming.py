"""Studies and trials as they are named on the command line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.completion import studies
from search.output import say
from spaces.stages import STAGES

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

StudyArgument = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="Name of a study; ae or clf is the newest of that stage.",
        show_default=False,
        autocompletion=studies,
    ),
]


def stage_as_study(source: str, storage: str | None, quiet: bool = False) -> str:
    """A model's source, with a study's own name where it names the newest of a stage.

    Args:
        source: what ``train`` takes; only ``ae``, ``clf`` and their trials are looked up.
        storage: where, as the option has it.
        quiet: say nothing.

    Raises:
        StudyError: there is no study of that stage.
    """
    name = source.rpartition("#")[0] or source
    if name not in (stage.short for stage in STAGES.values()) or Path(source).exists():
        return source
    from studies.storage.databases import open_existing

    return exactly(open_existing(storage), source, quiet)


def exactly(storage: "BaseStorage", reference: str, quiet: bool = False) -> str:
    """The reference with the study's own name in it, said on stderr where another was typed.

    Args:
        storage: where the study is.
        reference: ``ae``, ``ae#12``, or a study's own name.
        quiet: say nothing.

    Raises:
        StudyError: there is no such study.
    """
    from studies.records.references import meant

    found = meant(storage, reference)
    if found.why and not quiet:
        say(found.why, err=True)
    return found.reference
