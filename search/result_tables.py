"""Tables of studies and their trials, on a terminal of any width."""

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from reports.analysis.reproduction import Reproduced, ReproducedRow, reproduced
from reports.analysis.tables import best_trials, pareto_fronts
from spaces.budget import PAPER_BUDGET
from spaces.wording import MISSING, count, duration, percent, points, short_count
from studies.records.origins import IN_WORDS
from studies.records.scores import standard_error
from studies.records.settings import load

if TYPE_CHECKING:
    from optuna import Study

    from reports.analysis.tables import FrontRow, TrialRow
    from spaces.stages import StageName
    from studies.records.settings import StudySettings

LEAST_FOR_WORDS = 80
"""Columns of a terminal from which on tables have room for a column of words."""
LEAST_FOR_CONFIGURATION = 90
"""Columns of a terminal from which on the table has room for configurations."""
LEAST_FOR_SPREAD = 70
"""Columns from which on it has room for both ends of a latency; else it has the least alone."""

_OF_THE_PAPER: dict["StageName", tuple[str, dict[str, str], str]] = {
    "autoencoder": (
        "Table 3",
        {"train_loss": "train", "validation_loss": "val."},
        "Losses: mean squared error of pixels in [−1, 1], in percent as in the paper.",
    ),
    "classifier": (
        "Tables 4 and 5",
        {"validation_accuracy": "val. accuracy", "validation_loss": "val. loss"},
        "Losses: cross-entropy in nats, in percent as in the paper.",
    ),
}
"""Which of its tables, the metrics shown of them with their headings, and what the losses are."""

_REPRODUCED: dict["StageName", dict[str, str]] = {
    "autoencoder": {"Table 3": "loss"},
    "classifier": {"Table 4": "accuracy", "Table 5": "loss"},
}


def print_results(console: Console, study: "Study", n_best: int) -> None:
    """The study's best trials, its Pareto front, and the paper's beside what it published."""
    settings = load(study)
    best = [] if settings.objectives else best_trials(study, n_best)
    if not settings.objectives:
        _print(console, _best_table(best, settings.metric))
    if best:
        console.print(_how_certain(best, settings), style="dim", markup=False, end="\n\n")
    console.print(pareto_table(pareto_fronts(study), settings, console.width), end="\n\n")
    rows, here = reproduced([study]), f"Here: {settings.budget}. {comparable(settings)}"
    tables, metrics, note = _OF_THE_PAPER[settings.stage]
    _print(console, _paper_table(rows, tables, metrics))
    console.print(f"{note} {here}", style="dim", markup=False)


def comparable(settings: "StudySettings") -> str:
    """What may be made of the paper's figures beside those of one study."""
    if settings.budget == PAPER_BUDGET:
        return "One run each: a difference may be chance."
    if settings.budget.protocol == "paper":
        return "Trained for less than the paper's: not to be set against its figures."
    return "Other images judge here than in the paper, whose figures are of one run each."


def _how_certain(rows: Sequence["TrialRow"], settings: "StudySettings") -> str:
    """Whose the first is, and what an order of the best is worth."""
    whose = f"The first is {IN_WORDS[rows[0].origin]}. "
    if not settings.metric.endswith("accuracy"):
        return f"{whose}One seed each: how much of a difference is due to the seed is not known."
    n, first = settings.budget.n_judging, rows[0].value
    error = points(standard_error(first, n))
    text = f"{whose}Standard error over {count(n)} images: {error} points"
    if any(row.tied for row in rows):
        text += "; =: not told apart from the first (as if each had images of its own)"
    return f"{text}. One seed each."


def _print(console: Console, table: Table) -> None:
    """Print a table, without its last column where only letters of it would be seen."""
    if console.width < LEAST_FOR_WORDS:
        table.columns.pop()
    console.print(table)


def _best_table(rows: Sequence["TrialRow"], metric: str) -> Table:
    value = metric.replace("validation_", "val.\n")  # on two lines: 80 columns hold no more
    table = plain_table("Best trials", "trial", value, "train", "params", "time", "configuration")
    for row in rows:
        n_parameters = count(row.n_parameters or None)
        value = f"{'= ' if row.tied else ''}{percent(row.value)}"
        values = (value, percent(row.train_value))
        table.add_row(row.label, *values, n_parameters, duration(row.seconds), row.configuration)
    return table


def _paper_table(rows: Sequence[ReproducedRow], tables: str, metrics: dict[str, str]) -> Table:
    table = plain_table(
        f"The paper's configurations: published (its {tables}) and trained here",
        *("name", *chain(*((heading, "here") for heading in metrics.values()))),
        "change from the row before",
    )
    for row in rows:
        figures = (row.figures[metric] for metric in metrics)
        values = chain(*((figure.published, figure.mean) for figure in figures))
        table.add_row(row.paper.name, *map(percent, values), row.paper.change)
    return table


