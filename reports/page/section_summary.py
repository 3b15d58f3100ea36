"""A report's first screen: what was found, in plain words."""

from typing import Any

import pandas
from optuna.trial import FrozenTrial, TrialState

from reports.analysis.chosen_studies import Source, Sources
from reports.analysis.reproduction import Reproduced, reproduced_row
from reports.analysis.time_spent import TimeSpent, time_spent
from reports.document.parts import Block, Notation, Table, Text, number
from reports.document.texts import Texts
from reports.page.final_tables import final_sentences
from reports.page.words import budget_in_words, columns, trial_name
from spaces.budget import Budget
from spaces.stages import AUTOENCODER, CLASSIFIER, Stage
from spaces.wording import duration
from studies.records import attempts, trials
from studies.records.origins import best_found

_COLUMNS: dict[str, Notation] = {
    **{"study": "text", "stage": "text", "budget": "text", "paper": "count"},
    **{"complete": "count", "pruned": "count", "failed": "count"},
    **{"time": "seconds", "best": "percent"},
}


def summary(sources: Sources, texts: Texts) -> list[Block]:
    """What was found for each stage, how that stands to the paper, and what is missing."""
    blocks: list[Block] = []
    for stage in (AUTOENCODER, CLASSIFIER):
        main = sources.main(stage)
        if main is None:
            blocks.append(Text(texts(f"summary.{stage.name}.none", command=stage.short)))
        else:
            blocks += _of_stage(sources, stage, main, texts)
    blocks += final_sentences(sources, texts)
    if sources.searches:
        blocks.append(_studies_table(sources, texts))
    return blocks + _notices(sources, texts)


def _of_stage(sources: Sources, stage: Stage, main: Source, texts: Texts) -> list[Block]:
    best = main.best()
    if best is None:
        return [Text(texts(f"summary.{stage.name}.empty", study=main.name), is_notice=True)]
    metric = main.settings.metric
    found = Text(
        texts(
            f"summary.{stage.name}.{metric}",
            value=number(trials.value_of(best), "percent"),
            words=best.user_attrs.get(trials.WORDS, ""),
            trial=trial_name(main, best),
            parameters=number(best.user_attrs.get(trials.N_PARAMETERS, 0), "count"),
        )
    )
    whose = Text(_whose(main, best, texts))
    against = _against_paper(sources, stage, main, texts)
    return [found, whose, against, Text(_effort(time_spent(main), texts))]


def _whose(main: Source, best: FrozenTrial, texts: Texts) -> str:
    """Whether the search found its best; if not, what it did find."""
    origin, drawn = main.origin_of(best), best_found(main.trials(), main.settings.direction)
    words = texts(f"summary.origins.{origin}", name=best.user_attrs.get(trials.PAPER, ""))
    if origin == "found":
        return words
    if drawn is None:
        return f"{words} {texts('summary.drawn_none')}"
    value, trial = number(trials.value_of(drawn), "percent"), trial_name(main, drawn)
    return f"{words} {texts('summary.drawn', value=value, trial=trial)}"


def _against_paper(sources: Sources, stage: Stage, main: Source, texts: Texts) -> Text:
    """The best beside the paper's best, as printed and as measured here."""
    row, metric = stage.best_of_paper, main.settings.metric
    own = reproduced_row(row, sources.paper_trials(stage, row.name)).figures[metric]
    searched = reproduced_row(row, sources.searched_paper_trials(stage, row.name)).figures[metric]
    published = number(own.published, "percent")
    sentences = [texts("summary.published", name=row.name, published=published)]
    if searched.mean is not None:
        sentences.append(texts("summary.here", value=number(searched.mean, "percent")))
    if own.mean is not None:
        sentences += _reproduced(own, own.mean, texts)
    return Text(" ".join(sentences))


def _reproduced(found: Reproduced, mean: float, texts: Texts) -> list[str]:
    """What the paper's own protocol came to here, and what follows of that."""
    value = number(mean, "percent")
    sentences = [texts.choose("summary.reproduced", found.n_seeds, value=value)]
    if found.one_run_low is not None and found.one_run_high is not None:
        low, high = (number(v, "percent") for v in (found.one_run_low, found.one_run_high))
        sentences.append(texts("summary.one_run", low=low, high=high))
    return [*sentences, texts(f"summary.verdicts.{found.says.replace(' ', '_')}")]


def _effort(spent: TimeSpent, texts: Texts) -> str:
    total = duration(spent.total_s)
    if spent.epochs_share is None:
        return texts("summary.effort_paper", n_paper=spent.n_paper, total=total)
    return texts(
        "summary.effort",
        n_searched=number(spent.n_searched, "count"),
        n_pruned=number(spent.n_pruned, "count"),
        n_paper=spent.n_paper,
        total=total,
        share=number(spent.epochs_share, "share"),
    )


def _notices(sources: Sources, texts: Texts) -> list[Block]:
    notices = []
    reduced: dict[str, list[str]] = {}
    for source in sources.searches:
        n_running = sum(t.state == TrialState.RUNNING for t in source.trials())
        if n_running:
            notices.append(texts.choose("summary.running", n_running, study=source.name))
        lost = [trials.label(t) for t in attempts.searched_without_result(source.trials())]
        if lost:
            values = {"study": source.name, "trials": ", ".join(lost)}
            notices.append(texts.choose("summary.given_up", len(lost), **values))
        if source.settings.budget != Budget():
            reduced.setdefault(budget_in_words(source.settings.budget, texts), []).append(
                source.name
            )
    for budget, studies in reduced.items():
        notices.append(texts("summary.reduced", budget=budget, studies=", ".join(studies)))
    if missing := sources.not_run():
        names = ", ".join(missing)
        notices.append(texts.choose("summary.not_run", len(missing), names=names))
    if sources.reduced:
        names = ", ".join(source.name for source in sources.reduced)
        notices.append(texts("summary.not_counted", names=names))
    if sources.left_out:
        notices.append(texts("summary.left_out", names=", ".join(sources.left_out)))
    return [Text(text, is_notice=True) for text in notices]


def _studies_table(sources: Sources, texts: Texts) -> Table:
    rows = [_study_row(source, texts) for source in (*sources.searches, *sources.reproductions)]
    shown = columns(texts, "studies", _COLUMNS)
    return Table("studies", texts("studies.caption"), pandas.DataFrame(rows), shown)


def _study_row(source: Source, texts: Texts) -> dict[str, Any]:
    spent, best = time_spent(source), source.best()
    return {
        "study": source.name,
        "stage": texts(f"stages.{source.settings.stage}"),
        "budget": budget_in_words(source.settings.budget, texts),
        "paper": spent.n_paper,
        "complete": spent.n_complete,
        "pruned": spent.n_pruned,
        "failed": spent.n_failed,
        "time": spent.total_s,
        "best": trials.value_of(best) if best else None,
    }
