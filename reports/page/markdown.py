"""A report as Markdown; its figures are the files beside it."""

import re
from collections.abc import Iterator

from reports.document.parts import Answer, Block, Code, Column, Figure, Section, Table, Text
from reports.document.texts import Texts
from spaces.safe_text import markdown as safe
from spaces.safe_text import markdown_cell, visible

Slugs = dict[str, str]
"""Of each anchor of the page, the heading in Markdown that it stands under."""


def markdown(document: Section, texts: Texts) -> str:
    """The same text, tables and figures as the page has."""
    lines = _section(document, 1, _slugs(document), texts)
    return "\n".join([*lines, "---", "", texts("page.footer"), ""])


def _slugs(section: Section) -> Slugs:
    slug = re.sub(r"[^\w -]", "", section.title.lower()).replace(" ", "-")
    own = [block.anchor for block in section.blocks if isinstance(block, Figure | Table)]
    found = dict.fromkeys([section.name, *own], slug)
    for inner in section.sections:
        found |= _slugs(inner)
    return found


def _section(section: Section, level: int, slugs: Slugs, texts: Texts) -> Iterator[str]:
    yield from [f"{'#' * level} {safe(section.title)}", ""]
    for block in section.blocks:
        yield from _block(block, slugs, texts)
    for inner in section.sections:
        yield from _section(inner, level + 1, slugs, texts)


def _block(block: Block, slugs: Slugs, texts: Texts) -> list[str]:
    if isinstance(block, Text):
        return [f"{'> ' if block.is_notice else ''}{_text(block, slugs)}", ""]
    if isinstance(block, Code):
        return ["```console", f"$ {visible(block.text)}", "```", ""]
    if isinstance(block, Answer):
        head = " ".join(filter(None, (block.value, block.unit)))
        claims = [f"- {_text(claim, slugs)}" for claim in block.claims]
        return [f"**{safe(block.title)}**{': ' if head else ''}{safe(head)}", "", *claims, ""]
    if isinstance(block, Table):
        note = [safe(block.note), ""] if block.note else []
        return [f"**{safe(block.caption)}**", "", *_pipe_table(block, texts), "", *note]
    alt = safe(block.alt.replace("[", "(").replace("]", ")"))
    return [f"![{alt}](figures/{block.name}.png)", "", f"*{safe(block.caption)}*", ""]


def _text(text: Text, slugs: Slugs) -> str:
    shown = safe(text.text)
    if text.evidence is not None and text.evidence.to in slugs:
        shown += f" [{safe(text.evidence.words)}](#{slugs[text.evidence.to]})"
    return shown


def _pipe_table(table: Table, texts: Texts) -> list[str]:
    head = [markdown_cell(column.title) for column in table.columns]
    rule = ["--:" if column.is_number else "---" for column in table.columns]
    rows = [
        [_cell(cell, column) for cell, column in zip(row, table.columns, strict=True)]
        for row in table.shown(texts)
    ]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]


def _cell(text: str, column: Column) -> str:
    cell = markdown_cell(text)
    return f"*{cell}*" if column.is_faint and cell else cell
