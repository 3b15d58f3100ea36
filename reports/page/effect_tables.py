"""What the trials say of the paper's claims, and of starting from a trained encoder."""

from typing import Any

import pandas

from reports.analysis.chosen_studies import Source, Sources
from reports.analysis.comparisons import Compared, claims_of, warm_against_scratch
from reports.analysis.effects import Effect
from reports.document.numbers import Notation
from reports.document.parts import Block, Figure, Table, Text
from reports.document.texts import Texts
from reports.figures import drawings
from reports.page.words import columns, filled
from spaces.stages import AUTOENCODER

WARM = "warm-start"
"""The table of what no table of the paper shows."""

_SHOWN = (
    *("change", "shown", "text", "published", "final", "final_low", "final_high"),
    *("verdict", "first", "first_low", "first_high"),
)
_NUMBERS = ("published", "final", "first")


def claims_blocks(source: Source, name: str, texts: Texts) -> list[Block]:
    """The stage's single changes over a study's whole space."""
    compared = claims_of(source)
    if not any(row.final or row.first for row in compared):
        return [Text(texts("effects.too_few"))]
    return _effects(compared, f"{name}-effects", source.settings.stage, texts)


def warm_blocks(sources: Sources, texts: Texts) -> list[Block]:
    """A trained encoder against random weights."""
    compared = warm_against_scratch(sources)
    if compared is None:
        return [Text(texts("warm.none"))]
    return [Text(texts("warm.about")), *_effects([compared], WARM, "classifier", texts)]


def _effects(rows: list[Compared], name: str, stage: str, texts: Texts) -> list[Block]:
    kind: Notation = "change" if stage == AUTOENCODER.name else "points"
    caption = texts("warm.caption" if name == WARM else "effects.caption")
    note = f"{texts(f'effects.note.{stage}')} {texts('effects.about_text')}"
    frame = pandas.DataFrame([_row(row, texts) for row in rows])
    kinds = {key: kind if key.startswith(_NUMBERS) else "text" for key in _SHOWN}
    table = Table(name, caption, frame, filled(columns(texts, "effects", kinds), frame), note)
    drawn = [(texts(f"effects.{r.name}"), r.final, r.raises) for r in rows if r.final is not None]
    if not drawn:
        return [table]
    listed = "; ".join(
        f"{label}: {texts.number(found.value, kind)} "
        f"({texts.number(found.low, kind)} … {texts.number(found.high, kind)})"
        for label, found, _ in drawn
    )
    picture = drawings.effects(name, drawn, texts(f"axes.effect.{stage}"), texts)
    alt = texts("effects.alt", listed=listed)
    return [table, Figure(name, texts("effects.figure"), alt, picture)]


def _row(row: Compared, texts: Texts) -> dict[str, Any]:
    return {
        "change": texts(f"effects.{row.name}"),
        "shown": texts(f"effects.shows.{row.shown}", table=row.table),
        "text": texts(f"effects.says.{row.name}"),
        "published": row.published,
        **_numbers("final", row.final),
        "verdict": texts(f"effects.verdicts.{row.verdict.replace(' ', '_')}"),
        **_numbers("first", row.first),
    }


def _numbers(name: str, found: Effect | None) -> dict[str, float | None]:
    keys = (name, f"{name}_low", f"{name}_high", f"{name}_trials")
    return dict(zip(keys, found or (None,) * 4, strict=True))
