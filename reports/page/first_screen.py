"""A report's first screen: the answer, what it looks like, and what to do next."""

import shlex

from optuna.trial import FrozenTrial

from reports.analysis.chosen_studies import Source, Sources, have_one_encoder
from reports.document.numbers import Notation, kind_of
from reports.document.parts import Answer, Block, Code, Figure, Link, Text
from reports.document.texts import Texts
from reports.figures.image_drawings import strip
from reports.models import on_validation
from reports.page.final_tables import final_table_name
from reports.page.words import anchor, budget_in_words, storage_option, trial_name
from spaces.budget import Budget
from spaces.stages import AUTOENCODER, CLASSIFIER, STAGES, Stage
from studies.final.results import FinalResult
from studies.records import trials
from studies.records.commands import command, in_options
from studies.records.origins import best_found
from studies.records.request import DEFAULT_TRIALS
from studies.records.scores import can_be_told_apart

FINAL = Budget(protocol="final")
"""The paper's training, judged by the test images."""


def first_screen(sources: Sources, storage: str | None, texts: Texts) -> list[Block]:
    """An answer for each stage, a strip of reconstructions, and one thing to do next."""
    answers: list[Block] = [_answer(sources, stage, texts) for stage in STAGES.values()]
    return [*answers, *_strip(sources, texts), *_next(sources, storage, texts)]


def _answer(sources: Sources, stage: Stage, texts: Texts) -> Answer:
    title, main = texts(f"answer.{stage.name}"), sources.main(stage)
    judged, best = sources.judged(stage), main.best() if main else None
    claims = (_found(main, texts),) if main and best else ()
    if judged is not None:
        unit = texts(f"metrics.{stage.name}.test_{judged.metric}")
        return Answer(
            title, _mean(judged, texts), unit, (*_judged(sources, stage, judged, texts), *claims)
        )
    if main and best:
        metric, budget = main.settings.metric, budget_in_words(main.settings.budget, texts)
        value = texts.number(trials.value_of(best), kind_of(metric))
        unit = texts(f"metrics.{stage.name}.{metric}")
        caution = Text(texts("answer.not_judged", budget=budget))
        return Answer(title, value, unit, (*claims, caution))
    if main:
        nothing = Text(texts("answer.nothing_complete", study=main.name), evidence=_of(main, texts))
        return Answer(title, "", "", (nothing,))
    return Answer(title, "", "", (Text(texts("answer.nothing")),))


def _judged(sources: Sources, stage: Stage, judged: FinalResult, texts: Texts) -> tuple[Text, ...]:
    """What the test images said, also of the paper's best, trained alike, and what it published."""
    evidence = Link(f"table-{final_table_name(stage.name)}", texts("answer.see.final"))
    row, kind, trial = stage.best_of_paper, kind_of(judged.metric), sources.trial_of(judged)
    words = {
        "source": trial_name(*trial) if trial else judged.source,
        "budget": budget_in_words(judged.budget, texts),
    }
    claims = [Text(texts.choose("answer.judged", len(judged.seeds), **words), evidence=evidence)]
    paper = sources.paper_judged_beside(judged, row.name)
    if paper is not None:
        words = {"name": row.name, "value": _mean(paper, texts)}
        key = "answer.paper_judged" if have_one_encoder(paper, judged) else "answer.paper_beside"
        claims.append(Text(texts.choose(key, len(paper.seeds), **words), evidence=evidence))
    if judged.budget == FINAL:
        published = texts.number(getattr(row, f"validation_{judged.metric}"), kind)
        said = texts("answer.published", name=row.name, published=published)
        table = "table-table-3" if stage is AUTOENCODER else "table-table-4"
        claims.append(Text(said, evidence=Link(table, texts("answer.see.tables"))))
    return tuple(claims)


def _mean(result: FinalResult, texts: Texts) -> str:
    """The mean over seeds and half of its 95 % interval: ``0.0742 ± 0.0003``."""
    mean, _, high = result.mean()
    shown = texts.number(mean, kind_of(result.metric))
    if high is None:
        return shown
    half: Notation = "loss" if result.metric == "loss" else "spread"
    return f"{shown} ± {texts.number(high - mean, half)}"


