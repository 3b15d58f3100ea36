"""What a search did, study by study, and what its trials say of the paper's claims."""

import pandas

from reports.analysis.chosen_studies import Source, Sources
from reports.analysis.tables import TrialRow, ranking
from reports.analysis.time_spent import KINDS, time_spent
from reports.document.numbers import Notation, kind_of
from reports.document.parts import Block, Column, Figure, Section, Table, Text
from reports.document.texts import Texts
from reports.figures import drawings, figure_data, interactive
from reports.figures.axes import ValueAxis, value_axis
from reports.page.effect_tables import claims_blocks, warm_blocks
from reports.page.importance_blocks import importance_blocks
from reports.page.words import anchor, budget_in_words, columns, filled
from spaces.wording import MISSING
from studies.records.scores import standard_error


def search_section(sources: Sources, texts: Texts) -> Section:
    """One part for each study, then what all of them say together."""
    section = Section("search", texts("search.title"))
    if not sources.searches:
        section.blocks.append(Text(texts("search.none"), is_notice=True))
        return section
    together = [*_time(sources, texts), *warm_blocks(sources, texts)]
    section.sections = [
        *(_study_section(source, texts) for source in sources.searches),
        Section("together", texts("search.together"), together),
    ]
    return section


def _study_section(source: Source, texts: Texts) -> Section:
    name = anchor(source.name)
    about = {
        "stage": texts(f"stages.{source.settings.stage}"),
        "budget": budget_in_words(source.settings.budget, texts),
        "space": ", ".join(f"{d.name.replace('_', '-')} {d}" for d in source.space.dimensions),
    }
    section = Section(f"study-{name}", texts("search.study", study=source.name))
    section.blocks.append(Text(texts("search.about", **about)))
    if not source.completed():
        section.blocks.append(Text(texts("search.nothing_complete"), is_notice=True))
    axis = value_axis(source.settings.stage, source.settings.metric, texts)
    section.blocks += _best(source, name, texts)
    section.blocks += _history(source, name, axis, texts)
    section.blocks += _epochs(source, name, axis, texts)
    section.blocks += importance_blocks(source, name, texts)
    section.blocks += _slices(source, name, axis, texts)
    section.blocks += _pareto(source, name, axis, texts)
    section.blocks += claims_blocks(source, name, texts)
    return section


def _best(source: Source, name: str, texts: Texts) -> list[Block]:
    rows = ranking(source.trials(), source.settings, n_rows=10)
    if not rows:
        return []
    stage, metric = source.settings.stage, source.settings.metric
    in_training = metric.replace("validation", "train")
    frame = pandas.DataFrame([{**row._asdict(), "tied": "=" if row.tied else ""} for row in rows])
    shown = (
        Column("label", texts("search.best.label")),
        Column("value", texts(f"metrics.{stage}.{metric}"), kind_of(metric)),
        Column("tied", texts("search.best.tied")),
        Column("configuration", texts("search.best.configuration")),
        Column("train_value", texts(f"metrics.{stage}.{in_training}"), kind_of(metric)),
        Column("n_parameters", texts("search.best.n_parameters"), "count"),
        Column("seconds", texts("search.best.seconds"), "seconds"),
    )
    caption, note = (
        texts("search.best.caption", study=source.name),
        _how_certain(rows, source, texts),
    )
    return [Table(f"{name}-best", caption, frame, filled(shown, frame), note)]


def _how_certain(rows: list[TrialRow], source: Source, texts: Texts) -> str:
    """What an order of the best is worth."""
    if not source.settings.metric.endswith("accuracy"):
        return texts("search.best.note_loss")
    n, first = source.settings.budget.n_judging, rows[0].value
    error = texts.number(standard_error(first, n), "spread")
    words = {"n": texts.number(n, "count"), "first": texts.number(first, "percent"), "error": error}
    return texts("search.best.note_accuracy", **words)


