"""A study whose name and texts somebody else chose, in every output that shows them."""

import csv
import io
import json
import re
import shutil
import sqlite3
import unicodedata
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from helpers.installed_command import called
from helpers.trained_studies import AE, TrainedStudies
from markdown_it import MarkdownIt

from spaces.safe_text import visible
from studies.records import trials

pytestmark = pytest.mark.slow

NAME = "=1+1\x1b[31m\u202e<script>alert(1)</script>|`[a](http://b)$x$\\input{/etc/passwd}"
WORDS = "=cmd\x1b]0;owned\x07<img src=x onerror=alert(1)>|_a_\n\\write18{id}"
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn"}


def no_control(text: str) -> str:
    found = {c for c in text if unicodedata.category(c) in UNSEEN and c not in "\n\t"}
    assert not found
    return text


@pytest.fixture(scope="module")
def hostile(trained: TrainedStudies, tmp_path_factory: pytest.TempPathFactory) -> TrainedStudies:
    folder = tmp_path_factory.mktemp("hostile") / "place"
    shutil.copytree(trained.database.parent, folder)
    with closing(sqlite3.connect(folder / "studies.db")) as connection:
        connection.execute("UPDATE studies SET study_name = ? WHERE study_name = ?", (NAME, AE))
        connection.execute(
            "UPDATE trial_user_attributes SET value_json = ? WHERE key = ?",
            (json.dumps(WORDS), trials.WORDS),
        )
        connection.commit()
    return TrainedStudies(folder / "studies.db", trained.data_dir)


def said(studies: TrainedStudies, *words: str, is_error: bool = False) -> str:
    environment = {"COLUMNS": "200", "FMNIST_SEARCH_DATA": str(studies.data_dir), "HOME": "/"}
    done = called([*words, "--storage", str(studies.database)], environment)
    assert (done.returncode != 0) == is_error, done.stderr
    return no_control(done.stderr if is_error else done.stdout)


@pytest.mark.parametrize("more", [[], ["--quiet"], ["--verbose"], ["--json"]], ids=str)
def test_a_terminal_is_not_worked_on(hostile: TrainedStudies, more: list[str]) -> None:
    shown = said(hostile, "studies", *more) + said(hostile, "studies", "show", NAME, *more)
    assert "[31m" in shown.replace("\n", "")


def test_an_error_that_quotes_a_name_is_one_line(hostile: TrainedStudies) -> None:
    assert said(hostile, "studies", "show", "no-such", is_error=True).count("\n") == 1


def test_a_spreadsheet_runs_nothing(hostile: TrainedStudies) -> None:
    rows = list(csv.DictReader(io.StringIO(said(hostile, "studies", "show", NAME, "--csv"))))
    assert len(rows) == 2
    assert not any(str(v).startswith(("=", "+", "@")) for row in rows for v in row.values())


@pytest.fixture(scope="module")
def report(hostile: TrainedStudies, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "out"
    said(hostile, "report", "--out", str(folder))
    return folder


def test_a_page_runs_nothing_of_theirs(report: Path) -> None:
    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert not any(name.startswith("on") or value == "x" for name, value in attrs)
            self.scripts = getattr(self, "scripts", 0) + (tag == "script")

    page, reader = no_control((report / "report.html").read_text()), Reader()
    reader.feed(page)
    assert reader.scripts == 4
    assert "&lt;script&gt;alert(1)" in page


def test_markdown_has_no_html_and_no_foreign_link(report: Path, hostile: TrainedStudies) -> None:
    text = no_control((report / "report.md").read_text())
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text)
    inner = [part for token in tokens for part in token.children or ()]
    assert "alert(1)" in text
    assert {t.type for t in [*tokens, *inner]}.isdisjoint({"html_block", "html_inline"})
    assert all(t.attrs["href"].startswith("#") for t in inner if t.type == "link_open")
    widths = {r.count("|") - r.count(r"\|") for r in re.findall(r"^\|.*trial.*\|$", text, re.M)}
    assert widths


def test_latex_reads_no_file_and_prints_the_name(report: Path) -> None:
    tables = [path.read_text() for path in (report / "tables").glob("*.tex")]
    assert any(r"\textbackslash{}input\{/etc/passwd\}" in table for table in tables)
    assert not any(r"\input{" in no_control(table) for table in tables)


def test_all_files_of_values_hold_no_formula(report: Path) -> None:
    files = [*(report / "tables").glob("*.csv"), *(report / "values").glob("*.csv")]
    assert len(files) > 3
    for path in files:
        cells = [c for row in csv.reader(io.StringIO(no_control(path.read_text()))) for c in row]
        assert not any(cell.startswith(("=", "+", "@")) for cell in cells), path


def test_a_model_card_is_plain(hostile: TrainedStudies, tmp_path: Path) -> None:
    said(hostile, "export", NAME, "--out", str(tmp_path / "model"))
    card = no_control((tmp_path / "model" / "README.md").read_text())
    assert "<script>" not in card
    assert "<img" not in card
    _, header, body = card.split("---\n", 2)
    assert "[a](" not in body
    assert "[a" not in header
    (model,) = yaml.safe_load(header)["model-index"]
    assert model["name"].startswith(visible(NAME)), "it is the name all the same"
    assert body.startswith("\n# Autoencoder ")
