"""The paper's tables beside what was measured, and its figures from the reader's own runs."""

import shlex
from collections.abc import Sequence

import pandas
from optuna.trial import FrozenTrial

from reports.analysis.chosen_studies import Source, Sources
from reports.document.numbers import kind_of
from reports.document.parts import Block, Code, Column, Figure, Section, Table, Text
from reports.document.texts import Texts
from reports.figures import drawings, image_drawings
from reports.figures.axes import value_axis
from reports.figures.figure_data import curve
from reports.figures.interactive import latent_map as interactive_map
from reports.models import on_validation
from reports.models.on_validation import Trained
from reports.page.final_tables import final_blocks
from reports.page.paper_tables import table_2, table_of_results
from reports.page.words import model_name, storage_option
from spaces.stages import AUTOENCODER, CLASSIFIER, Stage
from studies.data.images import CLASS_NAMES, Images
from studies.records import attributes, trials
from studies.records.scores import class_scores


def tables_section(sources: Sources, storage: str | None, texts: Texts) -> Section:
    """Tables 2 to 5; commands name the storage unless it is the default."""
    section = Section("paper", texts("paper.title"), [Text(texts("paper.scale"))])
    if missing := sources.not_run():
        section.blocks += [
            Text(texts("paper.missing", names=", ".join(missing)), is_notice=True),
            Code(shlex.join(["fmnist-search", "reproduce", *storage_option(storage)])),
        ]
    section.blocks += [table_of_results(number, sources, texts) for number in (3, 4, 5)]
    section.blocks += [*final_blocks(sources, texts), table_2(texts)]
    return section


def autoencoder_section(sources: Sources, texts: Texts) -> Section:
    """Figures 6 and 7, and what the paper lacks of its autoencoders."""
    section = Section("autoencoders", texts("models.autoencoders"))
    metrics = ("train_loss", "validation_loss")
    section.blocks += _learning(sources, AUTOENCODER, "figure-6-losses", metrics, texts)
    main = sources.main(AUTOENCODER)
    best = on_validation.find_trained(main) if main else None
    if main is None or best is None:
        return _without(section, texts("models.no_weights", stage=texts("stages.autoencoder")))
    section.blocks.append(_kernels(best, texts))
    images = on_validation.validation_images(sources, main)
    if images is None:
        return _without(section, texts("models.no_data"))
    baseline = on_validation.find_baseline(main)
    section.blocks += [
        _reconstructions(images, best, baseline, texts),
        _class_errors(images, best, baseline, texts),
        _latent_map(images, best, texts),
    ]
    return section


def classifier_section(sources: Sources, texts: Texts) -> Section:
    """Figures 8 and 9, and the pairs of classes that are confused the most."""
    section = Section("classifiers", texts("models.classifiers"))
    metrics = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
    section.blocks += _learning(sources, CLASSIFIER, "figure-8-curves", metrics, texts)
    main = sources.main(CLASSIFIER)
    if main is None:
        return section
    section.blocks += _confusion(main, texts)
    best = on_validation.find_trained(main)
    if best is None:
        return _without(section, texts("models.no_weights", stage=texts("stages.classifier")))
    images = on_validation.validation_images(sources, main)
    if images is None:
        return _without(section, texts("models.no_data"))
    pairs = on_validation.confused_pairs(images, best)
    if pairs:
        section.blocks.append(_pairs(pairs, best, len(images), texts))
    return section


def _name(trained: Trained) -> str:
    return model_name(trained.source, trained.trial)


def _without(section: Section, notice: str) -> Section:
    section.blocks.append(Text(notice, is_notice=True))
    return section


def _learning(
    sources: Sources, stage: Stage, name: str, metrics: Sequence[str], texts: Texts
) -> list[Block]:
    """The losses of the paper's configurations by epoch, and the best found beside them."""
    main = sources.main(stage)
    for source in (*([main] if main else []), *sources.reproductions_of(stage)):
        if shown := _papers_and_best(source, stage):
            words = texts(f"protocols.{source.settings.budget.protocol}")
            curves = [curve(source, trial, _row_name(source, trial, texts)) for trial in shown]
            kind = kind_of(source.settings.metric)
            last = ", ".join(
                f"{c.label} {texts.number(trials.value_of(t), kind)}"
                for c, t in zip(curves, shown, strict=True)
            )
            caption = texts(f"{stage.name}.curves.caption", study=source.name, protocol=words)
            alt = texts(f"{stage.name}.curves.alt", last=last)
            axes = {metric: value_axis(stage.name, metric, texts) for metric in metrics}
            drawing = drawings.learning_curves(name, curves, axes, texts)
            return [Figure(name, caption, alt, drawing)]
    return [Text(texts("models.no_curves", stage=texts(f"stages.{stage.name}")), is_notice=True)]


