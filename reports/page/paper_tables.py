"""The paper's Tables 2 to 5 beside what was measured here."""

from typing import Any

import pandas

from reports.analysis.chosen_studies import Sources
from reports.analysis.reproduction import reproduced_row
from reports.document.parts import Column, Notation, Table
from reports.document.texts import Texts
from reports.page.words import columns
from spaces.autoencoder import Layer, decoder_layers, encoder_layers
from spaces.paper import AUTOENCODERS
from spaces.stages import AUTOENCODER, CLASSIFIER, Stage
from studies.records import trials

_ONLY_OF_THE_PAPER = (
    "published_train",
    "published_validation",
    "paper_train",
    "paper_validation",
    "deviation",
    "one_run_low",
    "one_run_high",
    "difference",
    "verdict",
    "seeds",
    "best_against",
)
"""Columns that say nothing of the best found, which the paper has not."""

_TABLE_2: dict[str, Notation] = {
    "number": "count",
    "layer": "text",
    "output": "text",
    "kernel": "count",
    "stride": "count",
    "printed": "count",
    "padding": "count",
    "parameters": "count",
}

PRINTED_PADDING = {5: 2}
"""Where the paper's Table 2 prints another padding than the one that gives its stated sizes."""


def table_2(texts: Texts) -> Table:
    """The baseline autoencoder, layer by layer, as it is built."""
    config = AUTOENCODERS[0].config
    rows = [
        _layer_row(number, layer, texts)
        for number, layer in enumerate((*encoder_layers(config), *decoder_layers(config)), start=1)
    ]
    rows.append({"layer": texts("table2.total"), "parameters": config.n_parameters()})
    return Table(
        "table-2",
        texts("table2.caption"),
        pandas.DataFrame(rows),
        columns(texts, "table2", _TABLE_2, missing=""),
        texts("table2.note"),
    )


def table_3(sources: Sources, texts: Texts) -> Table:
    """The paper's five autoencoders, and the best found."""
    return _side_by_side(sources, AUTOENCODER, "loss", "table-3", texts)


def table_4(sources: Sources, texts: Texts) -> Table:
    """The paper's three classifiers and the best found, by accuracy."""
    return _side_by_side(sources, CLASSIFIER, "accuracy", "table-4", texts)


def table_5(sources: Sources, texts: Texts) -> Table:
    """The same by loss."""
    return _side_by_side(sources, CLASSIFIER, "loss", "table-5", texts)


def _side_by_side(sources: Sources, stage: Stage, metric: str, name: str, texts: Texts) -> Table:
    main = sources.main(stage)
    best = main.best() if main else None
    found = best.user_attrs.get(trials.METRICS, {}) if best else {}
    best_value = found.get(f"validation_{metric}")
    rows = [_paper_row(sources, stage, row, metric, best_value, texts) for row in stage.paper]
    most_seeds = max(row["seeds"] for row in rows)
    key = name.replace("-", "")
    on_verdicts = (f"verdicts.note_{metric}", f"{key}.note") if most_seeds else ()
    rows.append(
        {
            "name": texts(
                f"tables.best.{main.origin_of(best)}" if main and best else "tables.best.found"
            ),
            "change": best.user_attrs.get(trials.WORDS, "") if best else "",
            **dict.fromkeys(_ONLY_OF_THE_PAPER, ""),
            "search_train": found.get(f"train_{metric}"),
            "search_validation": best_value,
        }
    )
    return Table(
        name,
        texts(f"{key}.caption"),
        pandas.DataFrame(rows),
        _columns(texts, metric == "loss", most_seeds),
        " ".join(map(texts, (*on_verdicts, "tables.against_note"))),
    )


def _paper_row(
    sources: Sources, stage: Stage, row: Any, metric: str, best: float | None, texts: Texts
) -> dict[str, Any]:
    own = reproduced_row(row, sources.paper_trials(stage, row.name)).figures
    searched = reproduced_row(row, sources.searched_paper_trials(stage, row.name)).figures
    train, judged = f"train_{metric}", f"validation_{metric}"
    published, measured, here = own[judged].published, own[judged], searched[judged].mean
    return {
        "name": row.name,
        "change": texts(f"rows.{stage.name}.{row.name}"),
        "published_train": own[train].published,
        "published_validation": published,
        "paper_train": own[train].mean,
        "paper_validation": measured.mean,
        "deviation": measured.deviation,
        "one_run_low": measured.one_run_low,
        "one_run_high": measured.one_run_high,
        "seeds": measured.n_seeds,
        "difference": None if measured.mean is None else measured.mean - published,
        "verdict": texts(f"verdicts.{measured.says.replace(' ', '_')}"),
        "search_train": searched[train].mean,
        "search_validation": here,
        "best_against": _against(best, here, metric == "loss"),
    }


def _against(best: float | None, here: float | None, is_loss: bool) -> float | None:
    """How much better or worse the best found is: relatively for losses, else in points."""
    if best is None or here is None:
        return None
    return best / here - 1 if is_loss else best - here


def _columns(texts: Texts, is_loss: bool, most_seeds: int) -> tuple[Column, ...]:
    missing = texts("tables.not_run")
    return (
        Column("name", texts("tables.name")),
        Column("published_validation", texts("tables.published_validation"), "percent"),
        Column("paper_validation", texts("tables.paper_validation"), "percent", missing),
        *(_against_published(texts, most_seeds > 1) if most_seeds else ()),
        Column("search_validation", texts("tables.search_validation"), "percent", missing),
        Column("best_against", texts("tables.best_against"), "change" if is_loss else "points"),
        Column("published_train", texts("tables.published_train"), "percent"),
        Column("paper_train", texts("tables.paper_train"), "percent", missing),
        Column("search_train", texts("tables.search_train"), "percent", missing),
        Column("change", texts("tables.change"), missing=""),
    )


def _against_published(texts: Texts, several_seeds: bool) -> tuple[Column, ...]:
    return (
        Column("seeds", texts("tables.seeds"), "count"),
        *(_of_several_seeds(texts) if several_seeds else ()),
        Column("difference", texts("tables.difference"), "points"),
        Column("verdict", texts("tables.verdict"), missing=""),
    )


def _of_several_seeds(texts: Texts) -> tuple[Column, ...]:
    return (
        Column("deviation", texts("tables.deviation"), "spread"),
        Column("one_run_low", texts("tables.one_run_low"), "percent"),
        Column("one_run_high", texts("tables.one_run_high"), "percent"),
    )


def _layer_row(number: int, layer: Layer, texts: Texts) -> dict[str, Any]:
    return {
        "number": number,
        "layer": texts(f"table2.{layer.kind}"),
        "output": f"{layer.size}×{layer.size}×{layer.channels}",
        "kernel": layer.kernel,
        "stride": layer.stride,
        "printed": PRINTED_PADDING.get(number, layer.padding),
        "padding": layer.padding,
        "parameters": layer.n_parameters,
    }
