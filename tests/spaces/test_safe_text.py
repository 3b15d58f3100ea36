"""Whatever text somebody else chose, it is shown as text in every place it goes to."""

import csv
import io
import re
import unicodedata

import jinja2
import pandas
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from spaces import safe_text

ANY_TEXT = st.text(st.characters(), max_size=40) | st.text(
    st.sampled_from("\x1b[]()<>|`*_~\\#&$%^{}=+-@\t\r\n\u202e\u200b\ud800'\"!: a1"), max_size=30
)
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
FORMULA = re.compile("[=+\\-@\t\r＝＋－＠]")


def has_no_control(text: str) -> bool:
    return not any(unicodedata.category(c) in UNSEEN for c in text)


@given(ANY_TEXT)
@example("\x1b]0;title\x07\u202eabc\u200b\u3164\ufe0f\ud800\n")
@pytest.mark.parametrize(
    "output", ["visible", "csv_value", "markdown", "markdown_cell", "latex", "plotly", "drawn"]
)
def test_no_output_holds_a_control_character(output: str, text: str) -> None:
    shown = getattr(safe_text, output)(text)
    assert has_no_control(shown)
    shown.encode()  # no half of a character either


def test_text_that_is_seen_stays_as_it_is() -> None:
    for text in ("ae-epochs1", "Kleiderstraße № 7", "−0.5 ± 1\N{NO-BREAK SPACE}%", "服装", "👕"):
        assert safe_text.visible(text) == text


@given(ANY_TEXT)
@example("=1+1")
@example("\t=1+1")
def test_no_text_in_a_csv_file_begins_a_formula(text: str) -> None:
    row = {"name": text, "value": -0.5}
    frame = pandas.DataFrame([{key: safe_text.csv_value(value) for key, value in row.items()}])
    rows = list(csv.reader(io.StringIO(frame.to_csv(index=False))))
    assert len(rows) == 2
    assert not FORMULA.match(rows[1][0])
    assert rows[1][1] == "-0.5"


@given(ANY_TEXT)
@example(r"\input{/etc/passwd}")
def test_latex_prints_every_special_sign(text: str) -> None:
    shown = safe_text.latex(text)
    kept = r"\\(textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|dots)\{\}"
    rest = re.sub(kept + r"|\\[&%$#_{}]|\$\\?[a-z-]+\$|\{[\[*]\}|--|~", "", shown)
    assert not set(rest) & set("\\~^<>|[*&%$#_{}")


def test_a_command_of_tex_is_printed_and_not_run() -> None:
    shown = safe_text.latex(r"\input{/etc/passwd}")
    assert shown == r"\textbackslash{}input\{/etc/passwd\}"


@given(ANY_TEXT)
def test_html_reads_back_as_the_text(text: str) -> None:
    from html.parser import HTMLParser

    class Reader(HTMLParser):
        tags: list[str]
        data: str

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.tags.append(tag)

        def handle_data(self, data: str) -> None:
            self.data += data

    shown = safe_text.visible(text)
    page = jinja2.Environment(autoescape=True).from_string("<p>{{ text }}</p>").render(text=shown)
    for source, expected in ((page, ["p"]), (f"<p>{safe_text.plotly(text)}</p>", ["p"])):
        reader = Reader()
        reader.tags, reader.data = [], ""
        reader.feed(source)
        assert (reader.tags, reader.data) == (expected, shown)


@given(ANY_TEXT)
@example("[a](javascript:alert(1)) ![b](x) <script> https://a.b www.a.b `c` *d* | ~~e~~")
@example("# heading")
@example("1. list")
def test_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    reader = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    (before, inline, after) = reader.parse(f"a {safe_text.markdown(text)}")
    assert (before.type, after.type) == ("paragraph_open", "paragraph_close")
    assert {part.type for part in inline.children or ()} <= {"text", "text_special"}
    if safe_text.markdown(text):
        (before, inline, after) = reader.parse(safe_text.markdown(text))
        assert before.type == "paragraph_open"
        assert "".join(part.content for part in inline.children or ()) == (
            safe_text.visible(text).strip()
        )


@given(ANY_TEXT)
def test_a_row_of_markdown_has_the_right_number_of_cells(text: str) -> None:
    cell = safe_text.markdown_cell(text)
    table = f"| a | b |\n| --- | --- |\n| {cell} | {cell} |\n"
    kinds = [token.type for token in MarkdownIt("gfm-like", {"linkify": False}).parse(table)]
    assert (kinds.count("tr_open"), kinds.count("td_open")) == (2, 2)
