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
    at_end = [(texts(f"effects.{r.name}"), r.final, r.raises) for r in rows if r.final is not None]
    # An effect on the way is no verdict on the paper's step.
    first = [(texts(f"effects.{r.name}"), r.first, None) for r in rows if r.first is not None]
    shown: list[tuple[str, Effect, bool | None]] = [*(at_end or first)]
    n = max((found.n_trials for _, found, _ in shown), default=0)
    about = f"effects.{'note' if at_end else 'on_the_way'}.{stage}"
    caption = texts("warm.caption" if name == WARM else "effects.caption")
    note = f"{texts(about, n=n)} {texts('effects.about_text')}"
    frame = pandas.DataFrame([_row(row, texts) for row in rows])
    kinds = {key: kind if key.startswith(_NUMBERS) else "text" for key in _SHOWN}
    table = Table(name, caption, frame, filled(columns(texts, "effects", kinds), frame), note)
    if not shown:
        return [table]
    listed = "; ".join(
        f"{label}: {texts.number(found.value, kind)} "
        f"({texts.number(found.low, kind)} … {texts.number(found.high, kind)})"
        for label, found, _ in shown
    )
    axis = texts(f"axes.effect.{stage}")
    axis = axis if at_end else texts("effects.axis_on_the_way", axis=axis)
    picture = drawings.effects(name, shown, axis, texts)
    alt = texts("effects.alt", listed=listed)
    title = texts("effects.figure" if at_end else "effects.figure_on_the_way", n=n)
    return [table, Figure(name, title, alt, picture)]


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
