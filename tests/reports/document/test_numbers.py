import pytest

from reports.document.numbers import Notation
from reports.document.texts import Texts


@pytest.mark.parametrize(
    ("value", "kind", "english", "spanish"),
    [
        (0.04916, "loss", "0.0492", "0,0492"),
        (0.9105, "percent", "91.05 %", "91,05 %"),
        (-0.0023, "points", "−0.23", "−0,23"),
        (1000, "count", "1,000", "1000"),
        (18193, "count", "18,193", "18 193"),
        (1234567, "count", "1,234,567", "1 234 567"),
        (-0.12, "change", "−12 %", "−12 %"),
        (754, "seconds", "12 min 34 s", "12 min 34 s"),
    ],
)
def test_a_number_is_written_as_its_language_writes_it(
    value: float, kind: Notation, english: str, spanish: str
) -> None:
    for language, wanted in (("en", english), ("es", spanish)):
        shown = Texts(language).number(value, kind)  # type: ignore[arg-type]
        assert (
            shown.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
            == wanted
        ), language
