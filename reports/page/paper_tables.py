"""The paper's Tables 2 to 5 beside what was measured here."""

from collections.abc import Sequence
from typing import Any

import pandas
from optuna.trial import FrozenTrial

from reports.analysis.chosen_studies import Source, Sources
from reports.analysis.reproduction import Reproduced, reproduced_row
from reports.document.numbers import Notation
from reports.document.parts import Column, Table
from reports.document.texts import Texts
from reports.page.words import budget_in_words, columns, filled
from spaces.autoencoder import Layer, decoder_layers, encoder_layers
from spaces.budget import Budget
from spaces.paper import AUTOENCODERS
from spaces.stages import AUTOENCODER, CLASSIFIER, Stage
from spaces.wording import MISSING
from studies.records import attributes, trials
from studies.records.origins import best_found

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
    **{"verdict": "text", "search_validation": "percent", "best_against": "points"},
    **{"seeds": "count", "difference": "points", "deviation": "spread"},
    **{"one_run_low": "percent", "one_run_high": "percent", "published_train": "percent"},
    **{"paper_train": "percent", "search_train": "percent", "change": "text"},
}
"""What matters most comes first. Losses are in percent here, as the paper prints them."""

_RUN = ("paper_validation", "search_validation", "paper_train", "search_train")
"""Columns of what somebody has to run first."""
_PARTS = ("train", "validation")

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
    """The paper's Table 3, 4 or 5: its own models of a stage, and the best found.

    Columns in which nothing was measured are left out. Where nothing here had the paper's budget,
    what was measured under one budget comes first and the published figures are set apart.
    """
    stage, metric = _TABLES[number]
    main = sources.main(stage)
    best = _best_beside_paper(main) if main else None
    found = attributes.of(best).get(trials.METRICS, {}) if best else {}
    best_value = found.get(f"validation_{metric}")
    is_smoothed = metric == "loss" and best is not None and _smooths_labels(best)
    rows = [_paper_row(sources, stage, row, metric, best_value, texts) for row in stage.paper]
    whose = str(main.origin_of(best)) if main and best else "found"
    of_the_best = {
        "name": texts(f"tables.best.{whose}"),
        "change": best.user_attrs.get(trials.WORDS, "") if best else "",
        "search_train": "" if is_smoothed else found.get(f"train_{metric}"),
        "search_validation": best_value,
    }
    if best is not None:
        rows.append({**dict.fromkeys(rows[0], ""), **of_the_best})
    frame, kind = pandas.DataFrame(rows), "loss" if metric == "loss" else "accuracy"
    shown = filled(_columns(main, metric == "loss", texts), frame)
    if not sources.reproduced(stage) and main and main.settings.budget != Budget():
        shown = _set_apart(shown)
    keys = [column.key for column in shown]
    notes = [texts(f"tables.percent.{stage.name}")] if metric == "loss" else []
    if any(column.is_faint for column in shown) and main:
        budget = budget_in_words(main.settings.budget, texts)
        notes.append(texts("tables.faint_note", budget=budget))
    if "verdict" in keys:
        notes += [texts(f"verdicts.note_{kind}"), texts(f"table{number}.note")]
    if is_smoothed:
        notes.append(texts("tables.smoothed_note"))
    if "best_against" in keys:
        notes.append(texts("tables.against_note"))
    return Table(f"table-{number}", texts(f"table{number}.caption"), frame, shown, " ".join(notes))


def _best_beside_paper(main: Source) -> FrozenTrial | None:
    """The best of the study; where that is a row of the paper's, the best that the search drew."""
    best = main.best()
    if best is None or main.origin_of(best) != "paper":
        return best
    return best_found(main.own(), main.settings.direction)


def _smooths_labels(trial: FrozenTrial) -> bool:
    """Whether its training loss is of smoothed labels, as no other loss is."""
    return bool(attributes.of(trial)[trials.CONFIG].get("label_smoothing"))


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
        "seeds": measured.n_seeds or None,
        "difference": measured.difference,
        "verdict": _verdict(measured, texts),
        "search_train": searched[train].mean,
        "search_validation": here,
        "best_against": _against(best, here, metric == "loss"),
    }


def _against(best: float | None, here: float | None, is_loss: bool) -> float | None:
    """How much better or worse the best found is: relatively for losses, else in points."""
    if best is None or here is None:
        return None
    return best / here - 1 if is_loss else best - here


def _verdict(measured: Reproduced, texts: Texts) -> str | None:
    if not measured.n_seeds:
        return None
    return texts(f"verdicts.{measured.says.replace(' ', '_')}")


def _columns(main: Source | None, is_loss: bool, texts: Texts) -> list[Column]:
    kinds = _COLUMNS | {"best_against": "change" if is_loss else "points"}
    missing = dict.fromkeys(_RUN, texts("tables.not_run")) | {"verdict": "", "change": ""}
    shown = [
        column._replace(missing=missing.get(column.key, MISSING))
        for column in columns(texts, "tables", kinds)
    ]
    if main is not None and main.settings.budget != Budget():
        budget = budget_in_words(main.settings.budget, texts)
        titles = {f"search_{of}": texts(f"tables.reduced_{of}", budget=budget) for of in _PARTS}
        return [c._replace(title=titles.get(c.key, c.title)) for c in shown]
    return shown


def _set_apart(shown: Sequence[Column]) -> tuple[Column, ...]:
    """The columns of a smaller budget than the paper's, its published figures behind the others."""
    published = [c._replace(is_faint=True) for c in shown if c.key.startswith("published_")]
    name, *others = (c for c in shown if not c.key.startswith("published_"))
    return name, *others[:-1], *published, others[-1]


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
