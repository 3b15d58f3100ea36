"""Notes on studies and trials, in Markdown, where optuna-dashboard shows and edits them.

They are kept up to date for as long as nobody edits them: what a person wrote stays.
"""

from optuna.trial import Trial

from studies.dashboard.study_note import study_note
from studies.dashboard.texts_in_attributes import FIRST, note_in, note_key, save_note
from studies.dashboard.trial_note import trial_note, with_own_pictures
from studies.records import trials
from studies.records.open_study import ReadStudy


def save_trial_note(read: ReadStudy, trial: Trial) -> None:
    """Note on a trial that ended just now, or rests."""
    study, frozen = read.study, trials.seen(read.storage.get_trial(trial._trial_id))
    save_note(study, frozen._trial_id, trial_note(read.settings, frozen, study._study_id))


def fill_in(read: ReadStudy) -> None:
    """Notes on the study and its ended trials as they are now, also on those a crash ended."""
    study, settings = read.study, read.settings
    attrs = read.storage.get_study_system_attrs(study._study_id)
    own = study_note(read.name, settings, read.own())
    if note_in(attrs, None) != own:
        save_note(study, None, own)
    for trial in read.trials():
        if not trial.state.is_finished():
            continue
        there, trial_id = note_in(attrs, trial._trial_id), trial._trial_id
        if attrs.get(note_key(trial_id), FIRST) == FIRST:
            wanted = trial_note(settings, trial, study._study_id)
        else:
            wanted = with_own_pictures(there, trial, study._study_id)
        if there != wanted:
            save_note(study, trial_id, wanted, attrs.get(note_key(trial_id), FIRST))
