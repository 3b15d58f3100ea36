"""Making up for what other runs left undone, before a run begins and while it goes on."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from spaces.classifier import ClassifierConfig, searches_encoder
from spaces.space import Configuration, SearchSpace, fingerprint
from studies.engine.progress import Notice, say_given_up
from studies.engine.sharing import Sharing
from studies.records import attempts, attributes, trials
from studies.records.open_study import OpenStudy
from studies.records.settings import StudySettings

_KEPT = (trials.PROMOTED, trials.ENQUEUED, trials.TAKEN_FROM, trials.TRAINS_TO)
"""What a retry is, too, if the trial was that it makes up for."""


class MadeUp(NamedTuple):
    """A study once nothing of what was lost is left as it was."""

    trials: list[FrozenTrial]
    """All there are now."""
    notices: list[Notice]
    """What was found and done, for a person to read."""


def prepare(
    opened: OpenStudy,
    sharing: Sharing,
    paper_names: list[str],
    promote: int = 0,
    given: Sequence[Configuration] = (),
) -> list[Notice]:
    """Make up for what earlier runs left undone, and queue the trials that nobody has to draw.

    Args:
        opened: the study, to which nobody else adds trials meanwhile.
        sharing: which trials others run.
        paper_names: the paper's configurations to train, in order.
        promote: how many of the best pruned or resting trials shall be trained to the end.
        given: configurations that a person wants trained as searched trials.

    Returns:
        As the notices of :class:`MadeUp`.
    """
    all_trials, notices = make_up(opened, sharing, paper_names)
    for trial in trials.pruned_to_promote(all_trials, opened.settings.direction, promote):
        if trials.is_resting(trial):
            opened.end(trial.number, TrialState.PRUNED)
        opened.enqueue(opened.config_of(trial), {trials.PROMOTED: trial.number})
    notices += _enqueue_given(opened, given)
    others = sharing.elsewhere(all_trials)
    if others:
        notices.append(Notice(f"trial {_numbers(others)} is being run by other processes"))
    return notices


def make_up(opened: OpenStudy, sharing: Sharing, paper_names: list[str]) -> MadeUp:
    """Mark lost trials failed, and queue what is to be trained again; parameters as above.

    That is the paper's configurations that have neither finished nor are about to, and searched
    ones that were stopped from outside. Done before any other trial is drawn, so that a retry takes
    the place of what it makes up for.
    """
    notices = []
    all_trials = opened.trials()
    lost = sharing.lost(all_trials)
    if lost:
        _mark_lost(opened, lost)
        all_trials = opened.trials()
        which = f"trial {_numbers(lost)} was left running by a process that died"
        notices.append(Notice(f"{which}: marked failed"))
        notices += say_given_up(opened.name, all_trials, [trial.number for trial in lost])
    missing = trials.missing_paper_trials(all_trials, paper_names)
    for name in missing:
        row = opened.settings.stage_record().paper_row(name)
        opened.enqueue(_over_encoder(opened.space, row.config), {trials.PAPER: name})
    retries = attempts.to_retry(all_trials)
    for trial in retries:
        kept = {n: v for n, v in attributes.of(trial).items() if n in _KEPT}
        opened.enqueue(opened.config_of(trial), {trials.RETRY_OF: trial.number, **kept})
    if retries:
        text = f"trial {_numbers(retries)} did not finish and will be trained again"
        notices.append(Notice(text))
    if missing or retries:
        all_trials = opened.trials()
    return MadeUp(all_trials, notices)


def to_enqueue(
    given: Sequence[Configuration],
    settings: StudySettings,
    all_trials: list[FrozenTrial],
    paper_names: list[str],
) -> list[Configuration]:
    """Those of the given configurations that no trial has yet, nor will have as the paper's."""
    space = settings.search_space()
    rows = (settings.stage_record().paper_row(name).config for name in paper_names)
    known = {fingerprint(_over_encoder(space, config)) for config in rows}
    known |= {str(trial.user_attrs.get(trials.FINGERPRINT)) for trial in all_trials}
    known -= set(attempts.configurations_given_up(all_trials))
    new = {fingerprint(c): c for c in (_over_encoder(space, config) for config in given)}
    return [config for key, config in new.items() if key not in known]


def _enqueue_given(opened: OpenStudy, given: Sequence[Configuration]) -> list[Notice]:
    """Queue what nothing has queued or trained so far; says what becomes of each."""
    notices = []
    for config in given:
        there = opened.trials()
        own = _over_encoder(opened.space, config)
        key, words = fingerprint(own), opened.space.in_words(own)
        same = [t for t in there if t.user_attrs.get(trials.FINGERPRINT) == key]
        if same and key not in attempts.configurations_given_up(there):
            text = f"{words}: is {trials.label(same[-1])} already"
        else:
            opened.enqueue(own, {trials.ENQUEUED: True})
            text = f"{words}: queued as #{len(there)}"
        if own != config:
            text += f", over the study's encoder {opened.settings.encoder}"
        notices.append(Notice(text))
    return notices


def _over_encoder(space: SearchSpace[Any], config: Configuration) -> Configuration:
    """A classifier's configuration over the study's one encoder; any other as it is."""
    if isinstance(config, ClassifierConfig) and not searches_encoder(space):
        return replace(config, encoder=space.base.encoder)
    return config


def _mark_lost(opened: OpenStudy, lost: list[FrozenTrial]) -> None:
    for trial in lost:
        with suppress(UpdateFinishedTrialError):  # it lived, and has ended just now
            opened.storage.set_trial_user_attr(trial._trial_id, trials.REASON, trials.LOST)
            opened.end(trial.number, TrialState.FAIL)


def _numbers(some: list[FrozenTrial]) -> str:
    return ", ".join(f"#{trial.number}" for trial in some)
