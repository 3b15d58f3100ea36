"""Texts among a study's attributes, where optuna-dashboard looks for notes and saved plots.

Its own functions for this take seconds to be imported (they load scikit-learn), read the notes of
all trials for each one, and mark a note as there before its text is. What they store is plain.
"""

from itertools import count

import optuna

from studies.storage.guarded import has_study_attribute

_PIECE = 2045
"""Characters in an attribute: what optuna-dashboard puts there, and every database can hold."""


def save_first_note(study: optuna.Study, trial_id: int | None, note: str) -> None:
    """Note on a study, or on one of its trials, unless there is a note already.

    Args:
        study: the study; it holds its trials' notes too.
        trial_id: the trial's identity in the storage; None for the study itself.
        note: Markdown.
    """
    version = note_key(trial_id)
    if has_study_attribute(study._storage, study._study_id, version):
        return
    _save(study, f"{version.removesuffix('ver')}str:", note)
    study._storage.set_study_system_attr(study._study_id, version, 1)


def note_key(trial_id: int | None) -> str:
    """Of the attribute that is there where the study, or a trial, has a note."""
    return "dashboard:note_ver" if trial_id is None else f"dashboard:{trial_id}:note_ver"


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
        if not piece and not has_study_attribute(storage, study_id, key):
            return
        storage.set_study_system_attr(study_id, key, piece)  # an empty one over an older text
