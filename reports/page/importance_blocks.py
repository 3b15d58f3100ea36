"""What decides whether a trial is good: at the end, or as far as enough trials were trained."""

import pandas
from optuna.trial import TrialState

from reports.analysis.agreement import agreement
from reports.analysis.chosen_studies import Source
from reports.analysis.importance import Importances, importances
from reports.document.numbers import Notation
from reports.document.parts import Block, Figure, Table, Text
from reports.document.texts import Texts
from reports.figures import drawings
from reports.page.words import columns
from studies.records.comparable import MIN_FOR_IMPORTANCE, Comparable, furthest

_KINDS: dict[str, Notation] = {"name": "text", "share": "share", "low": "share", "high": "share"}


def importance_blocks(source: Source, name: str, texts: Texts) -> list[Block]:
    """Each dimension's share, at which epoch and by how many trials; how far that is the end's."""
    compared = furthest(source.own(), source.settings)
    found = importances(compared, source.settings.direction)
    if found is None:
        n, least = len(compared.trials), MIN_FOR_IMPORTANCE
        return [Text(texts("search.importance.too_few", n=n, least=least))]
    key = "" if compared.are_whole else "_on_the_way"
    where = {"n": found.n_trials, "epoch": compared.epoch, "epochs": compared.n_epochs}
    rows = [row._replace(name=row.name.replace("_", "-")) for row in found.rows]
    listed = ", ".join(f"{row.name} {texts.number(row.share, 'share')}" for row in rows)
    label = texts(f"axes.importance{key}", **where)
    blocks: list[Block] = [
        Figure(
            f"{name}-importance",
            _caption(source, compared, found, texts),
            texts("search.importance.alt", listed=listed),
            drawings.importance(f"{name}-importance", found, label, texts),
        ),
        Table(
            f"{name}-importance",
            texts(f"search.importance.table{key}", **where),
            pandas.DataFrame([row._asdict() for row in rows]),
            columns(texts, "search.importance", _KINDS),
        ),
    ]
    return blocks if compared.are_whole else [*blocks, _agreement(source, compared, texts)]


def _caption(source: Source, compared: Comparable, found: Importances, texts: Texts) -> str:
    words: dict[str, object] = {"n": found.n_trials, "n_best": found.n_best}
    if compared.are_whole:
        n_pruned = sum(t.state == TrialState.PRUNED for t in source.own())
        words["n_pruned"] = texts.number(n_pruned, "count")
        return texts("search.importance.caption", **words)
    words |= {"epoch": compared.epoch, "epochs": compared.n_epochs}
    sentences = [texts("search.importance.caption_on_the_way", **words)]
    if compared.epoch > 1:
        sentences.append(texts("search.importance.chosen"))
    if found.within_kinds:
        sentences.append(texts("search.importance.within_kinds"))
    return " ".join(sentences)


def _agreement(source: Source, compared: Comparable, texts: Texts) -> Text:
    """How far the values on the way and those of the end say the same."""
    found = agreement(source.own(), source.settings, compared.epoch)
    kind = texts("search.agreement.of_one_kind") if found.of_one_kind else ""
    words: dict[str, object] = {"n": found.n_trials, "kind": kind, "epoch": compared.epoch}
    if found.value is None:
        return Text(texts("search.agreement.too_few", **words))
    for key in ("value", "low", "high"):
        words[key] = texts.number(round(getattr(found, key), 2), "number")
    return Text(texts(f"search.agreement.{'found' if found.can_say else 'undecided'}", **words))