def pareto_table(rows: Sequence["FrontRow"], settings: "StudySettings", width: int) -> Table:
    """The trials that no other beats in quality and a cost at once.

    Args:
        rows: best quality first.
        settings: the study's.
        width: columns of the terminal.
    """
    with_configuration = width >= LEAST_FOR_CONFIGURATION
    metric, title, joint = settings.metric.removeprefix("validation_"), "Pareto front", ""
    if settings.objectives:
        title = f"Best trials: the Pareto front of {', '.join((metric, *settings.objectives))}"
        joint = f" (at the {metric}: in all objectives)"
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption=f"* no trial is better in both {metric} and this cost{joint}. macs: multiply-adds "
        "of an image; ms: 100 images on one thread, from the best to the worst of the measurement "
        "(?: not known); a difference smaller than that range does not count.",
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
    from studies.records.costs import latency_of

    latency = latency_of(row._asdict())
    shown = {
        "objectives": percent(row.value),
        "params": short_count(row.n_parameters),
        "macs": short_count(row.n_multiply_adds),
        "latency": latency.range_in_words(with_spread) if latency else MISSING,
    }
    return [text + ("*" if front in row.fronts else " ") for front, text in shown.items()]


def print_reproduction(console: Console, studies: Sequence["Study"]) -> None:
    """Print one stage's tables: published, and the mean over the seeds with its interval.

    Args:
        console: where to.
        studies: of one stage, one for each seed.
    """
    rows, settings = reproduced(studies), load(studies[0])
    for name, metric in _REPRODUCED[settings.stage].items():
        title = f"{name}, {metric}: published, and here"
        console.print(_reproduction_table(title, rows, metric))
    _, _, note = _OF_THE_PAPER[settings.stage]
    n_seeds = max(figure.n_seeds for row in rows for figure in row.figures.values())
    over = f"mean ± its 95 % interval, t over {n_seeds} seeds" if n_seeds > 1 else "one seed"
    diff = "diff.: test, here less published, in points."
    here = f"{note} Here: {settings.budget}; {over}; {diff}"
    for line in (here, _meaning(settings, n_seeds)):
        console.print(line, style="dim", markup=False)


def reproduced_in_one_line(studies: Sequence["Study"]) -> str:
    """The row of the stage that the paper calls its best, published and here."""
    settings = load(studies[0])
    best = settings.stage_record().best_of_paper
    row = next(row for row in reproduced(studies) if row.paper == best)
    figure = row.figures[settings.metric]
    published, here = _published_and_here(figure)
    metric = settings.metric.removeprefix("validation_")
    return f"paper:{best.name} {metric} {here}; published {published}; {_verdict(figure)}"


def _verdict(figure: Reproduced) -> str:
    """The verdict, and why there is none: ``higher``, ``cannot say: one run each``."""
    return f"{figure.verdict}: {figure.why}" if figure.why else figure.verdict


def _meaning(settings: "StudySettings", n_seeds: int) -> str:
    """What the verdicts on the test figures rest on."""
    if n_seeds < 2 or settings.budget != PAPER_BUDGET:
        return comparable(settings)
    return (
        "agrees, higher, lower: what is here, if the paper's one run spreads as the seeds here do "
        "(95 % interval of one more run); wide spread: too wide to show agreement."
    )


def _reproduction_table(title: str, rows: Sequence[ReproducedRow], metric: str) -> Table:
    headings = ("name", "train", "here", "test", "here", "diff.", "verdict on test")
    table = plain_table(title, *headings)
    for row in rows:
        train, test = (row.figures[f"{images}_{metric}"] for images in ("train", "validation"))
        figures = (*_published_and_here(train), *_published_and_here(test))
        difference = points(test.difference, sign="+")
        table.add_row(row.paper.name, *figures, difference, _verdict(test))
    return table


def _published_and_here(figure: Reproduced) -> tuple[str, str]:
    published, mean = percent(figure.published), percent(figure.mean)
    if figure.mean is None or figure.high is None:
        return published, mean
    return published, f"{mean} ± {points(figure.high - figure.mean)}"


def plain_table(title: str, first: str, *headings: str) -> Table:
    """Numbers in the middle to the right, words at both ends to the left."""
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.add_column(first, no_wrap=True, overflow="fold")
    for heading in headings[:-1]:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(headings[-1], overflow="fold")
    return table
