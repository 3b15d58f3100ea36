"""A report as one HTML page that needs nothing else."""

import base64
import gzip
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

import jinja2

from reports.document.parts import Block, Figure, Section
from reports.document.texts import Texts
from reports.figures.looks import BLUE, FAINT, INK
from reports.page.folder import GENERATOR
from spaces.safe_text import visible_lines


def html(document: Section, texts: Texts) -> str:
    """The whole page: styles, figures and plotly within.

    Plotly comes compressed and is unpacked by the browser; one that cannot, or runs no scripts,
    shows the drawings.
    """
    specs = {f.name: f.interactive for f in document.figures() if f.interactive is not None}
    template = _environment().get_template("report.html.j2")
    return template.render(
        document=document,
        texts=texts,
        style=_resource("report.css"),
        script=_resource("report.js"),
        tables_script=_resource("tables.js"),
        specs=_for_script(specs),
        plotly=_plotly() if specs else "",
        svg=svg_for_page,
        groups=_groups,
        generator=GENERATOR,
    )


def svg_for_page(figure: Figure) -> str:
    """The drawing's SVG with the page's colours for ink, grid and blue, which follow its scheme."""
    svg = figure.picture.svg
    svg = svg[svg.index("<svg") :]
    svg = svg.replace(INK, "var(--ink)").replace(FAINT, "var(--grid)").replace(BLUE, "var(--blue)")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"\n\s*", "\n", svg)
    # A hundredth of a point is finer than any screen, and saves half of the page's drawings.
    svg = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path.group()), svg)
    # Inner names that only depend on their content may be the same in several figures, which does
    # no harm, but names must be unique in a page.
    svg = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{figure.name}-", svg)
    return re.sub(
        r'<svg [^>]*viewBox="([^"]*)"[^>]*>',
        r'<svg viewBox="\1" aria-hidden="true" focusable="false" '
        r'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">',
        svg,
        count=1,
    )


def _groups(blocks: list[Block]) -> Iterator[tuple[str, list[Block]]]:
    """Runs of answers, and of figures of one column, set side by side; all else by itself."""
    for kind, run in groupby(blocks, key=_kind):
        members = list(run)
        together = [members] if kind in ("figure", "answer") else [[block] for block in members]
        yield from ((kind, group) for group in together)


def _kind(block: Block) -> str:
    if isinstance(block, Figure):
        return "wide" if block.wide else "figure"
    return type(block).__name__.lower()


def _for_script(specs: dict[str, Any]) -> str:
    """JSON that cannot end the script element it stands in, with the page's blue by its name."""
    text = json.dumps(specs, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(BLUE, "var(--blue)")


@cache
def _plotly() -> str:
    """Plotly's script with its licence, compressed, in base64."""
    from plotly.offline import get_plotlyjs

    packed = gzip.compress(get_plotlyjs().encode(), compresslevel=9, mtime=0)
    return base64.b64encode(packed).decode()


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("reports", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_seen,
    )


def _seen(value: Any) -> Any:
    """What a template puts in; what is markup already has its own control over it."""
    return visible_lines(value) if type(value) is str else value


def _resource(name: str) -> str:
    return files("reports").joinpath("templates", name).read_text(encoding="utf-8")
