"""How figures' axes are named, and where their numbers stand."""

import pytest

from reports.document.texts import Texts
from reports.figures.axes import epoch_marks, log_axis, value_axis


def test_a_loss_is_as_it_is_and_an_accuracy_in_percent() -> None:
    loss = value_axis("autoencoder", "validation_loss", Texts("en"))
    assert (loss.shown(0.04917), loss.unit) == (0.04917, "")
    assert loss.lines[0] == "Validation loss ↓"
    assert "pixels in [−1, 1]" in loss.lines[1]
    accuracy = value_axis("classifier", "validation_accuracy", Texts("es"))
    assert (accuracy.shown(0.9105), accuracy.unit) == (91.05, "\N{NO-BREAK SPACE}%")
    assert accuracy.lines == ["Exactitud de validación ↑"]


@pytest.mark.parametrize(
    ("last", "marks"),
    [(1, [1]), (3, [1, 2, 3]), (6, [1, 2, 4, 6]), (9, [1, 2, 4, 9]), (30, [1, 2, 4, 8, 16, 30])],
)
def test_epochs_are_numbered_where_rungs_are_and_at_their_end(last: int, marks: list[int]) -> None:
    assert epoch_marks(last) == marks


def test_a_long_logarithmic_axis_has_numbers_between_its_powers_of_ten() -> None:
    sizes = log_axis([9_000, 500_000])
    assert 0.35 < 1.1 * 1.745 / sizes["nticks"] < 0.7, "where plotly writes 20k and 50k too"
    assert sizes["tickformat"] == "~s"
    assert log_axis([9_000, 500_000], room=1.5)["nticks"] == 2, "powers of ten alone"
    assert log_axis([0.5, 20.0])["tickformat"] == "~g", "0.5 and not 500m"
    assert log_axis([])["type"] == "log"
