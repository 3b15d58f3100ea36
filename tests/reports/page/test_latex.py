"""Tables in LaTeX; compiled where there is a LaTeX."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import optuna
import pandas
import pytest
from helpers.made_up_studies import make

from reports.analysis.chosen_studies import Sources
from reports.document.parts import Column, Table
from reports.document.texts import Language, Texts
from reports.page.latex import MOST_LINES, TEXT_WIDTH, latex_table
from reports.page.making import build
from spaces.budget import Budget

ENGLISH = Texts("en")
NAMES = (r"a\b~c^d", "50 % of $x_1$ & #2", "[x] {y} <z> |w|", "x" * 40)


def table(n_columns: int, n_rows: int = 3, words: str = "some words in a cell") -> Table:
    """A first column of names, then columns of words and of numbers in turn."""
    keys = [f"c{i}" for i in range(n_columns)]
    columns = [
        Column(key, f"The title of column {i}", "percent" if i % 2 else "text")
        for i, key in enumerate(keys)
    ]
    row = {key: 0.1234 if i % 2 else words for i, key in enumerate(keys)}
    return Table("made-up", "A made-up table", pandas.DataFrame([row] * n_rows), columns)


def widths(text: str) -> list[float]:
    """Points that each tabular's columns take in all."""
    forms = re.findall(r"\\begin\{(?:tabular|longtable)\}\{@\{\}(.*)@\{\}\}", text)
    each = [[float(width) for width in re.findall(r"p\{([\d.]+)pt\}", form)] for form in forms]
    return [sum(own) + 4 * (len(own) - 1) for own in each]


@pytest.mark.parametrize("n_columns", [1, 2, 5, 9, 15, 30])
def test_however_many_columns_it_has_a_table_fits_the_page_under_one_caption(
    n_columns: int,
) -> None:
    text = latex_table(table(n_columns), ENGLISH)
    assert all(width <= TEXT_WIDTH + 0.5 for width in widths(text))
    assert text.count(r"\caption{") == text.count(r"\label{tab:made-up}") == 1
    assert text.count(r"12.34~\%") == 3 * (n_columns // 2)


def test_a_table_that_is_longer_than_a_page_goes_on_over_pages() -> None:
    for n_rows, is_long in ((3, False), (MOST_LINES + 1, True)):
        text = latex_table(table(2, n_rows), ENGLISH)
        assert (r"\begin{longtable}" in text) == is_long
        assert text.count(r"\caption{") == 1


def test_faint_columns_are_in_italics() -> None:
    made = table(2)
    columns = [made.columns[0], made.columns[1]._replace(is_faint=True)]
    text = latex_table(Table("t", "c", made.frame, columns), ENGLISH)
    assert text.count(r"\textit{12.34~\%}") == 3
    assert r"\textit{some" not in text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX is installed")
@pytest.mark.parametrize("language", ["en", "es"])
def test_every_table_of_a_report_compiles_and_no_line_leaves_the_page(
    storage: optuna.storages.BaseStorage,
    sources: Callable[..., Sources],
    tmp_path: Path,
    language: Language,
) -> None:
    for name in NAMES:
        make(storage, name, 8)
    make(storage, "clf", 30, stage="classifier")
    for seed in range(2):
        make(storage, f"p{seed}", 0, budget=Budget(protocol="paper"), seed=seed)
    tables = build(sources(*NAMES, "clf"), language).tables()
    body = "\n".join(rf"{latex_table(each, Texts(language))}\clearpage" for each in tables)
    packages = r"\usepackage[utf8]{inputenc}\usepackage{array,booktabs,longtable}"
    text = rf"\documentclass{{article}}{packages}\begin{{document}}{body}\end{{document}}"
    (tmp_path / "all.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    log = done.stdout.decode(errors="replace")
    assert not re.findall(r"^!.*", log, re.MULTILINE)
    too_wide = [float(points) for points in re.findall(r"Overfull \\hbox \((.*?)pt", log)]
    assert all(points < 5 for points in too_wide), too_wide
    assert "Float too large" not in log
    assert done.returncode == 0
