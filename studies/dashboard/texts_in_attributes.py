"""Texts among a study's attributes, where optuna-dashboard looks for notes and saved plots.

Its own functions for this take seconds to be imported (they load scikit-learn), read the notes of
all trials for each one, and mark a note as there before its text is. What they store is plain.
"""

from itertools import count, takewhile
from typing import Any

import optuna

from studies.storage.guarded import study_attribute

FIRST = 1000
"""Version of a note of ours. What a person writes where there is none has 1, an edit the next one,
and a copy 0; so what is not ours is known by its version."""

_PIECE = 2045
"""Characters in an attribute: what optuna-dashboard puts there, and every database can hold."""


def save_note(study: optuna.Study, trial_id: int | None, note: str, version: int = FIRST) -> None:
    """Note on a study, or on one of its trials, unless somebody has edited the one there.

    Args:
        study: the study; it holds its trials' notes too.
        trial_id: the trial's identity in the storage; None for the study itself.
        note: Markdown.
        version: of the note in whose place it may come.
    """
    key = note_key(trial_id)
    there = study_attribute(study._storage, study._study_id, key)
    if there in (None, version):
        _save(study, _text_key(trial_id), note)
        if there is None:
            study._storage.set_study_system_attr(study._study_id, key, version)


def note_key(trial_id: int | None) -> str:
    """Of the attribute that is there where the study, or a trial, has a note."""
    return "dashboard:note_ver" if trial_id is None else f"dashboard:{trial_id}:note_ver"


def note_in(attrs: dict[str, Any], trial_id: int | None) -> str:
    """The note on a study, or on one of its trials, among the study's system attributes."""
    keys = (f"{_text_key(trial_id)}{number}" for number in count())
    return "".join(str(attrs[key]) for key in takewhile(attrs.__contains__, keys))


def _text_key(trial_id: int | None) -> str:
    """With which the attributes begin that hold a note's text."""
    return f"{note_key(trial_id).removesuffix('ver')}str:"


def save_plot(study: optuna.Study, name: str, plot: str) -> None:
    """Save a plot for the study's page, in place of the one of that name.

    Args:
        study: the study.
        name: what the page calls it: letters, digits, hyphens.
        plot: a plotly figure as JSON.
    """
    _save(study, f"dashboard:plot_data:{name}:", plot)


def _save(study: optuna.Study, prefix: str, text: str) -> None:
    storage, study_id = study._storage, study._study_id
    for number in count():
        key, piece = f"{prefix}{number}", text[number * _PIECE : (number + 1) * _PIECE]
        if not piece and study_attribute(storage, study_id, key) is None:
            return
        storage.set_study_system_attr(study_id, key, piece)  # an empty one over an older text
