"""What was found, in words: who chose it, how it stands to the paper, what it took."""

from typing import Any

import pandas
from optuna.trial import FrozenTrial, TrialState

from reports.analysis.chosen_studies import Source, Sources
from reports.analysis.reproduction import Reproduced, reproduced_row
from reports.analysis.time_spent import TimeSpent, time_spent
from reports.document.numbers import Notation, kind_of
from reports.document.parts import Block, Section, Table, Text
from reports.document.texts import Texts
from reports.page.words import budget_in_words, columns, filled, trial_name
from spaces.budget import Budget
from spaces.stages import STAGES, Stage
from spaces.wording import duration
from studies.records import attempts, trials
from studies.records.origins import best_found

_COLUMNS: dict[str, Notation] = {
    "study": "text", "stage": "text", "budget": "text", "best_loss": "loss",
    "best_accuracy": "percent", "paper": "count", "complete": "count", "pruned": "count",
    "failed": "count", "time": "seconds",
}  # fmt: skip


def findings_section(sources: Sources, texts: Texts) -> Section:
    """What was found for each stage, the studies, and what is missing."""
    section = Section("findings", texts("findings.title"))
    for stage in STAGES.values():
        main = sources.main(stage)
        if main is not None:
            section.blocks += _of_stage(sources, stage, main, texts)
    if sources.searches or sources.reproductions:
        section.blocks.append(_studies_table(sources, texts))
    section.blocks += _notices(sources, texts)
    return section


def _of_stage(sources: Sources, stage: Stage, main: Source, texts: Texts) -> list[Block]:
    best = main.best()
    if best is None:
        return [Text(texts(f"findings.{stage.name}.empty", study=main.name), is_notice=True)]
    metric = main.settings.metric
    found = texts(
        f"findings.{stage.name}.{metric}",
        value=texts.number(trials.value_of(best), kind_of(metric)),
        words=best.user_attrs.get(trials.WORDS, ""),
        trial=trial_name(main, best),
        parameters=texts.number(best.user_attrs.get(trials.N_PARAMETERS, 0), "count"),
    )
    sentences = [found, _whose(main, best, texts), *_against_paper(sources, stage, main, texts)]
    return [Text(" ".join(sentences)), Text(_effort(time_spent(main), texts))]


def _whose(main: Source, best: FrozenTrial, texts: Texts) -> str:
    """Whether the search found its best; if not, what it did find."""
    origin, drawn = main.origin_of(best), best_found(main.trials(), main.settings.direction)
    words = texts(f"findings.origins.{origin}", name=best.user_attrs.get(trials.PAPER, ""))
    if origin == "found":
        return words
    if drawn is None:
        return f"{words} {texts('findings.drawn_none')}"
    value = texts.number(trials.value_of(drawn), kind_of(main.settings.metric))
    trial = trial_name(main, drawn)
    return f"{words} {texts('findings.drawn', value=value, trial=trial)}"


def _against_paper(sources: Sources, stage: Stage, main: Source, texts: Texts) -> list[str]:
    """The paper's best, as measured here; as published too where something had its budget."""
    row, metric = stage.best_of_paper, main.settings.metric
    own = reproduced_row(row, sources.paper_trials(stage, row.name)).figures[metric]
    searched = reproduced_row(row, sources.searched_paper_trials(stage, row.name)).figures[metric]
    kind, sentences = kind_of(metric), []
    if searched.mean is not None:
        value = texts.number(searched.mean, kind)
        sentences.append(texts("findings.here", name=row.name, value=value))
    if own.mean is not None or main.settings.budget == Budget():
        published = texts.number(own.published, kind)
        sentences.append(texts("findings.published", name=row.name, published=published))
    if own.mean is not None:
        sentences += _reproduced(own, own.mean, kind, texts)
    return sentences


def _reproduced(found: Reproduced, mean: float, kind: Notation, texts: Texts) -> list[str]:
    """What the paper's own protocol came to here, and what follows of that."""
    value = texts.number(mean, kind)
    sentences = [texts.choose("findings.reproduced", found.n_seeds, value=value)]
    if found.one_run_low is not None and found.one_run_high is not None:
        low, high = (texts.number(v, kind) for v in (found.one_run_low, found.one_run_high))
        sentences.append(texts("findings.one_run", low=low, high=high))
    return [*sentences, texts(f"findings.verdicts.{found.says.replace(' ', '_')}")]


def _effort(spent: TimeSpent, texts: Texts) -> str:
    total = duration(spent.total_s)
    if spent.epochs_share is None:
        return texts("findings.effort_paper", n_paper=spent.n_paper, total=total)
    return texts(
        "findings.effort" if spent.n_pruned else "findings.effort_whole",
        n_searched=texts.number(spent.n_searched, "count"),
        n_pruned=texts.number(spent.n_pruned, "count"),
        n_paper=spent.n_paper,
        total=total,
        share=texts.number(spent.epochs_share, "share"),
    )


def _notices(sources: Sources, texts: Texts) -> list[Block]:
    notices = []
    unlike: dict[tuple[str, str], list[str]] = {}
    for source in sources.searches:
        n_running = sum(t.state == TrialState.RUNNING for t in source.trials())
        if n_running:
            notices.append(texts.choose("findings.running", n_running, study=source.name))
        lost = [trials.label(t) for t in attempts.searched_without_result(source.trials())]
        if lost:
            values = {"study": source.name, "trials": ", ".join(lost)}
            notices.append(texts.choose("findings.given_up", len(lost), **values))
        budget = source.settings.budget
        if budget != Budget():
            key = "longer" if budget.covers(Budget()) else "reduced"
            unlike.setdefault((key, budget_in_words(budget, texts)), []).append(source.name)
    for (key, words), studies in unlike.items():
        notices.append(texts(f"findings.{key}", budget=words, studies=", ".join(studies)))
    if missing := sources.not_run():
        names = ", ".join(missing)
        notices.append(texts.choose("findings.not_run", len(missing), names=names))
    if sources.reduced:
        names = ", ".join(source.name for source in sources.reduced)
        notices.append(texts("findings.not_counted", names=names))
    if sources.left_out:
        notices.append(texts("findings.left_out", names=", ".join(sources.left_out)))
    return [Text(text, is_notice=True) for text in notices]


def _studies_table(sources: Sources, texts: Texts) -> Table:
    rows = [_study_row(source, texts) for source in (*sources.searches, *sources.reproductions)]
    frame = pandas.DataFrame(rows)
    shown = filled(columns(texts, "studies", _COLUMNS), frame)
    return Table("studies", texts("studies.caption"), frame, shown)


def _study_row(source: Source, texts: Texts) -> dict[str, Any]:
    spent, best = time_spent(source), source.best()
    value = trials.value_of(best) if best else None
    is_loss = kind_of(source.settings.metric) == "loss"
    return {
        "study": source.name,
        "stage": texts(f"stages.{source.settings.stage}"),
        "budget": budget_in_words(source.settings.budget, texts),
        "paper": spent.n_paper,
        "complete": spent.n_complete,
        "pruned": spent.n_pruned,
        "failed": spent.n_failed,
        "time": spent.total_s,
        "best_loss": value if is_loss else None,
        "best_accuracy": None if is_loss else value,
    }
