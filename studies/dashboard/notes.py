"""Notes on studies and trials, in Markdown, where optuna-dashboard shows and edits them.

A note that is there already is left alone: somebody may have written on in it.
"""

import math
import shlex
from collections.abc import Iterator
from typing import Any

from optuna.trial import FrozenTrial, Trial, TrialState

from spaces.budget import N_TRAIN_FILE, N_VALIDATION, Budget
from spaces.paper import PaperModel
from spaces.safe_text import markdown, markdown_cell, visible
from spaces.wording import count, counted, duration, loss, percent, points
from studies.dashboard.texts_in_attributes import note_key, save_first_note
from studies.records import trials
from studies.records.costs import latency_of
from studies.records.open_study import ReadStudy
from studies.records.scores import TWO_SIDED, standard_error
from studies.records.settings import StudySettings


def save_trial_note(read: ReadStudy, trial: Trial) -> None:
    """Note on a trial that ended just now."""
    frozen = read.storage.get_trial(trial._trial_id)
    save_first_note(read.study, frozen._trial_id, trial_note(read.settings, frozen))


def fill_in(read: ReadStudy) -> None:
    """Note on the study and on its ended trials that have none, such as those a crash ended."""
    study, settings = read.study, read.settings
    attrs = read.storage.get_study_system_attrs(study._study_id)
    if note_key(None) not in attrs:
        save_first_note(study, None, study_note(read.name, settings))
    for trial in read.trials():
        if trial.state.is_finished() and note_key(trial._trial_id) not in attrs:
            save_first_note(study, trial._trial_id, trial_note(settings, trial))


def study_note(name: str, settings: StudySettings) -> str:
    """What the study is about: protocol, space, the paper's numbers, and how to go on."""
    parts = (
        f"Search of **{settings.stage}s** on Fashion-MNIST with `fmnist-search`.",
        "### Protocol",
        _protocol(settings),
        "### Search space",
        *_space(settings),
        "### The paper's numbers",
        *_paper(settings),
        "### Go on with it",
        _go_on(name, settings),
    )
    return "\n\n".join(parts)


def trial_note(settings: StudySettings, trial: FrozenTrial) -> str:
    """A trial in words: its configuration, the paper's name for it, how it ended, what it cost."""
    words = trial.user_attrs.get(trials.WORDS)
    parts = [f"**{markdown(words)}**"] if words else []
    name = trial.user_attrs.get(trials.PAPER)
    if name is not None:
        parts.append(_of_the_paper(settings, name))
    parts.append(" ".join([*_origin(trial), _ending(settings, trial)]))
    parts.append("\n".join(f"- {fact}" for fact in _facts(trial)))
    return "\n\n".join(filter(None, parts))


def _protocol(settings: StudySettings) -> str:
    budget = settings.budget
    better = "smaller is better" if settings.direction == "minimize" else "larger is better"
    lines = [
        f"{_images(budget)} Every trial gets {counted(budget.epochs, 'epoch')} at most.",
        f"A trial's value is its **{in_words(settings.metric)}** after its last epoch; {better}. "
        "An autoencoder's loss is the mean squared error over pixels scaled to [−1, 1], a "
        "classifier's the cross-entropy in nats.",
        _certainty(settings),
    ]
    if settings.objectives:
        costs = " and ".join(in_words(name) for name in settings.names_of_values()[1:])
        lines.append(f"Beside it {costs} are minimised, so no trial is pruned.")
    units = {trials.N_PARAMETERS: "parameters", trials.LATENCY_MS: "ms per 100 images"}
    lines += [f"At most {most:,} {units[name]}." for name, most in settings.limits().items()]
    if settings.encoder is not None:
        lines.append(f"Every encoder starts from: {markdown(str(settings.encoder))}.")
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
        "points cannot be told apart (as if each were judged by images of its own; judged by the "
        "same ones, somewhat less may be enough). Each trial has one seed."
    )


def _images(budget: Budget) -> str:
    if budget.protocol == "paper":
        text = (
            f"Trained on the {count(N_TRAIN_FILE)} training images, judged by the test images, as "
            "the paper does; only for reproducing its tables."
        )
    else:
        text = (
            f"Trained on {count(N_TRAIN_FILE - N_VALIDATION)} and judged by {count(N_VALIDATION)} "
            "of the training images; the test images are not looked at."
        )
    return text if budget.subset is None else f"{text} Of these a subset of {count(budget.subset)}."


def _space(settings: StudySettings) -> Iterator[str]:
    dimensions = settings.search_space().describe()
    rows = [
        f"| {name.replace('_', '-')} | {markdown_cell(values)} |"
        for name, values in dimensions.items()
    ]
    yield f"The `{settings.space_name}` space:"
    yield "\n".join(["| dimension | values |", "| - | - |", *rows])


