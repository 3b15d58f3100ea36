"""Searches beside each other: a table, and two figures of the same trials."""

from collections.abc import Sequence

import pandas

from reports.analysis.chosen_studies import Source
from reports.analysis.searches_compared import Comparison, Searched, compare
from reports.document.numbers import kind_of
from reports.document.parts import Block, Column, Figure, Section, Table, Text
from reports.document.texts import Texts
from reports.figures import comparison_drawings
from reports.figures.axes import value_axis
from spaces.wording import MISSING


def comparison_section(sources: Sequence[Source], texts: Texts) -> Section:
    """The searches beside each other.

    Raises:
        StudyError: they are not judged by one metric.
    """
    found = compare(sources)
    section = Section("comparison", texts("comparison.title"))
    section.blocks.append(Text(texts("comparison.about")))
    for line in found.differences:
        section.blocks.append(Text(texts("comparison.differs", what=line), is_notice=True))
    section.blocks += [
        _table(found, sources[0], texts),
        *comparison_figures(found, sources[0], texts),
    ]
    return section


def comparison_figures(found: Comparison, source: Source, texts: Texts) -> list[Figure]:
    """Quality against time, and the share of trials that reach a value; none without a value.

    Args:
        found: the comparison.
        source: one of the searches.
        texts: a language's.
    """
    if not any(search.steps for search in found.searches):
        return []
    axis, kind = value_axis(source.settings.stage, found.metric, texts), kind_of(found.metric)
    bests = [
        f"{search.study}: {texts.number(search.best, kind)}"
        for search in found.searches
        if search.best is not None
    ]
    listed = "; ".join(bests)
    return [
        Figure(
            "comparison-time",
            texts("comparison.time"),
            texts("comparison.time_alt", listed=listed),
            comparison_drawings.quality_by_time("comparison-time", found, axis, texts),
        ),
        Figure(
            "comparison-share",
            texts("comparison.share"),
            texts("comparison.share_alt", listed=listed),
            comparison_drawings.share_reaching("comparison-share", found, axis, texts),
        ),
    ]


def _table(found: Comparison, source: Source, texts: Texts) -> Block:
    stage, kind = source.settings.stage, kind_of(found.metric)
    frame = pandas.DataFrame([_row(search, found) for search in found.searches])
    value = MISSING if found.value is None else texts.number(found.value, kind)
    shown = (
        Column("study", texts("comparison.study")),
        Column("best", texts(f"metrics.{stage}.{found.metric}"), kind),
        Column("seconds_to", texts("comparison.seconds_to", value=value), "seconds"),
        Column("share", texts("comparison.share_of", value=value), "share"),
        Column("low", texts("comparison.low"), "share"),
        Column("high", texts("comparison.high"), "share"),
        Column("n_trials", texts("comparison.n_trials"), "count"),
        Column("seconds", texts("comparison.seconds"), "seconds"),
    )
    note = texts("comparison.note")
    return Table("comparison", texts("comparison.caption"), frame, shown, note)


def _row(search: Searched, found: Comparison) -> dict[str, object]:
    row: dict[str, object] = {
        "study": search.study,
        "n_trials": search.n_trials,
        "seconds": search.seconds,
        "best": search.best,
    }
    if found.value is None:
        return {**row, "seconds_to": None, "share": None, "low": None, "high": None}
    at = found.value, found.less_is_better
    return {**row, "seconds_to": search.seconds_to(*at), **search.share_at(*at)._asdict()}
