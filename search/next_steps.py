"""The last lines of a search: what it found, how sure that is, and the commands that follow."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from statistics import stdev
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url

from reports.analysis.tables import TrialRow, best_trials
from search.console import INDENT
from spaces.stages import AUTOENCODER, CLASSIFIER
from spaces.wording import counted, in_items, measured, points
from studies.engine.opening import over_encoder
from studies.final.results import FinalResult, read_all
from studies.records.commands import command, in_options, shown_storage
from studies.records.origins import IN_WORDS
from studies.records.request import SearchRequest
from studies.records.settings import StudySettings, load

if TYPE_CHECKING:
    from rich.console import Console

    from studies.engine.launch import SearchResult

N_SEEDS = 5
"""Seeds that a final figure is advised to have."""
LEAST_SEEDS = 3
"""Of which a standard deviation is worth being told."""
N_BEHIND = 3
"""Trials whose distance from the best is said."""


def print_found(console: "Console", finished: "SearchResult") -> None:
    """How a search ended, its best trial, and how far the next ones are."""
    settings, rows = load(finished.study), best_trials(finished.study, 1 + N_BEHIND)
    console.print(how_it_ended(finished))
    if not rows:
        console.print(NONE_YET, style="bold")
        return
    console.print(_best(rows[0], settings), style="bold")
    for line in in_items(rows[0].configuration, console.width - len(INDENT)):
        console.print(f"{INDENT}{line}", style="bold")
    if len(rows) > 1:
        known = read_all(make_url(finished.storage))
        console.print(f"{behind(rows, settings)}{of_seeds(known, settings)}.", style="dim")


NONE_YET = "no trial trained to the end and within the limits yet"
"""Said where there is no best trial."""


def how_it_ended(finished: "SearchResult") -> str:
    """Why a search ended, and what its study has."""
    state = finished.state
    of_paper = f"{state.n_paper} of {state.n_paper_wanted} of the paper's"
    return f"{finished.reason}: {state.in_words()}, {of_paper}"


def best_in_words(row: TrialRow, settings: StudySettings) -> str:
    """A best trial in one line."""
    return f"{_best(row, settings)}: {row.configuration}"


def _best(row: TrialRow, settings: StudySettings) -> str:
    whose = "" if row.origin == "found" else f", {IN_WORDS[row.origin]}"
    return f"best {measured(row.value, settings.metric)} ({row.label}){whose}"


def behind(rows: Sequence[TrialRow], settings: StudySettings) -> str:
    """How far the trials after the best are from it, and what is known of such a distance."""
    first, *others = rows
    accuracy = settings.metric.endswith("accuracy")

    def distance(row: TrialRow) -> str:
        apart = abs(row.value - first.value)
        shown = f"{points(apart)} points" if accuracy else measured(apart, settings.metric)
        return f"{row.label} by {shown}"

    text = f"behind it: {', '.join(map(distance, others))}. One seed each does not show"
    if not accuracy:
        return f"{text} how much of this is chance"
    tied = ", ".join(row.label for row in others if row.tied) or "none of them"
    images = counted(settings.budget.n_judging, "image")
    return f"{text} how much the seed matters; tied on {images} (95 %, =): {tied}"


def of_seeds(results: Iterable[FinalResult], settings: StudySettings) -> str:
    """What final trainings have shown of how much seeds differ; empty if none of the stage has."""
    metric = settings.metric.removeprefix("validation_")
    own = [
        result
        for result in results
        if (result.stage, result.metric) == (settings.stage, metric)
        and len(result.seeds) >= LEAST_SEEDS
    ]
    if not own:
        return ""
    most = max(own, key=lambda result: len(result.seeds))
    spread = stdev(most.values())
    shown = f"{points(spread)} points" if metric == "accuracy" else measured(spread, metric)
    return f". {len(most.seeds)} seeds of {most.source} ({most.budget}) differ by {shown} (s.d.)"


def commands(finished: "SearchResult", request: SearchRequest) -> Iterator[tuple[str, str]]:
    """The commands that follow a search, quoted for a shell, each after what it is for.

    Args:
        finished: what came of it.
        request: what it was asked for.
    """
    name, settings = finished.study.study_name, load(finished.study)
    has_weights = finished.state.best is not None and request.keep_weights != "none"
    if has_weights and settings.budget.protocol == "search":
        if settings.stage == AUTOENCODER.name:
            yield "classifiers", _classifiers(finished, settings, request)
        else:
            yield "final figure", _line(request, "train", name, "--seeds", str(N_SEEDS))
    if settings.stage == CLASSIFIER.name:
        yield "report", _line(request, "report", "--out", _free_folder())
    else:
        yield "in a browser", _line(request, "dashboard", with_data=False)


def print_commands(console: "Console", commands: Sequence[tuple[str, str]]) -> None:
    """Print commands under each other, whole, however narrow the terminal is."""
    width = max((len(what) for what, _ in commands), default=0) + 1
    if commands:
        console.print("\nnext:")
    for what, line in commands:
        console.print(f"  {f'{what}:':<{width}} {line}", soft_wrap=True)


def _classifiers(finished: "SearchResult", settings: StudySettings, request: SearchRequest) -> str:
    """The search of classifiers over a study's best encoder, with as much training."""
    study, best = finished.study, finished.state.best
    budget = settings.budget
    asked = SearchRequest(epochs=budget.epochs, subset=budget.subset)
    number = best.number if best else None
    over = over_encoder(study._storage, asked, study.study_name, number)
    said = {
        "trials": request.trials,
        "encoder": study.study_name,
        "study": over.study,
        **in_options(settings.budget),
        "storage": shown_storage(request.storage),
        "artifacts": request.artifacts,
        "data_dir": request.data_dir,
    }
    return command(CLASSIFIER, said)


def _line(request: SearchRequest, *words: str, with_data: bool = True) -> str:
    places = {"--storage": shown_storage(request.storage), "--artifacts": request.artifacts}
    if with_data:
        places["--data-dir"] = request.data_dir
    named = [word for flag, value in places.items() if value for word in (flag, str(value))]
    return shlex.join(["fmnist-search", *words, *named])


def _free_folder() -> str:
    """The first that is not there yet of ``report``, ``report-2`` and so on."""
    names = ("report" if n == 1 else f"report-{n}" for n in count(1))
    return next(name for name in names if not Path(name).exists())
