"""Chosen configurations over several seeds, judged by the test images once."""

from typing import Any

import pandas

from reports.analysis.chosen_studies import Sources
from reports.document.numbers import Notation, kind_of
from reports.document.parts import Block, Table, Text
from reports.document.texts import Texts
from reports.page.words import budget_in_words, columns, filled
from spaces.stages import STAGES, StageName
from studies.final.results import FinalResult


def final_blocks(sources: Sources, texts: Texts) -> list[Block]:
    """A table a stage of what ``fmnist-search train`` left; or how to make one."""
    trained = [r for r in sources.results if r.seeds and r.budget.protocol != "search"]
    by_stage = {name: [r for r in trained if r.stage == name] for name in STAGES}
    tables = [_table(stage, results, texts) for stage, results in by_stage.items() if results]
    return [*tables] if tables else [Text(texts("final.none"))]


def final_table_name(stage: StageName) -> str:
    """What the table of a stage is called."""
    return f"final-{stage}"


def _table(stage: StageName, results: list[FinalResult], texts: Texts) -> Table:
    metric = results[0].metric
    kind = kind_of(metric)
    kinds: dict[str, Notation] = {
        "source": "text", metric: kind, "low": kind, "high": kind, "seeds": "count",
        "error_of_images": "spread", "budget": "text", "encoder": "text", "protocol": "text",
        "configuration": "text",
    }  # fmt: skip
    frame = pandas.DataFrame([_row(result, texts) for result in results])
    shown = filled(columns(texts, "final", kinds), frame)
    caption, note = texts(f"final.caption.{stage}"), texts(f"final.note.{stage}")
    return Table(final_table_name(stage), caption, frame, shown, note)


def _encoder(result: FinalResult, texts: Texts) -> str | None:
    """What it started from; None of an autoencoder."""
    if result.encoder is None:
        return None
    return texts("final.scratch") if result.encoder.is_random else str(result.encoder)


def _row(result: FinalResult, texts: Texts) -> dict[str, Any]:
    mean, low, high = result.mean()
    return {
        "source": result.source,
        result.metric: mean,
        "low": low,
        "high": high,
        "seeds": len(result.seeds),
        "error_of_images": result.error_of_images(),
        "protocol": texts(f"final.protocols.{result.budget.protocol}"),
        "budget": budget_in_words(result.budget, texts),
        "encoder": _encoder(result, texts),
        "configuration": result.words,
    }
