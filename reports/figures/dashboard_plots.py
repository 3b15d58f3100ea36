"""Plots that optuna-dashboard does not draw by itself, saved into the study for it to show."""

from collections.abc import Iterator, Sequence
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial
from plotly import graph_objects

from reports.analysis.importance import Importances, importances
from reports.analysis.reproduction import reproduced
from reports.analysis.tables import best_trials
from reports.figures.figure_data import front_of, short
from spaces.errors import StudyError
from spaces.safe_text import plotly
from studies.dashboard import notes
from studies.dashboard.texts_in_attributes import save_plot
from studies.records import trials
from studies.records.open_study import ReadStudy
from studies.records.origins import IN_WORDS
from studies.records.references import all_studies
from studies.records.settings import StudySettings, is_ours, load

MAX_POINTS = 500
"""Trials that the Pareto plot draws at most, the best ones; a plot is rows in the database."""

BLUE, ORANGE, GREY = "#1f5faa", "#d77814", "#999999"


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
    own = [t for t in study.get_trials(deepcopy=False) if trials.SAME_AS not in t.user_attrs]
    best = trials.ranked(own, settings.direction)
    if best:
        yield "paper-against-found", paper_against_found(study, settings)
        yield "pareto", quality_against_size(best[:MAX_POINTS], settings)
    shares = importances(best, settings.direction)
    if shares is not None:
        yield "importance", importance(shares)


def paper_against_found(study: optuna.Study, settings: StudySettings) -> graph_objects.Figure:
    """The paper's published numbers, the same configurations here, and the best trial."""
    metric = settings.metric
    rows = {row.paper.name: row.figures[metric] for row in reproduced([study])}
    names = list(rows)
    published = [_percent(figure.published) for figure in rows.values()]
    here = [_percent(figure.mean) for figure in rows.values()]
    best = best_trials(study, n_rows=1)[0]
    bars = [
        graph_objects.Bar(x=names, y=published, name="published", marker={"color": GREY}),
        graph_objects.Bar(x=names, y=here, name="trained here", marker={"color": ORANGE}),
        graph_objects.Bar(
            x=["best"],
            y=[_percent(best.value)],
            name=f"best: {plotly(best.label)}, {IN_WORDS[best.origin]}",
            marker={"color": BLUE},
        ),
    ]
    title = f"The paper's and the best here<br>({settings.budget})"
    figure = _figure(bars, title, "", _percent_of(metric))
    if metric.endswith("accuracy"):
        known = [value for value in [*published, *here, _percent(best.value)] if value is not None]
        figure.update_yaxes(range=[max(0.0, min(known) - 5), 100])
    return figure


def quality_against_size(
    best: Sequence[FrozenTrial], settings: StudySettings
) -> graph_objects.Figure:
    """Quality against size of completed trials, the best first; which ones no smaller reaches."""
    found = front_of(best, settings.direction, trials.N_PARAMETERS)
    groups = (
        ("other trials", found.others, "markers", GREY, "circle"),
        ("Pareto front", found.front[::-1], "lines+markers", BLUE, "circle"),
        ("the paper's", found.paper, "markers", ORANGE, "diamond-open"),
    )
    traces = [
        graph_objects.Scatter(
            x=[p.x for p in points],
            y=[short(p.percent) for p in points],
            text=[plotly(p.label) for p in points],
            name=name,
            mode=mode,
            line={"shape": "vh", "width": 1},
            marker={"color": color, "symbol": symbol, "size": 9},
        )
        for name, points, mode, color, symbol in groups
    ]
    title = f"Quality against size:<br>{len(found.front)} trials are on the Pareto front"
    figure = _figure(traces, title, "parameters", _percent_of(settings.metric))
    figure.update_xaxes(type="log")
    return figure


def importance(shares: Importances) -> graph_objects.Figure:
    """Each dimension's share in being among the best, with its interval over resampled trials."""
    rows = shares.rows[::-1]  # plotly draws the first at the bottom
    bars = graph_objects.Bar(
        x=[_percent(row.share) for row in rows],
        y=[row.name.replace("_", "-") for row in rows],
        error_x={
            "array": [_percent(max(0.0, row.high - row.share)) for row in rows],
            "arrayminus": [_percent(max(0.0, row.share - row.low)) for row in rows],
            "symmetric": False,
            "color": GREY,
        },
        orientation="h",
        marker={"color": BLUE},
    )
    title = (
        f"Importance for being among the best,<br>by {shares.n_trials} trials trained to the end"
    )
    return _figure([bars], title, "share in %", "")


def _figure(traces: list[Any], title: str, x: str, y: str) -> graph_objects.Figure:
    axis = {"gridcolor": "rgba(128, 128, 128, 0.3)", "zerolinecolor": GREY}
    layout = {
        "title": {"text": title, "font": {"size": 14}, "y": 0.97, "yanchor": "top"},
        "xaxis": {"title": {"text": x}, "automargin": True, **axis},
        "yaxis": {"title": {"text": y}, "automargin": True, **axis},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        "margin": {"l": 60, "r": 20, "t": 90, "b": 60},
        # Without background and in grey it suits the dashboard's light and dark schemes.
        "font": {"color": "#777777"},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "barmode": "group",
        "template": "none",  # plotly's own is seven kilobytes
    }
    return graph_objects.Figure(traces, layout)


def _percent(value: float | None) -> float | None:
    return None if value is None else short(100 * value)


def _percent_of(metric: str) -> str:
    return f"{metric.replace('_', ' ')} in %"
