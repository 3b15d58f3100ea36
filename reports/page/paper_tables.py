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
from spaces.wording import MISSING
from studies.records import attributes, trials

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

_COLUMNS: dict[str, Notation] = {
    **{"name": "text", "published_validation": "percent", "paper_validation": "percent"},
    **{"seeds": "count", "deviation": "spread", "one_run_low": "percent"},
    **{"one_run_high": "percent", "difference": "points", "verdict": "text"},
    **{"search_validation": "percent", "best_against": "points", "published_train": "percent"},
    **{"paper_train": "percent", "search_train": "percent", "change": "text"},
}
_LEAST_SEEDS = {
    **{"seeds": 1, "difference": 1, "verdict": 1},
    **{"deviation": 2, "one_run_low": 2, "one_run_high": 2},
}
"""Of columns that only show something from so many seeds on."""
_RUN = ("paper_validation", "search_validation", "paper_train", "search_train")
"""Columns of what somebody has to run first."""

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


_TABLES: dict[int, tuple[Stage, str]] = {
    3: (AUTOENCODER, "loss"),
    4: (CLASSIFIER, "accuracy"),
    5: (CLASSIFIER, "loss"),
}
"""What stands in them, and by which metric."""


def table_of_results(number: int, sources: Sources, texts: Texts) -> Table:
    """The paper's Table 3, 4 or 5: its own models of a stage, and the best found."""
    stage, metric = _TABLES[number]
    main = sources.main(stage)
    best = main.best() if main else None
    found = attributes.of(best).get(trials.METRICS, {}) if best else {}
    best_value = found.get(f"validation_{metric}")
    rows = [_paper_row(sources, stage, row, metric, best_value, texts) for row in stage.paper]
    most_seeds = max(row["seeds"] for row in rows)
    key = f"table{number}"
    on_verdicts = (f"verdicts.note_{metric}", f"{key}.note") if most_seeds else ()
    whose = str(main.origin_of(best)) if main and best else "found"
    of_the_best = {
        "name": texts(f"tables.best.{whose}"),
        "change": best.user_attrs.get(trials.WORDS, "") if best else "",
        "search_train": found.get(f"train_{metric}"),
        "search_validation": best_value,
    }
    rows.append({**dict.fromkeys(rows[0], ""), **of_the_best})
    return Table(
        f"table-{number}",
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
    measured, here = own[judged], searched[judged].mean
    return {
        "name": row.name,
        "change": texts(f"rows.{stage.name}.{row.name}"),
        "published_train": own[train].published,
        "published_validation": measured.published,
        "paper_train": own[train].mean,
        "paper_validation": measured.mean,
        "deviation": measured.deviation,
        "one_run_low": measured.one_run_low,
        "one_run_high": measured.one_run_high,
        "seeds": measured.n_seeds,
        "difference": measured.difference,
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


def _columns(texts: Texts, is_loss: bool, most_seeds: int) -> list[Column]:
    kinds = _COLUMNS | {"best_against": "change" if is_loss else "points"}
    for name, least in _LEAST_SEEDS.items():
        if most_seeds < least:
            del kinds[name]
    missing = dict.fromkeys(_RUN, texts("tables.not_run")) | {"verdict": "", "change": ""}
    shown = columns(texts, "tables", kinds)
    return [column._replace(missing=missing.get(column.key, MISSING)) for column in shown]


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
