"""Figures for the mouse say what the drawings say."""

from collections.abc import Callable

import optuna
import pytest
from helpers.made_up_studies import make

from reports.analysis.chosen_studies import Source, Sources
from reports.document.texts import Texts
from reports.figures import interactive
from reports.figures.axes import ValueAxis, value_axis
from reports.figures.figure_data import epoch_curves, fronts, history

EN, ES = Texts("en"), Texts("es")


@pytest.fixture
def source(storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]) -> Source:
    make(storage, n_trials=30)
    return sources("ae").searches[0]


@pytest.fixture
def axis() -> ValueAxis:
    return value_axis("autoencoder", "validation_loss", EN)


def test_the_toolbar_stands_in_the_margin_and_sends_nothing_away(
    source: Source, axis: ValueAxis
) -> None:
    layout = interactive.history(history(source), axis, EN)["layout"]
    assert layout["modebar"]["orientation"] == "v"
    assert layout["margin"]["r"] >= 30, "as wide as plotly's buttons"
    assert "sendChartToCloud" in layout["modebar"]["remove"]


def test_losses_stand_as_they_are_on_an_axis_that_says_what_they_are(
    source: Source, axis: ValueAxis
) -> None:
    found = history(source)
    spec = interactive.history(found, axis, EN)
    assert spec["data"][0]["y"][0] == pytest.approx(found.complete[0].value, rel=1e-4)
    assert spec["layout"]["yaxis"]["title"]["text"].startswith("Validation loss ↓<br>(")
    assert "%{y:.4f}<extra>" in spec["data"][0]["hovertemplate"]


def test_numbers_have_the_languages_decimal_mark(source: Source, axis: ValueAxis) -> None:
    (front, *_) = fronts(source)
    assert interactive.pareto(front, axis, EN)["layout"]["separators"][0] == "."
    assert interactive.pareto(front, axis, ES)["layout"]["separators"][0] == ","


def test_curves_that_end_early_end_in_a_dot_and_are_counted(
    source: Source, axis: ValueAxis
) -> None:
    found = epoch_curves(source)
    spec = interactive.epochs(found, axis, EN)
    dots = spec["data"][-1]
    assert dots["mode"] == "markers"
    assert len(dots["x"]) == len(found.early) == found.n_ended[2]
    counted = [note["text"] for note in spec["layout"]["annotations"]]
    assert counted == [f"<b>{found.n_ended[2]}</b>", f"<b>{found.n_ended[6]}</b>"]