def _found(main: Source, texts: Texts) -> Text:
    """The best that the search drew beside the best of the paper's, both of one study."""
    settings = main.settings
    drawn = best_found(main.own(), settings.direction)
    papers = [t for t in main.completed() if trials.is_paper(t)]
    paper = trials.best(papers, settings.direction)
    kind, evidence = kind_of(settings.metric), _of(main, texts)
    words = {"metric": texts(f"answer.named.{settings.metric}")}
    if drawn is not None:
        words |= {"found": texts.number(trials.value_of(drawn), kind), "trial": trials.label(drawn)}
    if paper is not None:
        words |= {"paper": texts.number(trials.value_of(paper), kind)}
        words |= {"name": str(paper.user_attrs[trials.PAPER])}
    if drawn is not None and paper is not None:
        words["difference"] = _difference(drawn, paper, main, texts)
    key = "against" if "difference" in words else "without_paper" if drawn else "without_drawn"
    return Text(texts(f"answer.{key}", **words), evidence=evidence)


def _difference(drawn: FrozenTrial, paper: FrozenTrial, main: Source, texts: Texts) -> str:
    """What follows of two trials of one seed each."""
    one, other = trials.value_of(drawn), trials.value_of(paper)
    if kind_of(main.settings.metric) == "loss":
        return texts("answer.difference_loss", change=texts.number(one / other - 1, "change"))
    apart = can_be_told_apart(one, other, main.settings.budget.n_judging)
    key = "answer.difference_accuracy" if apart else "answer.tied"
    return texts(key, points=texts.number(one - other, "points"))


def _of(main: Source, texts: Texts) -> Link:
    return Link(f"study-{anchor(main.name)}", texts("answer.see.search"))


def _strip(sources: Sources, texts: Texts) -> list[Block]:
    """One image of each class and its reconstruction, where weights and images are there."""
    main = sources.main(AUTOENCODER)
    best = on_validation.find_trained(main) if main else None
    images = on_validation.validation_images(sources, main) if main else None
    if main is None or best is None or images is None:
        return []
    shown = on_validation.reconstructions(images, best, None)
    caption = texts("answer.strip.caption", trial=trials.label(best.trial))
    drawing = strip("reconstructions", shown, texts)
    return [Figure("reconstructions", caption, texts("answer.strip.alt"), drawing)]


def _next(sources: Sources, storage: str | None, texts: Texts) -> list[Block]:
    """The first thing that is missing, and the command that does it."""
    key, line = _first_missing(sources)
    return [
        Text(texts(f"answer.next.{key}")),
        Code(" ".join([line, shlex.join(storage_option(storage))]).rstrip()),
    ]


def _first_missing(sources: Sources) -> tuple[str, str]:
    """Its key among the texts, and the command without the storage."""
    mains = [(stage, sources.main(stage)) for stage in STAGES.values()]
    for stage, main in mains:
        if main is None or main.best() is None:
            return f"search_{stage.name}", command(stage, _as_before(main, sources))
    for stage, main in mains:
        if main is not None and not main.settings.budget.covers(Budget()):
            return "whole", command(stage, {"trials": DEFAULT_TRIALS})
    for stage, main in mains:
        best = main.best() if main else None
        if main is not None and best is not None and sources.judged(stage) is None:
            return "train", _line("train", f"{main.name}#{best.number}", "--seeds", "5")
    if sources.not_run():
        return "reproduce", _line("reproduce")
    last = sources.main(CLASSIFIER)
    return "export", _line("export", last.name if last else "clf", "--out", "model")


def _as_before(main: Source | None, sources: Sources) -> dict[str, str | int | None]:
    """What a search is to say to go on with its study, or to train as its encoder was trained."""
    said: dict[str, str | int | None] = {"trials": DEFAULT_TRIALS}
    if main is not None:
        return said | {"study": main.name}
    encoder = sources.main(AUTOENCODER)
    if encoder is None:
        return said
    return said | {"encoder": encoder.name} | in_options(encoder.settings.budget)


def _line(*words: str) -> str:
    return shlex.join(["fmnist-search", *words])