def _paper(settings: StudySettings) -> Iterator[str]:
    has_accuracy = settings.stage == "classifier"
    head = "| name | change | training loss | validation loss |"
    rows = [head, "| - | - | - | - |"]
    if has_accuracy:
        rows = [f"{head} validation accuracy |", "| - | - | - | - | - |"]
    for row in settings.stage_record().paper:
        cells = [row.name, row.change, loss(row.train_loss, 4), loss(row.validation_loss, 4)]
        if has_accuracy and row.validation_accuracy is not None:
            cells.append(percent(row.validation_accuracy))
        rows.append(f"| {' | '.join(cells)} |")
    yield "\n".join(rows)
    yield (
        "As published, after 30 epochs on all images, judged by the test images. Each is a trial "
        "here too, with the paper's name for it as attribute `paper`."
    )


def _go_on(name: str, settings: StudySettings) -> str:
    command = f"fmnist-search {settings.stage_record().short} --study {shlex.quote(visible(name))}"
    command += " --trials 0" if settings.budget.protocol == "paper" else " --more 10"
    return (
        f"    {command}\n\nThe study knows its own settings. Add `--storage` if this is not the "
        "default database. After Ctrl-C or a crash the same command makes up for what was lost."
    )


def _of_the_paper(settings: StudySettings, name: str) -> str:
    row: PaperModel[Any] = settings.stage_record().paper_row(name)
    published = f"validation loss {loss(row.validation_loss, 4)}"
    if row.validation_accuracy is not None:
        published += f", validation accuracy {percent(row.validation_accuracy)}"
    return f"The paper's configuration *{name}*: {row.change}. Published: {published}."


def _origin(trial: FrozenTrial) -> Iterator[str]:
    attrs = trial.user_attrs
    if trials.RETRY_OF in attrs:
        yield f"Made up for trial #{attrs[trials.RETRY_OF]}, which did not finish."
    if trials.PROMOTED in attrs:
        yield f"Pruned trial #{attrs[trials.PROMOTED]}, to be trained to the end."
    if trials.GOES_ON_FROM in attrs:
        yield f"Training went on from {_named(attrs[trials.GOES_ON_FROM])}."
    if trials.ENQUEUED in attrs:
        yield "Its configuration was given by a person, not drawn by the search."
    if trials.SAME_AS in attrs:
        yield f"Result of trial #{attrs[trials.SAME_AS]}, which has the same configuration."
    if trials.TAKEN_FROM in attrs:
        yield f"Result of {_named(attrs[trials.TAKEN_FROM])}."


def _named(origin: dict[str, Any]) -> str:
    return f"trial #{origin['trial']} of {markdown(origin['study'])}"


def _ending(settings: StudySettings, trial: FrozenTrial) -> str:
    reason = str(trial.user_attrs.get(trials.REASON, ""))
    if trial.state == TrialState.FAIL:
        return f"Failed: {markdown(reason) or 'no reason was stored'}."
    value = f"{in_words(settings.metric)} **{_value(settings, trial)}**" if trial.values else ""
    if trial.state == TrialState.COMPLETE:
        return f"Trained to the end: {value}."
    if not trials.n_epochs_stored(trial):
        return f"Not trained: {markdown(reason)}."
    n_epochs = f"{trials.n_epochs_stored(trial)} of {counted(settings.budget.epochs, 'epoch')}"
    return f"Pruned after {n_epochs}, at {value}: others were better by then."


def _facts(trial: FrozenTrial) -> Iterator[str]:
    attrs = trial.user_attrs
    if trials.N_PARAMETERS in attrs:
        yield f"{count(attrs[trials.N_PARAMETERS])} parameters"
    if trials.N_MULTIPLY_ADDS in attrs:
        yield f"{attrs[trials.N_MULTIPLY_ADDS] / 1e6:,.3g} million multiply-adds an image"
    if latency := latency_of(attrs):
        yield f"{latency.in_words()} per 100 images on one thread"
    if attrs.get(trials.SECONDS):
        yield f"trained {duration(attrs[trials.SECONDS])}"
    if trials.SEED in attrs:
        yield f"seed {attrs[trials.SEED]}"


def in_words(name: str) -> str:
    """A metric's or cost's name as a person reads it."""
    return name.removeprefix("n_").replace("_ms", " in ms").replace("_", " ")


def _value(settings: StudySettings, trial: FrozenTrial) -> str:
    value = trials.value_of(trial)
    return percent(value) if settings.metric.endswith("accuracy") else loss(value)
