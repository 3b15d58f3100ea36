"""The table of a study's Pareto front, as wide as the terminal allows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from spaces.wording import MISSING, percent, short_count

if TYPE_CHECKING:
    from reports.analysis.tables import FrontRow
    from studies.records.settings import StudySettings

LEAST_FOR_CONFIGURATION = 90
"""Columns of a terminal from which on the table has room for configurations."""
LEAST_FOR_SPREAD = 70
"""Columns from which on it has room for both ends of a latency; else it has the least alone."""


def pareto_table(rows: Sequence["FrontRow"], settings: "StudySettings", width: int) -> Table:
    """The trials that no other beats in quality and a cost at once.

    Args:
        rows: best quality first.
        settings: the study's.
        width: columns of the terminal.
    """
    with_configuration = width >= LEAST_FOR_CONFIGURATION
    table = Table(
        title=_title(settings),
        title_justify="left",
        title_style="bold",
        caption=_caption(settings),
        caption_justify="left",
        box=SIMPLE_HEAD,
    )
    table.add_column("trial", no_wrap=True)
    quality = settings.metric.replace("validation_", "val. ")
    for heading in (quality, "params", "macs", "ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    if with_configuration:
        table.add_column("configuration")
    for row in rows:
        words = [row.configuration] if with_configuration else []
        table.add_row(row.label, *_numbers(row, width >= LEAST_FOR_SPREAD), *words)
    return table


def _numbers(row: "FrontRow", with_spread: bool) -> list[str]:
    """Quality and costs, each with a star where the trial is on its front."""
    from studies.records.latencies import latency_of

    latency = latency_of(row._asdict())
    shown = {
        "objectives": percent(row.value),
        "params": short_count(row.n_parameters),
        "macs": short_count(row.n_multiply_adds),
        "latency": latency.range_in_words(with_spread) if latency else MISSING,
    }
    return [text + ("*" if front in row.fronts else " ") for front, text in shown.items()]


def _title(settings: "StudySettings") -> str:
    if not settings.objectives:
        return "Pareto front"
    metric = settings.metric.removeprefix("validation_")
    return f"Best trials: the Pareto front of {', '.join((metric, *settings.objectives))}"


def _caption(settings: "StudySettings") -> str:
    metric = settings.metric.removeprefix("validation_")
    joint = f" (at the {metric}: in all objectives)" if settings.objectives else ""
    return (
        f"* no trial is better in both {metric} and this cost{joint}. macs: multiply-adds of an "
        "image; ms: 100 images on one thread, from the best to the worst of the measurement (?: "
        "not known); a difference smaller than that range does not count."
    )