def _history(source: Source, name: str, axis: ValueAxis, texts: Texts) -> list[Block]:
    shown = figure_data.history(source)
    if not (shown.complete or shown.pruned or shown.paper):
        return []
    n_all = len(shown.complete) + len(shown.paper)
    best, kind = MISSING, kind_of(source.settings.metric)
    if shown.best_so_far:
        best = texts.number(shown.best_so_far[-1].value, kind)
    return [
        Figure(
            f"{name}-history",
            texts("search.history.caption"),
            texts("search.history.alt", n=n_all, n_pruned=len(shown.pruned), best=best),
            drawings.history(f"{name}-history", shown, axis, texts),
            interactive.history(shown, axis, texts),
        )
    ]


def _epochs(source: Source, name: str, axis: ValueAxis, texts: Texts) -> list[Block]:
    found = figure_data.epoch_curves(source)
    if not found.n_ended:
        return []
    n_shown = len(found.complete) + len(found.early)
    words = {"shown": n_shown, "total": sum(found.n_ended.values())}
    caption = texts("search.epochs.caption", **words)
    if found.few_ends():
        caption += " " + texts("search.epochs.counts")
    counts = {"n_complete": len(found.complete), "n_early": len(found.early)}
    return [
        Figure(
            f"{name}-epochs",
            caption,
            texts("search.epochs.alt", **counts),
            drawings.epochs(f"{name}-epochs", found, axis, texts),
            interactive.epochs(found, axis, texts),
        )
    ]


def _slices(source: Source, name: str, axis: ValueAxis, texts: Texts) -> list[Block]:
    found = figure_data.slices(source)
    if not found:
        return []
    names = ", ".join(part.name for part in found)
    picture = drawings.slices(f"{name}-slices", found, axis, texts)
    blocks: list[Block] = [
        Figure(
            f"{name}-slices",
            texts("search.slices.caption"),
            texts("search.slices.alt", names=names),
            picture,
        )
    ]
    across = figure_data.parallel(source, axis)
    if across:
        name, falls = f"{name}-parallel", source.settings.direction == "minimize"
        alt = texts("search.parallel.alt", names=", ".join(each.label for each in across[:-1]))
        drawn = (
            drawings.parallel(name, across, falls, texts),
            interactive.parallel(across, falls, texts),
        )
        blocks.append(Figure(name, texts("search.parallel.caption"), alt, *drawn, wide=True))
    return blocks


def _pareto(source: Source, name: str, axis: ValueAxis, texts: Texts) -> list[Block]:
    return [
        Figure(
            f"{name}-pareto-{front.cost.replace('_', '-')}",
            texts("search.pareto.caption", cost=texts(f"axes.{front.cost}")),
            texts("search.pareto.alt", listed="; ".join(p.words for p in front.front[:6])),
            drawings.pareto(f"{name}-{front.cost}", front, axis, texts),
            interactive.pareto(front, axis, texts),
        )
        for front in figure_data.fronts(source)
    ]


def _time(sources: Sources, texts: Texts) -> list[Block]:
    spent = [time_spent(source) for source in sources.searches]
    if not any(row.total_s for row in spent):
        return []
    frame = pandas.DataFrame([row._asdict() for row in spent])
    kinds: dict[str, Notation] = {"study": "text"}
    groups = [f"{kind}_s" for kind in KINDS]
    kinds |= {group: "seconds" for group in groups if frame[group].any()}
    kinds |= {"epochs_share": "share", "evaluation_share": "share"}
    shown = filled(columns(texts, "time", kinds), frame)
    listed = "; ".join(
        f"{r.study}: {texts.number(r.complete_s + r.paper_s, 'seconds')}, "
        f"{texts.number(r.pruned_s, 'seconds')}"
        for r in spent
    )
    return [
        Figure(
            "time",
            texts("time.figure"),
            texts("time.alt", listed=listed),
            drawings.time_spent("time", spent, texts),
        ),
        Table("time", texts("time.caption"), frame, shown, texts("time.note")),
    ]