def _papers_and_best(source: Source, stage: Stage) -> list[FrozenTrial]:
    """The trials of the paper's rows in its order, then a best that is none, with their epochs."""
    order, best = [row.name for row in stage.paper], source.best()
    papers = [t for t in source.completed() if trials.is_paper(t)]
    shown = sorted(papers, key=lambda t: order.index(t.user_attrs[trials.PAPER]))
    if best is not None and not trials.is_paper(best):
        shown.append(best)
    return [t for t in shown if attributes.of(t).get(trials.EPOCHS)]


def _row_name(source: Source, trial: FrozenTrial, texts: Texts) -> str:
    """The paper's name of a configuration, or what the best is to the search."""
    best = texts(f"tables.best.{source.origin_of(trial)}")
    return str(trial.user_attrs.get(trials.PAPER, best))


def _kernels(best: Trained, texts: Texts) -> Figure:
    weights = on_validation.first_kernels(best)
    n, side = len(weights), weights.shape[-1]
    return Figure(
        "kernels",
        texts("models.kernels.caption", model=_name(best)),
        texts("models.kernels.alt", n=n, side=side),
        image_drawings.kernels("kernels", weights),
    )


def _reconstructions(
    images: Images, best: Trained, baseline: Trained | None, texts: Texts
) -> Figure:
    shown = on_validation.reconstructions(images, best, baseline)
    caption = texts("models.reconstructions.caption", best=_name(best))
    if baseline is None:
        caption += " " + texts("models.no_baseline")
    else:
        caption += " " + texts("models.reconstructions.baseline", baseline=_name(baseline))
    return Figure(
        "figure-7-reconstructions",
        caption,
        texts("models.reconstructions.alt"),
        image_drawings.reconstructions("figure-7-reconstructions", shown, texts),
    )


def _class_errors(images: Images, best: Trained, baseline: Trained | None, texts: Texts) -> Figure:
    errors = on_validation.class_errors(images, best, baseline)
    hardest = max(range(len(CLASS_NAMES)), key=lambda label: errors.best[label])
    easiest = min(range(len(CLASS_NAMES)), key=lambda label: errors.best[label])
    words = {
        "hardest": CLASS_NAMES[hardest],
        "easiest": CLASS_NAMES[easiest],
        "most": texts.number(errors.best[hardest], "loss"),
        "least": texts.number(errors.best[easiest], "loss"),
    }
    return Figure(
        "class-errors",
        texts("models.errors.caption", n=texts.number(errors.n_images, "count")),
        texts("models.errors.alt", **words),
        image_drawings.class_errors("class-errors", errors, texts),
    )


def _latent_map(images: Images, best: Trained, texts: Texts) -> Figure:
    shown = on_validation.latent_map(images, best)
    both = texts.number(sum(shown.shares), "share")
    return Figure(
        "latent-map",
        texts("models.latent.caption", n=texts.number(len(shown.labels), "count"), share=both),
        texts("models.latent.alt", share=both),
        image_drawings.latent_map("latent-map", shown, texts),
        interactive_map(shown, texts),
    )


def _confusion(main: Source, texts: Texts) -> list[Block]:
    ranked = trials.ranked(main.own(), main.settings.direction)
    trial = next((t for t in ranked if trials.CONFUSION in attributes.of(t)), None)
    if trial is None:
        return [Text(texts("models.no_confusion"), is_notice=True)]
    counts = attributes.of(trial)[trials.CONFUSION]
    right = [score.recall or 0.0 for score in class_scores(counts)]
    worst = min(range(len(right)), key=right.__getitem__)
    name, share = CLASS_NAMES[worst], texts.number(right[worst], "share")
    frame = pandas.DataFrame(counts, columns=CLASS_NAMES)
    frame.insert(0, "true", CLASS_NAMES)
    columns = Column("true", texts("axes.true")), *(Column(n, n, "count") for n in CLASS_NAMES)
    return [
        Figure(
            "figure-9-confusion",
            texts("models.confusion.caption", model=model_name(main, trial)),
            texts("models.confusion.alt", name=name, share=share),
            image_drawings.confusion("figure-9-confusion", counts, texts),
        ),
        Table("confusion", texts("models.confusion.table"), frame, columns),
    ]


def _pairs(
    pairs: list[on_validation.ConfusedPair], best: Trained, n_images: int, texts: Texts
) -> Figure:
    taken = [texts("models.taken_for", true=p.true, predicted=p.predicted) for p in pairs]
    shares = [f"{pair.n} ({texts.number(pair.share, 'share')})" for pair in pairs]
    listed = "; ".join(map("{}: {}".format, taken, shares))
    return Figure(
        "confused-pairs",
        texts("models.pairs.caption", model=_name(best), n=texts.number(n_images, "count")),
        texts("models.pairs.alt", listed=listed),
        image_drawings.confused_pairs("confused-pairs", pairs, texts),
    )
