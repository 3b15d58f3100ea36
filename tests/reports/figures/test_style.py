"""Numbers along the axes of drawings."""

import warnings

import pytest

from reports.document.texts import Texts
from reports.figures.axes import ValueAxis
from reports.figures.matplotlib_alone import Axis
from reports.figures.style import (
    epochs_across,
    log_across,
    numbers,
    panels,
    picture,
    study_label,
    value_upwards,
)

EN, ES = Texts("en"), Texts("es")
LOSS = ValueAxis("Validation loss ↓", is_loss=True)
ACCURACY = ValueAxis("Validation accuracy ↑", is_loss=False)


def written(axis: Axis) -> list[str]:
    """The numbers along it."""
    return [label.get_text() for label in axis.get_ticklabels()]


def test_losses_have_round_numbers_on_a_logarithmic_axis_in_the_reports_language() -> None:
    for texts, expected in ((EN, ["0.02", "0.03", "0.05"]), (ES, ["0,02", "0,03"])):
        with panels(1, 3.0) as (_, (ax,)):
            ax.plot([1, 2], [0.019, 0.2])
            value_upwards(ax, LOSS, texts)
        assert written(ax.yaxis)[: len(expected)] == expected


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0195, 0.021), (0.045, 0.0545), (0.015, 0.11), (0.02, 3.0), (0.01, 900.0), (1e-4, 1e9)],
)
def test_a_logarithmic_axis_has_a_few_numbers_however_short_or_long(
    low: float, high: float
) -> None:
    with panels(1, 3.0) as (_, (ax,)):
        ax.plot([1, 2], [low, high])
        value_upwards(ax, LOSS, EN)
    numbers_there = written(ax.yaxis)
    assert 3 <= len(set(numbers_there)) == len(numbers_there) <= 7


def test_accuracies_have_their_unit_after_each_number() -> None:
    with panels(1, 3.0) as (_, (ax,)):
        ax.plot([1, 2], [84.9, 86.1])
        value_upwards(ax, ACCURACY, ES)
    assert "85,0\N{NO-BREAK SPACE}%" in written(ax.yaxis)


def test_sizes_are_said_in_thousands_and_few_of_them_though_they_lie_close() -> None:
    for sizes in ((9_000, 500_000), (120_000, 410_000)):
        with panels(1, 3.0) as (_, (ax,)):
            ax.plot(sizes, [1, 2])
            log_across(ax, EN)
        said = written(ax.xaxis)
        assert 3 <= len(said) <= 6
        assert all(number.endswith("k") for number in said)


def test_epochs_are_whole_and_a_plain_axis_has_the_languages_mark() -> None:
    with panels(1, 3.0) as (_, (ax,)):
        ax.plot([1, 30], [0.0, 1.0])
        epochs_across(ax, 30)
        numbers(ax.yaxis, ES)
    assert written(ax.xaxis) == ["1", "2", "4", "8", "16", "30"]
    assert "0,2" in written(ax.yaxis)


def test_a_study_with_a_very_long_name_leaves_its_bar_most_of_the_figure() -> None:
    names = [f"autoencoders-{'of-the-wide-space-' * 4}{end}" for end in ("one", "two")]
    with panels(1, 2.0) as (figure, (ax,)):
        ax.barh([0, 1], [3, 4])
        ax.set_yticks([0, 1], [study_label(name) for name in names])
        figure.canvas.draw()
        assert ax.get_window_extent().width > 0.5 * figure.bbox.width
    assert len({study_label(name) for name in names}) == 2, "which is which is still seen"
    assert study_label("ae") == "ae"


def test_a_sign_that_the_font_lacks_is_drawn_without_a_warning() -> None:
    with warnings.catch_warnings(), panels(1, 2.0) as (figure, (ax,)):
        warnings.simplefilter("error")
        ax.set_title("日本")
        assert "<svg" in picture(figure, "name").svg
