"""A trial in words and pictures: what was trained, what came of it, what it cost."""

import re
from collections.abc import Iterator
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from spaces.budget import PAPER_BUDGET
from spaces.paper import PaperModel
from spaces.safe_text import markdown
from spaces.wording import better, count, counted, duration, loss, measured, percent
from studies.dashboard.study_note import in_words
from studies.records import attributes, trials
from studies.records.costs import latency_of
from studies.records.settings import StudySettings
from studies.storage.noted_files import listed

PICTURES = (
    "reconstructions.png",
    "confusion-matrix.png",
    "most-confused.png",
    "learning-curve.png",
)
"""A trial's pictures, in the order in which its note shows them."""

LANDMARKS = (1, 4, 16)
"""Epochs after which a note says what a trial's metric was, beside the last."""


def trial_note(settings: StudySettings, trial: FrozenTrial, study_id: int) -> str:
    """A trial's configuration, its pictures, how it ended, what it cost.

    Args:
        settings: of its study.
        trial: as its study has it.
        study_id: in the storage, as optuna-dashboard's addresses of pictures have it.
    """
    words = trial.user_attrs.get(trials.WORDS)
    parts = [f"**{markdown(words)}**"] if words else []
    parts.append(_pictures(trial, study_id))
    name = trial.user_attrs.get(trials.PAPER)
    if name is not None:
        parts.append(_of_the_paper(settings, name))
    parts.append(" ".join([*_origin(trial), _ending(settings, trial)]))
    parts.append("\n".join(f"- {fact}" for fact in _facts(settings, trial)))
    return "\n\n".join(filter(None, parts))


def with_own_pictures(note: str, trial: FrozenTrial, study_id: int) -> str:
    """A note whose links to the trial's pictures lead to them where the trial is now.

    optuna-dashboard copies a study's notes when it renames it, and trials get new addresses.
    """
    for each in listed(trial.system_attrs):
        name = re.escape(each["artifact_id"])
        note = re.sub(rf"/artifacts/\d+/\d+/{name}", _address(each, trial, study_id), note)
    return note


def _pictures(trial: FrozenTrial, study_id: int) -> str:
    found = {each["filename"]: each for each in listed(trial.system_attrs)}
    there = [found[name] for name in PICTURES if name in found]
    return "\n".join(
        f"![{each['filename'].removesuffix('.png')}]({_address(each, trial, study_id)})"
        for each in there
    )


def _address(artifact: dict[str, str], trial: FrozenTrial, study_id: int) -> str:
    return f"/artifacts/{study_id}/{trial._trial_id}/{artifact['artifact_id']}"


def _of_the_paper(settings: StudySettings, name: str) -> str:
    row: PaperModel[Any] = settings.stage_record().paper_row(name)
    text = f"The paper's configuration *{name}*: {row.change}."
    if not settings.budget.covers(PAPER_BUDGET):
        return f"{text} Its published figures are for 30 epochs on all images."
    published = f"validation loss {loss(row.validation_loss)}"
    if row.validation_accuracy is not None:
        published += f", validation accuracy {percent(row.validation_accuracy)}"
    return f"{text} Published: {published}."


def _origin(trial: FrozenTrial) -> Iterator[str]:
    attrs = attributes.of(trial)
    if trials.RETRY_OF in attrs:
        yield f"Replaces trial #{attrs[trials.RETRY_OF]}, which did not finish."
    if trials.PROMOTED in attrs:
        yield f"Continues trial #{attrs[trials.PROMOTED]}, which had been pruned."
    if trials.GOES_ON_FROM in attrs:
        yield f"Training went on from {_named(attrs[trials.GOES_ON_FROM])}."
    if trials.ENQUEUED in attrs:
        yield "Its configuration was added by a person, not drawn by the search."
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
    value = ""
    if trial.values:
        measure = measured(trials.value_of(trial), settings.metric)
        value = f"{in_words(settings.metric)} **{measure}**"
    if trial.state == TrialState.COMPLETE:
        return f"Trained to the end: {value}."
    if not trials.n_epochs_stored(trial):
        return f"Not trained: {markdown(reason)}."
    n_epochs = f"{trials.n_epochs_stored(trial)} of {counted(settings.budget.epochs, 'epoch')}"
    if reason:
        return f"Stopped after {n_epochs}, at {value}: {markdown(reason)}."
    if trials.is_resting(trial):
        at = f"{trials.n_epochs_stored(trial)} of {settings.budget.epochs}"
        return f"Rests at epoch {at}: {value}. It goes on if it is among the best there."
    return f"Pruned after {n_epochs}, at {value}: others were better by then."


def _facts(settings: StudySettings, trial: FrozenTrial) -> Iterator[str]:
    attrs, metric = trial.user_attrs, settings.metric
    if known := trials.by_epoch(trial, metric):
        shown = [epoch for epoch in known if epoch in (*LANDMARKS, max(known))]
        steps = ", ".join(f"{measured(known[epoch], metric)} after {epoch}" for epoch in shown)
        yield f"{in_words(metric)} {better(metric)} by epochs: {steps}"
    if trials.N_PARAMETERS in attrs:
        yield f"{count(attrs[trials.N_PARAMETERS])} parameters"
    if trials.N_MULTIPLY_ADDS in attrs:
        yield f"{attrs[trials.N_MULTIPLY_ADDS] / 1e6:,.3g} million multiply-adds per image"
    if latency := latency_of(attrs):
        yield f"{latency.in_words()} per 100 images on one thread"
    if attrs.get(trials.SECONDS):
        yield f"trained {duration(attrs[trials.SECONDS])}"
    if trials.SEED in attrs:
        yield f"seed {attrs[trials.SEED]}"
