"""Chosen configurations over several seeds, judged by the test images once."""

from typing import Any

import pandas

from reports.analysis.chosen_studies import Sources
from reports.document.parts import Block, Notation, Table, Text, number
from reports.document.texts import Texts
from reports.page.words import budget_in_words, columns
from spaces.budget import Budget
from studies.final.results import FinalResult

_COLUMNS: dict[str, Notation] = {
    **{"source": "text", "metric": "text"},
    **{"mean": "percent", "low": "percent", "high": "percent", "seeds": "count"},
    **{"error_of_images": "spread", "protocol": "text", "budget": "text", "configuration": "text"},
}


def final_blocks(sources: Sources, texts: Texts) -> list[Block]:
    """A table of all that ``fmnist-search train`` left beside the studies; or how to make one."""
    trained = [r for r in sources.results if r.seeds and r.budget.protocol != "search"]
    if not trained:
        return [Text(texts("final.none"))]
    rows = [_row(result, texts) for result in trained]
    note = texts("final.note")
    shown = columns(texts, "final", _COLUMNS)
    return [Table("final", texts("final.caption"), pandas.DataFrame(rows), shown, note)]


def final_sentences(sources: Sources, texts: Texts) -> list[Text]:
    """The same in words, for a report's first screen; those with the whole final budget alone."""
    own = [r for r in sources.results if r.seeds and r.budget == Budget(protocol="final")]
    sentences = []
    for result in own:
        mean, low, high = result.mean()
        interval = ""
        if low is not None and high is not None:
            interval = texts(
                "final.interval", low=number(low, "percent"), high=number(high, "percent")
            )
        words = {"source": result.source, "mean": number(mean, "percent"), "interval": interval}
        key = f"final.{result.stage}"
        sentences.append(Text(texts.choose(key, len(result.seeds), **words)))
    return sentences


def _row(result: FinalResult, texts: Texts) -> dict[str, Any]:
    mean, low, high = result.mean()
    return {
        "source": result.source,
        "metric": texts(f"final.validation_{result.metric}"),
        "mean": mean,
        "low": low,
        "high": high,
        "seeds": len(result.seeds),
        "error_of_images": result.error_of_images(),
        "protocol": texts(f"final.protocols.{result.budget.protocol}"),
        "budget": budget_in_words(result.budget, texts),
        "configuration": result.words,
    }
