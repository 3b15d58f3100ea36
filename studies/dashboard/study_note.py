"""A study in words: what it is about, what it has come to so far, how to go on with it."""

import math
import shlex
from collections.abc import Iterator, Sequence

from optuna.trial import FrozenTrial

from spaces.budget import N_TRAIN_FILE, N_VALIDATION, PAPER_BUDGET, Budget
from spaces.safe_text import markdown, markdown_cell, visible
from spaces.wording import MISSING, better, count, counted, measured, percent, points
from studies.records import attributes, trials
from studies.records.comparable import MIN_FOR_IMPORTANCE, furthest
from studies.records.origins import IN_WORDS, best_found, origins
from studies.records.scores import TWO_SIDED, standard_error
from studies.records.settings import StudySettings


def study_note(name: str, settings: StudySettings, own: Sequence[FrozenTrial] = ()) -> str:
    """What the study is about, what it has come to so far, and how to go on.

    Args:
        name: the study's.
        settings: the study's.
        own: its trials as they are now, without copies of another's result.
    """
    parts = (
        f"Search of **{settings.stage}s** on Fashion-MNIST with `fmnist-search`.",
        "### So far",
        _best(settings, own),
        _importances(settings, own),
        "### The paper's configurations",
        *_paper(settings, own),
        "### Protocol",
        _protocol(settings),
        "### Search space",
        *_space(settings),
        "### How to go on",
        _go_on(name, settings),
    )
    return "\n\n".join(parts)


def _best(settings: StudySettings, own: Sequence[FrozenTrial]) -> str:
    best = trials.best(own, settings.direction)
    if best is None:
        return "No trial has been trained to the end yet."
    origin = IN_WORDS[origins(own)[best.number]]
    words = markdown(str(best.user_attrs.get(trials.WORDS, "")))
    value = measured(trials.value_of(best), settings.metric)
    n_whole = counted(len(trials.completed(own)), "trial")
    return (
        f"The best of {n_whole} trained to the end is **{trials.label(best)}** ({words}), "
        f"{origin}. Its {in_words(settings.metric)} is **{value}**."
    )


def _importances(settings: StudySettings, own: Sequence[FrozenTrial]) -> str:
    """What to think of optuna-dashboard's own panel, which draws bars from two trials on."""
    compared = furthest(own, settings)
    n, where = len(compared.trials), f"after epoch {compared.epoch} of {compared.n_epochs}"
    if not compared.are_enough:
        return (
            f"**Too few trials for importances**: {n} of the trials that the search drew "
            f"{'was' if n == 1 else 'were'} trained equally far. With fewer than "
            f"{MIN_FOR_IMPORTANCE}, the bars of optuna-dashboard's panel *Hyperparameter "
            "Importance* are mostly chance."
        )
    if compared.are_whole:
        return (
            "The plot *importance* shows how important each dimension is, with intervals. "
            "optuna-dashboard's own panel has no intervals."
        )
    return (
        f"The plot *importance* shows how important each dimension is **{where}**, by the {n} "
        "trials that were trained that far. What is good then need not be good at the end. "
        "optuna-dashboard's own panel *Hyperparameter Importance* uses only the few trials that "
        "were trained to the end, and its bars are mostly chance."
    )


def _protocol(settings: StudySettings) -> str:
    budget = settings.budget
    better = "smaller is better" if settings.direction == "minimize" else "larger is better"
    lines = [
        f"{_images(budget)} Every trial is trained for at most {counted(budget.epochs, 'epoch')}.",
        f"A trial's value is its **{in_words(settings.metric)}** after its last epoch; {better}. "
        "An autoencoder's loss is the mean squared error over pixels scaled to [−1, 1], a "
        "classifier's the cross-entropy in nats.",
        _certainty(settings),
    ]
    if settings.objectives:
        costs = " and ".join(in_words(name) for name in settings.names_of_values()[1:])
        lines.append(f"The study also minimises {costs}, so no trial is pruned.")
    units = {trials.N_PARAMETERS: "parameters", trials.LATENCY_MS: "ms per 100 images"}
    lines += [f"At most {most:,} {units[name]}." for name, most in settings.limits().items()]
    if settings.encoder is not None:
        lines.append(f"All encoders start from {markdown(str(settings.encoder))}.")
    lines.append(f"Seed {settings.seed}.")
    return " ".join(lines)


