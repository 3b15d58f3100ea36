"""Plots that optuna-dashboard does not draw by itself, saved into the study for it to show."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial
from plotly import graph_objects

from reports.analysis.importance import importances
from reports.analysis.reproduction import reproduced
from reports.analysis.tables import best_trials
from reports.document.numbers import UNIT
from reports.document.texts import Texts
from reports.figures.axes import log_axis, short, value_axis
from reports.figures.figure_data import front_of
from reports.figures.looks import BLUE, FRONT, GREY, ORANGE, OTHERS, PAPER, TOOLBAR
from spaces.budget import PAPER_BUDGET
from spaces.errors import StudyError
from spaces.safe_text import plotly
from spaces.wording import counted
from studies.dashboard import notes
from studies.dashboard.texts_in_attributes import save_plot
from studies.records import trials
from studies.records.comparable import MIN_FOR_IMPORTANCE, furthest
from studies.records.open_study import ReadStudy
from studies.records.origins import IN_WORDS
from studies.records.references import all_studies
from studies.records.settings import StudySettings, is_ours, load

MAX_POINTS = 500
"""Trials that the Pareto plot draws at most, the best ones; a plot is rows in the database."""

TEXTS = Texts("en")
"""As all of optuna-dashboard is."""


def refresh(storage: BaseStorage) -> list[str]:
    """Bring plots and notes of every study in the storage up to what is in it now.

    Studies of other programs, or that cannot be read, stay as they are.

    Returns:
        Why, of each study of ours that cannot be read.
    """
    unread = []
    for study in filter(is_ours, all_studies(storage)):
        try:
            read = ReadStudy.of(study)
        except StudyError as error:
            unread.append(str(error))
            continue
        notes.fill_in(read)
        save_plots(study)
    return unread


def save_plots(study: optuna.Study) -> list[str]:
    """Draw what can be drawn of the study as it is now, in place of what was saved before.

    Returns:
        The plots' names.
    """
    saved = []
    for name, figure in _figures(study):
        save_plot(study, name, figure.to_json())
        saved.append(name)
    return saved


def _figures(study: optuna.Study) -> Iterator[tuple[str, graph_objects.Figure]]:
    settings = load(study)
    own = [t for t in trials.of(study) if trials.SAME_AS not in t.user_attrs]
    best = trials.ranked(own, settings.direction)
    if best:
        yield "paper-against-found", paper_against_found(study, settings)
        yield "pareto", quality_against_size(best[:MAX_POINTS], settings)
        yield "importance", importance(own, settings)


def paper_against_found(study: optuna.Study, settings: StudySettings) -> graph_objects.Figure:
    """The paper's configurations trained here and the best trial, all under the study's budget.

    What the paper published of them stands beside that, in grey, where the budget is the paper's.
    """
    metric = settings.metric
    axis = value_axis(settings.stage, metric, TEXTS)
    rows = {row.paper.name: row.figures[metric] for row in reproduced([study])}
    best = best_trials(study, n_rows=1)[0]
    here = {name: row.mean for name, row in rows.items() if row.mean is not None}
    found = {} if best.origin == "paper" else {f"best: {plotly(best.label)}": best.value}
    groups = [
        ("the paper's, trained here", here, ORANGE, "diamond"),
        ("best", found, BLUE, "circle"),
    ]
    left_out = ""
    if settings.budget.covers(PAPER_BUDGET):
        published = {name: row.published for name, row in rows.items()}
        groups.insert(0, ("published", published, GREY, "diamond-open"))
    else:
        left_out = "<br>published figures, for 30 epochs on all images, are left out"
    dots = [
        graph_objects.Scatter(
            x=[axis.shown(value) for value in values.values()],
            y=list(values),
            name=name,
            mode="markers",
            marker={"color": color, "symbol": symbol, "size": 10},
        )
        for name, values, color, symbol in groups
        if values
    ]
    title = (
        f"The paper's configurations and the best<br>({settings.budget})<br>"
        f"best: {plotly(best.label)}, {IN_WORDS[best.origin]}"
    )
    figure = _figure(dots, title, axis.title + left_out, "")
    figure.update_xaxes(ticksuffix=axis.unit)
    order = [*found, *reversed(rows)]  # plotly draws the first at the bottom
    return figure.update_yaxes(type="category", categoryorder="array", categoryarray=order)


def quality_against_size(
    best: Sequence[FrozenTrial], settings: StudySettings
) -> graph_objects.Figure:
    """Quality against size of completed trials, the best first; which ones no smaller reaches."""
    axis = value_axis(settings.stage, settings.metric, TEXTS)
    found = front_of(best, settings.direction, trials.N_PARAMETERS)
    groups = (
        (OTHERS, found.others, "markers"),
        (FRONT, found.front[::-1], "lines+markers"),
        (PAPER, found.paper, "markers"),
    )
    traces = [
        graph_objects.Scatter(
            x=[p.x for p in points],
            y=[axis.shown(p.value) for p in points],
            text=[plotly(p.label) for p in points],
            name=TEXTS(look.text),
            mode=mode,
            line={"shape": "vh", "width": 1},
            marker={"color": look.color, "symbol": look.symbol, "size": 8},
        )
        for look, points, mode in groups
    ]
    title = f"Quality against size<br>(on the Pareto front: {counted(len(found.front), 'trial')})"
    figure = _figure(traces, title, "parameters", "<br>".join(axis.lines))
    figure.update_xaxes(**log_axis((x for trace in traces for x in trace.x), room=2.0))
    if axis.is_loss:
        figure.update_yaxes(**log_axis(y for trace in traces for y in trace.y))
    return figure.update_yaxes(ticksuffix=axis.unit)


def importance(own: Sequence[FrozenTrial], settings: StudySettings) -> graph_objects.Figure:
    """Each dimension's share in being among the best, with its interval over resampled trials.

    At the end of their training, or as far as enough trials were trained, which the plot says; so
    it does where there are too few trials to tell.
    """
    compared = furthest(own, settings)
    shares = importances(compared, settings.direction)
    if shares is None:
        return _without_importance(len(compared.trials))
    rows = shares.rows[::-1]  # plotly draws the first at the bottom
    bars = graph_objects.Bar(
        x=[short(100 * row.share) for row in rows],
        y=[row.name.replace("_", "-") for row in rows],
        error_x={
            "array": [short(100 * max(0.0, row.high - row.share)) for row in rows],
            "arrayminus": [short(100 * max(0.0, row.share - row.low)) for row in rows],
            "symmetric": False,
            "color": GREY,
        },
        orientation="h",
        marker={"color": BLUE},
    )
    title, x = "Importance for being among the best", TEXTS("axes.importance")
    if compared.are_whole:
        title += f",<br>by {shares.n_trials} trials trained to the end"
    else:
        title += (
            f"<br>after epoch {compared.epoch} of {compared.n_epochs}, by {shares.n_trials} trials"
        )
        x += f"<br>What is good after epoch {compared.epoch} need not be good at the end."
    if shares.within_kinds:
        title += ",<br>each among those whose schedule is of its kind"
    figure = _figure([bars], title, x, "")
    figure.update_xaxes(ticksuffix=UNIT, rangemode="tozero")
    return figure


def _without_importance(n_trials: int) -> graph_objects.Figure:
    figure = _figure([], "Importance of the dimensions: too few trials", "", "")
    words = TEXTS("search.importance.too_few", n=n_trials, least=MIN_FOR_IMPORTANCE)
    hint = "Optuna's own bars are mostly chance until then."
    figure.add_annotation(
        text="<br>".join(wrap(f"{words} {hint}", 50)),
        **{"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False},
    )
    return figure.update_xaxes(visible=False).update_yaxes(visible=False)


def _figure(traces: list[Any], title: str, x: str, y: str) -> graph_objects.Figure:
    axis = {"gridcolor": "rgba(128, 128, 128, 0.3)", "zerolinecolor": GREY}
    layout = {
        "title": {"text": title, "font": {"size": 14}, "y": 0.97, "yanchor": "top"},
        "xaxis": {"title": {"text": x}, "automargin": True, **axis},
        "yaxis": {"title": {"text": y}, "automargin": True, **axis},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        "margin": {"l": 60, "r": 36, "t": 110, "b": 60},
        "modebar": TOOLBAR,
        # Without background and in grey it suits the dashboard's light and dark schemes.
        "font": {"color": "#808080"},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "barmode": "group",
        "template": "none",  # plotly's own is seven kilobytes
    }
    return graph_objects.Figure(traces, layout)
