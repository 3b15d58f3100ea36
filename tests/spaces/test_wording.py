import pytest

from spaces import wording


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations_are_said_as_a_person_says_them(seconds: float, words: str) -> None:
    assert wording.duration(seconds) == words


def test_shares_and_losses_are_printed_as_the_paper_prints_them() -> None:
    assert wording.percent(0.0175) == "1.75 %"
    assert wording.percent(-0.12, digits=0, sign="+") == "-12 %"
    assert wording.percent(None) == "–"


def test_differences_are_in_points_and_other_losses_plain() -> None:
    assert wording.points(0.0023) == "0.23"
    assert wording.points(0.0023, sign="+") == "+0.23"
    assert wording.loss(0.017524) == "0.0175"


def test_what_a_metric_came_to_is_written_as_the_metric_is() -> None:
    assert wording.measured(0.0492, "validation_loss") == "0.0492"
    assert wording.measured(0.9105, "train_accuracy") == "91.05 %"
    assert wording.better("validation_loss") + wording.better("validation_accuracy") == "↓↑"


def test_configurations_wrap_and_are_cut_at_commas() -> None:
    text = "48/16 ch, avg/avg, batch norm, dropout 0.15"
    assert wording.in_items(text, 20) == ["48/16 ch, avg/avg,", "batch norm,", "dropout 0.15"]
    assert wording.in_items(text, 5) == ["48/16 ch,", "avg/avg,", "batch norm,", "dropout 0.15"]
    assert wording.cut(text, 43) == text
    assert wording.cut(text, 42) == "48/16 ch, avg/avg, batch norm, …"
    assert wording.cut(text, 20) == "48/16 ch, avg/avg, …"
    assert wording.cut("a-name-without-any-comma", 8) == "a-name-…"
    assert all(len(wording.cut(text, width)) <= width for width in range(1, 60))


def test_whole_numbers_of_any_size_have_their_thousands_apart() -> None:
    assert wording.count(18_193) == "18,193"
    assert wording.count(2**70 + 1) == f"{2**70 + 1:,}"
    assert wording.count(212_321.0) == "212,321"
    assert wording.count(None) == "–"
    assert [wording.counted(n, "epoch") for n in (0, 1, 30)] == ["0 epochs", "1 epoch", "30 epochs"]


def test_sizes_of_small_files_are_in_kilobytes() -> None:
    assert [wording.size(n) for n in (38_400, 99_999, 3_500_000)] == [
        "38.4 kB",
        "100.0 kB",
        "3.5 MB",
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "–"),
        (999, "999"),
        (1_000, "1.00k"),
        (18_193, "18.2k"),
        (212_321, "212k"),
        (1_070_000, "1.07M"),
        (3_200_000_000, "3.20G"),
    ],
)
def test_short_counts_have_three_digits(number: int | None, text: str) -> None:
    assert wording.short_count(number) == text