def _certainty(settings: StudySettings) -> str:
    """From what difference on two trials are two."""
    if not settings.metric.endswith("accuracy"):
        return "Each trial has one seed; how much of a difference is due to the seed is not known."
    n, share = settings.budget.n_judging, 0.9
    error = standard_error(share, n)
    apart = TWO_SIDED * math.sqrt(2) * error
    return (
        f"Over {count(n)} images an accuracy of {percent(share, digits=0)} has a standard error of "
        f"{points(error)} points: two that differ by less than about {points(apart, digits=1)} "
        "points cannot be told apart. (This holds for trials judged by different images. With the "
        "same images, a slightly smaller difference may be enough.) Each trial has one seed."
    )


def _images(budget: Budget) -> str:
    if budget.protocol == "paper":
        text = (
            f"Trained on the {count(N_TRAIN_FILE)} training images and judged by the test images, "
            "as in the paper. This is only for reproducing its tables."
        )
    else:
        text = (
            f"Trained on {count(N_TRAIN_FILE - N_VALIDATION)} of the training images and judged by "
            f"the other {count(N_VALIDATION)}. The test images are not used."
        )
    return (
        text
        if budget.subset is None
        else f"{text} Only a subset of {count(budget.subset)} images is used."
    )


def _space(settings: StudySettings) -> Iterator[str]:
    dimensions = settings.search_space().describe()
    rows = [
        f"| {name.replace('_', '-')} | {markdown_cell(values)} |"
        for name, values in dimensions.items()
    ]
    yield f"The `{settings.space_name}` space:"
    yield "\n".join(["| dimension | values |", "| - | - |", *rows])


def _paper(settings: StudySettings, own: Sequence[FrozenTrial]) -> Iterator[str]:
    """The paper's configurations as trained here, and beside them what the paper says of them.

    That is of a full training alone: it is no measure of a smaller budget.
    """
    metrics = [metric.key for metric in settings.stage_record().metrics.values()][::-1]
    is_full = settings.budget.covers(PAPER_BUDGET)
    heads = [f"{in_words(name)} {better(name)}" for name in metrics]
    found = best_found(own, settings.direction)
    done = {trial.user_attrs.get(trials.PAPER): trial for trial in trials.completed(own)}
    head = ["name", "configuration", *heads, *(f"published: {h}" for h in heads if is_full)]
    rows = [head, ["-"] * len(head)]
    for row in settings.stage_record().paper:
        published = [measured(getattr(row, name), name) for name in metrics if is_full]
        words = row.config.in_words()
        rows.append([row.name, words, *_measured(done.get(row.name), metrics), *published])
    if found is not None:
        words = markdown_cell(str(found.user_attrs.get(trials.WORDS, "")))
        row_found = [f"**best found**, #{found.number}", words, *_measured(found, metrics)]
        rows.append([*row_found, *([MISSING] * len(heads) if is_full else [])])
    yield "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    yield (
        "These trials are trained like all others. Their attribute `paper` has the paper's name "
        "for the configuration. "
    ) + (
        "Published figures are the paper's, on the test images after 30 epochs on all images."
        if is_full
        else "The paper's published figures are for 30 epochs on all images. They cannot be "
        f"compared with a budget of {settings.budget}."
    )


def _measured(trial: FrozenTrial | None, metrics: Sequence[str]) -> list[str]:
    known = attributes.of(trial).get(trials.METRICS, {}) if trial else {}
    return [measured(known.get(name), name) for name in metrics]


def _go_on(name: str, settings: StudySettings) -> str:
    command = f"fmnist-search {settings.stage_record().short} --study {shlex.quote(visible(name))}"
    command += " --trials 0" if settings.budget.protocol == "paper" else " --more 10"
    return (
        f"    {command}\n\nThe study knows its own settings. Add `--storage` if this is not the "
        "default database. After Ctrl-C or a crash, type the same command again."
    )


def in_words(name: str) -> str:
    """A metric's or cost's name as a person reads it."""
    return name.removeprefix("n_").replace("_ms", " in ms").replace("_", " ")
