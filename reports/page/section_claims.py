"""What the trials say of the paper's claims, and of starting from a trained encoder."""

import pandas

from reports.analysis.chosen_studies import Source, Sources
from reports.analysis.comparisons import Compared, claims_of, warm_against_scratch
from reports.analysis.effects import Estimate
from reports.document.parts import Block, Column, Figure, Kind, Table, Text, number
from reports.document.texts import Texts
from reports.figures import drawings
from spaces.stages import AUTOENCODER

WARM = "warm-start"
"""The table of what no table of the paper shows."""


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
    is_relative = stage == AUTOENCODER.name
    kind: Kind = "change" if is_relative else "points"
    frame = pandas.DataFrame(
        [
            {
                "change": texts(f"effects.{row.name}"),
                "shown": texts(f"effects.shown.{row.shown}", table=row.table),
                "text": texts(f"effects.text.{row.name}"),
                "published": row.published,
                **_numbers("final", row.final),
                "verdict": texts(f"effects.verdicts.{row.verdict.replace(' ', '_')}"),
                **_numbers("first", row.first),
            }
            for row in rows
        ]
    )
    keys = ("published", "final", "final_low", "final_high")
    columns = (
        Column("change", texts("effects.change")),
        Column("shown", texts("effects.table_shows")),
        Column("text", texts("effects.text_says")),
        *(Column(key, texts(f"effects.{key}"), kind) for key in keys),
        Column("verdict", texts("effects.verdict")),
        *(Column(k, texts(f"effects.{k}"), kind) for k in ("first", "first_low", "first_high")),
    )
    note = " ".join((texts(f"effects.note.{stage}"), texts("effects.about_text")))
    caption = texts("warm.caption" if name == WARM else "effects.caption")
    table = Table(name, caption, frame, columns, note)
    drawn = [(texts(f"effects.{r.name}"), r.final, r.raises) for r in rows if r.final is not None]
    if not drawn:
        return [table]
    listed = "; ".join(
        f"{label}: {number(found.value, kind)} "
        f"({number(found.low, kind)} … {number(found.high, kind)})"
        for label, found, _ in drawn
    )
    picture = drawings.effects(name, drawn, texts(f"axes.effect.{stage}"))
    alt = texts("effects.alt", listed=listed)
    return [table, Figure(name, texts("effects.figure"), alt, picture)]


def _numbers(name: str, found: Estimate | None) -> dict[str, float | None]:
    value, low, high = found[:3] if found is not None else (None, None, None)
    n = found.n_trials if found is not None else None
    return {name: value, f"{name}_low": low, f"{name}_high": high, f"{name}_trials": n}
