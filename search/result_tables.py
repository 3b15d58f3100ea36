"""Tables of a study's trials, on a terminal of any width."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from reports.analysis.tables import best_trials, pareto_fronts
from search.beside_paper import print_beside_paper
from search.fitting_table import FittingColumn, print_fitting
from spaces.wording import MISSING, better, count, duration, measured, points, short_count
from studies.records.origins import IN_WORDS
from studies.records.scores import standard_error
from studies.records.settings import load

if TYPE_CHECKING:
    from optuna import Study

    from reports.analysis.tables import FrontRow, TrialRow
    from studies.records.settings import StudySettings

LEAST_FOR_SPREAD = 70
"""Columns from which on there is room for both ends of a latency; else it has the least alone."""


def print_results(console: Console, study: "Study", n_best: int, with_caution: bool = True) -> None:
    """The study's best trials, its Pareto front, and the paper's beside what it published.

    Args:
        console: where to.
        study: the study.
        n_best: of the best trials.
        with_caution: say whose the first of them is and what their order is worth.
    """
    settings = load(study)
    if not settings.objectives:
        rows = best_trials(study, n_best)
        _print_best(console, rows, settings)
        if rows and with_caution:
            console.print(_how_certain(rows, settings), style="dim")
        console.print()
    print_pareto(console, pareto_fronts(study), settings)
    console.print()
    print_beside_paper(console, study)
    console.print()


def _how_certain(rows: Sequence["TrialRow"], settings: "StudySettings") -> str:
    """Whose the first is, and what an order of the best is worth."""
    whose = f"The first: {IN_WORDS[rows[0].origin]}. "
    if not settings.metric.endswith("accuracy"):
        return f"{whose}One seed each: how much of a difference is due to the seed is not known."
    n, first = settings.budget.n_judging, rows[0].value
    error = points(standard_error(first, n))
    text = f"{whose}Standard error over {count(n)} images: {error} points"
    if any(row.tied for row in rows):
        text += "; =: cannot be told apart from the first (treated as if each had its own images)"
    return f"{text}. One seed each."


def _print_best(console: Console, rows: Sequence["TrialRow"], settings: "StudySettings") -> None:
    metric, arrow = settings.metric, better(settings.metric)
    unit = f", {settings.stage_record().loss_unit}" if metric.endswith("loss") else ""
    _print_title(console, f"Best trials: {metric.replace('_', ' ')} {arrow}{unit}")
    values = [f"{'= ' if row.tied else ''}{measured(row.value, metric)}" for row in rows]
    columns = [
        FittingColumn("trial", [row.label for row in rows], is_number=False),
        FittingColumn(_heading(settings), values),
        FittingColumn(f"train {arrow}", [measured(r.train_value, metric) for r in rows], 1),
        FittingColumn("params", [short_count(row.n_parameters or None) for row in rows], 2),
        FittingColumn("time", [duration(row.seconds) for row in rows], 3),
        _configurations(rows),
    ]
    print_fitting(console, columns)


def print_pareto(console: Console, rows: Sequence["FrontRow"], settings: "StudySettings") -> None:
    """The trials that no other beats in quality and a cost at once.

    Args:
        console: where to.
        rows: best quality first.
        settings: the study's.
    """
    metric, title, joint = settings.metric.removeprefix("validation_"), "Pareto front", ""
    if settings.objectives:
        title = f"Best trials: the Pareto front of {', '.join((metric, *settings.objectives))}"
        joint = f" (at the {metric}: in all objectives)"
    _print_title(console, title)
    shown = [_numbers(row, settings, console.width >= LEAST_FOR_SPREAD) for row in rows]
    headings = (_heading(settings), "params", "macs", "ms")
    numbers = zip(*shown, strict=True) if shown else ([] for _ in headings)
    columns = [
        FittingColumn("trial", [row.label for row in rows], is_number=False),
        *(FittingColumn(name, list(cells)) for name, cells in zip(headings, numbers, strict=True)),
        _configurations(rows)._replace(gives_way=1),
    ]
    print_fitting(console, columns)
    console.print(
        f"* no trial is better in both {metric} and this cost{joint}. macs: multiply-adds of an "
        "image; ms: 100 images on one thread, from the best to the worst of the measurement (?: "
        "not known); a difference smaller than that range does not count.",
        style="dim",
    )


def _numbers(row: "FrontRow", settings: "StudySettings", with_spread: bool) -> list[str]:
    """Quality and costs, each with a star where the trial is on its front."""
    from studies.records.costs import latency_of

    latency = latency_of(row._asdict())
    shown = {
        "objectives": measured(row.value, settings.metric),
        "params": short_count(row.n_parameters),
        "macs": short_count(row.n_multiply_adds),
        "latency": latency.range_in_words(with_spread) if latency else MISSING,
    }
    return [text + ("*" if front in row.fronts else " ") for front, text in shown.items()]


def _heading(settings: "StudySettings") -> str:
    return f"{settings.metric.removeprefix('validation_')} {better(settings.metric)}"


def _configurations(rows: Sequence["TrialRow | FrontRow"]) -> FittingColumn:
    words = [row.configuration for row in rows]
    return FittingColumn("configuration", words, is_number=False, fills=True)


def _print_title(console: Console, title: str) -> None:
    console.print(title, style="bold")
