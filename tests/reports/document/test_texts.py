import string

import pytest

from reports.document.texts import Texts, catalogue


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_language_has_the_same_texts_with_the_same_values_in_them() -> None:
    english, spanish = catalogue("en"), catalogue("es")
    assert english.keys() == spanish.keys()
    unlike = [key for key in english if names(english[key]) != names(spanish[key])]
    assert unlike == []


def test_nothing_was_left_untranslated() -> None:
    english, spanish = catalogue("en"), catalogue("es")
    same = {key for key in english if english[key] == spanish[key] and len(english[key]) > 12}
    assert same == {"effects.batchnorm", "table2.batchnorm"} & same


@pytest.mark.parametrize(("n", "start"), [(1, "1 trial of ae"), (2, "2 trials of ae")])
def test_one_and_many_have_texts_of_their_own(n: int, start: str) -> None:
    assert Texts("en").choose("findings.running", n, study="ae").startswith(start)
