"""The list of studies on a terminal: a line for each, and what all of them take of the disk."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from search.fitting_table import FittingColumn, print_fitting
from spaces.wording import MISSING, measured, size
from studies.files.places import short_path
from studies.records.disk import Usage
from studies.records.tally import Tally

if TYPE_CHECKING:
    from reports.analysis.tables import StudyRow

_IN_SHORT = "searched = trained to the end + stopped before + repeats of a configuration"

_TO_FREE = (
    "to free space: fmnist-search studies delete STUDY; "
    "fmnist-search gc removes files that no study uses"
)


def print_studies(
    console: Console, rows: Sequence["StudyRow"], usages: Sequence[Usage], verbose: bool = False
) -> None:
    """Print a line for each study.

    Args:
        console: where to.
        rows: the studies.
        usages: what each takes of the disk.
        verbose: show the stage, what failed, and what of the disk is what, too.
    """
    searched = FittingColumn(
        "searched",
        [_in_words(row) for row in rows],
        gives_way=1,
        is_number=False,
        short=[_in_short(row) for row in rows],
    )
    columns = [
        FittingColumn("study", [row.name for row in rows], is_number=False),
        FittingColumn("made", [(row.begun or MISSING)[:10] for row in rows], gives_way=2),
        FittingColumn("epochs", [str(row.epochs) for row in rows], gives_way=3),
        FittingColumn("space", [row.space for row in rows], gives_way=4, is_number=False),
        searched,
        FittingColumn("paper's", [str(row.n_paper) for row in rows], gives_way=7),
        FittingColumn("best", [measured(row.best_value, row.metric) for row in rows], gives_way=5),
        FittingColumn("disk", [_shown_size(usage.total) for usage in usages], gives_way=6),
    ]
    if verbose:
        columns.insert(1, FittingColumn("stage", [row.stage for row in rows], 8, is_number=False))
        columns.append(FittingColumn("failed", [str(row.n_failed) for row in rows], 9))
        columns += [
            FittingColumn(kind, [_shown_size(getattr(usage, kind)) for usage in usages], 10)
            for kind in Usage._fields
        ]
    shown = print_fitting(console, columns)
    if any(column.cells is searched.short for column in shown):
        console.print(_IN_SHORT, style="dim")
    for row in rows:
        if row.metric == "?":
            console.print(f"{row.name}: {row.best_label}", style="yellow", soft_wrap=True)


def print_usage(console: Console, usages: Sequence[Usage], place: str) -> None:
    """Print what all studies take together, and how to free some of it."""
    every = Usage(*map(sum, zip(*usages, strict=True)))
    if every.total:
        for line in (f"disk: {usage_in_words(every)}; in {short_path(place)}", _TO_FREE):
            console.print(line, style="dim", soft_wrap=True)


def usage_in_words(usage: Usage) -> str:
    """Weights, states and pictures: ``390.1 MB: weights 90.0 MB, states 284.0 MB, …``."""
    kinds = (f"{kind} {size(n_bytes)}" for kind, n_bytes in usage._asdict().items() if n_bytes)
    return f"{size(usage.total)}: {', '.join(kinds)}" if usage.total else "nothing"


def _in_words(row: "StudyRow") -> str:
    """The searched trials by how they ended: ``25 = 14 to the end + 8 pruned + 3 repeats``."""
    words = Tally(**row.ended).in_words().replace(", ", " + ")
    return (
        f"{row.n_searched} = {words}{_beside(row)}" if words else f"{row.n_searched}{_beside(row)}"
    )


def _in_short(row: "StudyRow") -> str:
    """The same as ``25 = 14+8+3``."""
    found = Tally(**row.ended)
    n_stopped = found.n_resting + found.n_pruned + found.n_too_costly + found.n_diverged
    parts = found.n_to_the_end, n_stopped, found.n_repeats
    return f"{row.n_searched} = {'+'.join(map(str, parts))}{_beside(row)}"


def _beside(row: "StudyRow") -> str:
    """Trials without a result."""
    others = {"given up": len(row.given_up), "running": row.n_running}
    return "".join(f", {n} {what}" for what, n in others.items() if n)


def _shown_size(n_bytes: int) -> str:
    return size(n_bytes) if n_bytes else MISSING
