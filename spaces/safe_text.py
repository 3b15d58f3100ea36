"""Text that others chose, made safe for each place where it is shown or written.

Names of studies and what trials remember come from a database that somebody else may have written.
A text is escaped once, for the place it goes to and where it goes there; HTML pages escape what
they are given by themselves, so they need :func:`visible_lines` alone.
"""

import html
import re
from typing import Any

_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]")
"""Characters that count as printable and are not seen."""

_FORMULA = tuple("=+-@\t\r＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula."""

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "[": "{[}",  # after a row's end it would begin that row's distance
        "*": "{*}",
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        # Signs that LaTeX's usual fonts lack.
        "−": "$-$",
        "±": r"$\pm$",
        "×": r"$\times$",
        "→": r"$\rightarrow$",
        "≈": r"$\approx$",
        "·": r"$\cdot$",
        "«": r"$\ll$",
        "»": r"$\gg$",
        "√": r"$\surd$",
        "↓": r"$\downarrow$",
        "↑": r"$\uparrow$",
        "▲": r"$\uparrow$",
        "▼": r"$\downarrow$",
        "…": r"\dots{}",
        "–": "--",
        "\N{NO-BREAK SPACE}": "~",
        "\N{NARROW NO-BREAK SPACE}": r"\,",
    }
)

_MARKDOWN = (
    (r"[\\`*~]", r"\\\g<0>"),
    (r"(?<![^\W_])_|_(?![^\W_])", r"\\_"),  # within a word it means nothing
    (r"\](?=[(\[:]|$)", r"\\]"),  # the middle of a link
    (r"&(?=#?\w+;)", "&amp;"),
    (r"<", "&lt;"),
    (r"://", r":\\//"),  # addresses become links by themselves
    (r"(?i)\b(www)\.", r"\1\\."),
)
_MARKDOWN_START = (
    (r"^[#>+=-]", r"\\\g<0>"),
    (r"^(\d+)([.)])", r"\1\\\2"),
)
"""What begins a heading, a quotation or a list at a line's start."""


def visible(text: str) -> str:
    r"""The text in one line: control, direction and other unseen characters as ``\x1b``."""
    if text.isprintable() and text.isascii():
        return text
    return "".join(c if _is_seen(c) else c.encode("unicode_escape").decode() for c in text)


def visible_lines(text: str) -> str:
    """The same for text that has lines and columns of its own."""
    return re.sub(r"[^\n\t]+", lambda part: visible(part.group()), text)


def csv_value(value: Any) -> Any:
    """A value of a table that spreadsheets read: no text is taken for a formula."""
    if not isinstance(value, str):
        return value
    return f"'{visible(value)}" if value.startswith(_FORMULA) else visible(value)


def markdown(text: str) -> str:
    """Text that Markdown shows as it is: no HTML, no links, no emphasis, one line."""
    return _escaped(text, _MARKDOWN + _MARKDOWN_START)


def markdown_cell(text: str) -> str:
    """The same within a table of pipes, where nothing is at a line's start."""
    return _escaped(text, _MARKDOWN).replace("|", r"\|")


def latex(text: str) -> str:
    """Text that LaTeX sets as it is."""
    return visible(text).translate(_LATEX)


def plotly(text: str) -> str:
    """Text in a figure of plotly's, which reads some of HTML."""
    return html.escape(visible(text), quote=False)


def drawn(text: str) -> str:
    """Text in a figure of matplotlib's, which reads formulas between dollar signs."""
    return visible(text).replace("$", r"\$")


def _escaped(text: str, patterns: tuple[tuple[str, str], ...]) -> str:
    shown = visible(text).strip()
    for pattern, escaped in patterns:
        shown = re.sub(pattern, escaped, shown)
    return shown


def _is_seen(character: str) -> bool:
    if _BLANK.match(character) or 0xE0100 <= ord(character) <= 0xE01EF:
        return False
    # Spaces such as the one before a percent sign are printable in all but name.
    return character.isprintable() or character in "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
