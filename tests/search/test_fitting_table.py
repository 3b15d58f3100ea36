from rich.console import Console

from search.fitting_table import FittingColumn, fitting, print_fitting

NAMES = FittingColumn("study", ["ae-epochs4-subset2000-seed1", "ae"], is_number=False)
COUNTS = FittingColumn("searched", ["25 = 14 to the end + 11 pruned", "3"], 1, short=["25", "3"])
DISK = FittingColumn("disk", ["390.1 MB", "1.0 kB"], 2)
WORDS = FittingColumn(
    "configuration", ["16/32 ch, max/avg, batch norm, dropout 0.25"] * 2, fills=True
)


def printed(width: int, *columns: FittingColumn) -> list[str]:
    console = Console(width=width, record=True)
    with console.capture() as capture:
        print_fitting(console, columns)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_words_become_short_before_a_column_gives_way() -> None:
    assert [c.heading for c in fitting([NAMES, COUNTS, DISK], 50)] == ["study", "searched", "disk"]
    assert fitting([NAMES, COUNTS, DISK], 50)[1].cells == ["25", "3"]
    assert [c.heading for c in fitting([NAMES, COUNTS, DISK], 40)] == ["study", "searched"]


def test_a_name_is_whole_on_one_line_however_narrow_the_terminal_is() -> None:
    lines = printed(20, NAMES, COUNTS, DISK)
    assert len(lines) == 4
    assert lines[1] == 20 * "─", "a rule ends with the terminal"
    assert lines[2] == "ae-epochs4-subset2000-seed1"


def test_what_fills_the_line_is_cut_at_its_end() -> None:
    assert printed(50, DISK, WORDS)[2] == "390.1 MB  16/32 ch, max/avg, batch norm, …"
