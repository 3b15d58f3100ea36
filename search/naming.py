"""Studies and trials as they are named on the command line."""

from typing import TYPE_CHECKING, Annotated

import typer

from search.output import say

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

StudyArgument = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A study by its name; ae or clf is the newest of that stage.",
        show_default=False,
    ),
]


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
