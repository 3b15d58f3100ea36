"""Tables that set the paper's figures beside those here, both as the paper prints them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.console import Console

from reports.analysis.reproduction import Reproduced, ReproducedRow, reproduced
from search.fitting_table import FittingColumn, print_fitting
from spaces.budget import N_TRAIN_FILE, PAPER_BUDGET, Budget
from spaces.wording import MISSING, count, measured, points
from studies.records import attributes, origins, trials
from studies.records.settings import load

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from spaces.stages import StageName
    from studies.records.settings import StudySettings


class _Shown(NamedTuple):
    """What of one stage is shown beside the paper's tables."""

    tables: str
    metrics: dict[str, str]
    """The metrics of a study's own table, with their headings."""
    reproduced: dict[str, str]
    """The metric of each of the paper's tables."""


_BRACKETED = r"\(\d[\d.]*\)"
"""A published figure that is not to be compared."""

_OF_STAGE: dict["StageName", _Shown] = {
    "autoencoder": _Shown(
        "Table 3", {"train_loss": "train", "validation_loss": "val."}, {"Table 3": "loss"}
    ),
    "classifier": _Shown(
        "Tables 4 and 5",
        {"validation_accuracy": "acc.", "validation_loss": "loss"},
        {"Table 4": "accuracy", "Table 5": "loss"},
    ),
}


def print_beside_paper(console: Console, study: "Study") -> None:
    """The paper's configurations as published and as trained here, and the best that was found."""
    settings, rows = load(study), reproduced([study])
    shown = _OF_STAGE[settings.stage]
    console.print(
        f"The paper's configurations: published (its {shown.tables}) and here, in %", style="bold"
    )
    found = origins.best_found(trials.of(study), settings.direction)
    names = [row.paper.name for row in rows]
    words = [row.paper.change for row in rows]
    if found is not None:
        names.append(trials.label(found))
        words.append(f"found: {found.user_attrs.get(trials.WORDS, '')}")
    columns = [
        FittingColumn("name", names, is_number=False),
        *(
            _pair(heading, [row.figures[metric] for row in rows], settings, found, metric)._replace(
                gives_way=int(metric != settings.metric)
            )
            for metric, heading in shown.metrics.items()
        ),
        FittingColumn("change from the row before", words, is_number=False, fills=True),
    ]
    print_fitting(console, columns, _BRACKETED)
    console.print(f"{_note(settings)} {comparable(settings)}", style="dim")


def print_reproduction(console: Console, studies: Sequence["Study"]) -> None:
    """Print one stage's tables: published, and the mean over the seeds with its interval.

    Args:
        console: where to.
        studies: of one stage, one for each seed.
    """
    rows, settings = reproduced(studies), load(studies[0])
    for name, metric in _OF_STAGE[settings.stage].reproduced.items():
        console.print(f"{name}, {metric}: published and here, in %", style="bold")
        print_fitting(console, _reproduction(rows, metric, settings), _BRACKETED)
        console.print()
    n_seeds = max(figure.n_seeds for row in rows for figure in row.figures.values())
    over = f"mean ± its 95 % interval, t over {n_seeds} seeds" if n_seeds > 1 else "one seed"
    diff = " diff.: test, here less published." if settings.budget == PAPER_BUDGET else ""
    for line in (f"{_note(settings)} Shown is {over}.{diff}", _meaning(settings, n_seeds)):
        console.print(line, style="dim")


def reproduced_in_one_line(studies: Sequence["Study"]) -> str:
    """The row of the stage that the paper calls its best, published and here."""
    settings = load(studies[0])
    best = settings.stage_record().best_of_paper
    row = next(row for row in reproduced(studies) if row.paper == best)
    figure, metric = row.figures[settings.metric], settings.metric
    here, published = measured(figure.mean, metric), measured(figure.published, metric)
    if figure.mean is not None and figure.high is not None:
        half = figure.high - figure.mean
        here += f" ± {points(half) if metric.endswith('accuracy') else measured(half, metric)}"
    name = metric.removeprefix("validation_")
    return f"paper:{best.name} {name} {here}; published {published}; {_verdict(figure)}"


def comparable(settings: "StudySettings") -> str:
    """What may be made of the paper's figures beside those of one study."""
    if settings.budget == PAPER_BUDGET:
        return "One run each: a difference may be chance."
    by = "" if settings.budget.protocol == "paper" else ", evaluated on the test images"
    return (
        f"In brackets, not to be compared: the paper trained for {Budget.epochs} epochs on all "
        f"{count(N_TRAIN_FILE)} images{by}."
    )


def _note(settings: "StudySettings") -> str:
    """What the losses are, in the paper's notation, and how much training there was here."""
    unit = settings.stage_record().loss_unit
    return f"Losses: {unit}, times 100 as in the paper. Here: {settings.budget}."


def _verdict(figure: Reproduced) -> str:
    """The verdict, and why there is none: ``higher``, ``cannot say: one run each``."""
    return f"{figure.verdict}: {figure.why}" if figure.why else figure.verdict


def _meaning(settings: "StudySettings", n_seeds: int) -> str:
    """What the verdicts on the test figures rest on."""
    if n_seeds < 2 or settings.budget != PAPER_BUDGET:
        return comparable(settings)
    return (
        "agrees, higher, lower: the value here, if the paper's runs vary as much as the seeds here "
        "(95 % interval of one more run); wide spread: too wide to show agreement."
    )


def _reproduction(
    rows: Sequence[ReproducedRow], metric: str, settings: "StudySettings"
) -> list[FittingColumn]:
    """The table's columns; without a verdict where the training was another."""
    test = [row.figures[f"validation_{metric}"] for row in rows]
    train = [row.figures[f"train_{metric}"] for row in rows]
    columns = [
        FittingColumn("name", [row.paper.name for row in rows], is_number=False),
        _pair("train", train, settings)._replace(gives_way=1),
        _pair("test", test, settings),
    ]
    if settings.budget != PAPER_BUDGET:
        return columns
    return [
        *columns,
        FittingColumn("diff.", [points(figure.difference, sign="+") for figure in test]),
        FittingColumn("verdict on test", [_verdict(figure) for figure in test], is_number=False),
    ]


def _pair(
    heading: str,
    figures: Sequence[Reproduced],
    settings: "StudySettings",
    found: "FrozenTrial | None" = None,
    metric: str = "",
) -> FittingColumn:
    """A published figure and the one here, in one column: they stand or give way together."""
    published, here = [f"{heading} paper"], ["here"]
    for figure in figures:
        text = points(figure.published)
        published.append(text if settings.budget == PAPER_BUDGET else f"({text})")
        here.append(_here(figure))
    if found is not None:
        published.append("")
        here.append(points(attributes.of(found).get(trials.METRICS, {}).get(metric)))
    widths = [max(map(cell_len, part)) for part in (published, here)]
    first, *cells = (
        f"{one:>{widths[0]}}  {other:>{widths[1]}}"
        for one, other in zip(published, here, strict=True)
    )
    return FittingColumn(first, cells)


def _here(figure: Reproduced) -> str:
    if figure.mean is None or figure.high is None:
        return MISSING if figure.mean is None else points(figure.mean)
    return f"{points(figure.mean)} ± {points(figure.high - figure.mean)}"
