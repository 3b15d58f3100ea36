"""Deleting, renaming and copying studies, which nobody may run meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from optuna.storages import RDBStorage

from spaces.errors import StudyError
from studies.dashboard import notes
from studies.engine.sharing import share
from studies.records import copying, deleting, renaming, trials
from studies.records.copying import Copied
from studies.records.deleting import Doomed
from studies.records.open_study import ReadStudy
from studies.records.references import find_if_there
from studies.records.settings import is_ours
from studies.storage.databases import sqlite_path
from studies.storage.place import Place
from studies.storage.sqlite_locks import HeldError, locked
from studies.storage.sqlite_storages import bring_home


def delete(place: Place, doom: Doomed) -> None:
    """Delete a study, and the files that it alone has.

    Raises:
        StudyError: it is being run.
    """
    with _kept_from_running(place, doom.study.study_name):
        deleting.delete(place, doom)


def rename(place: Place, old: str, new: str) -> None:
    """Rename a study; what refers to it, and its notes, have the new name too.

    Raises:
        StudyError: it is being run, or there is one of the new name.
    """
    with _kept_from_running(place, old), _kept_from_running(place, new):
        renaming.rename(place.storage, old, new)
        _update_notes(place, new)


def copy(
    source: Place, name: str, target: Place, new: str, on_step: Callable[[str], None]
) -> Copied:
    """Copy a study with its files; the same again ends a copy that was cut off.

    Args:
        source: where the study is; it may be running there.
        name: the study.
        target: where to, opened to write.
        new: the copy's name.
        on_step: told what comes next.

    Raises:
        StudyError: there is another study of that name.
        FaultError: the files cannot be written now.
    """
    study = find_if_there(source.storage, name)
    assert study is not None
    with _kept_from_running(target, new):
        done = copying.copy(source, study, target, new, on_step)
        _update_notes(target, new)
    return done


def _update_notes(place: Place, name: str) -> None:
    """Have notes that nobody edited name the study as it is called, and link its own pictures."""
    study = find_if_there(place.storage, name)
    if study is not None and is_ours(study):
        notes.fill_in(ReadStudy.of(study))


@contextmanager
def _kept_from_running(place: Place, name: str) -> Iterator[None]:
    """Refuse a study that is being run, and on SQLite keep others from running it meanwhile."""
    path, study = sqlite_path(place.url), find_if_there(place.storage, name)
    if path is None:
        if study is not None:
            _refuse_running(place, name)
        yield
        return
    try:
        with locked(path, f"study {name}"):
            yield
    except HeldError as error:
        raise StudyError(
            f"study '{name}' is being run by {error.holder}; wait for it, or stop it first"
        ) from error
    bring_home(path, "TRUNCATE")


def _refuse_running(place: Place, name: str) -> None:
    """On a server each trial that is trained has a fresh sign of life."""
    assert isinstance(place.storage, RDBStorage)
    study = find_if_there(place.storage, name)
    assert study is not None
    every = trials.of(study)  # those that rest are held by nobody
    sharing = share(place.storage, study, alone=False)
    try:
        lost = {trial.number for trial in sharing.lost(every)}
        live = [t for t in sharing.elsewhere(every) if t.number not in lost]
    finally:
        sharing.close()
    if live:
        labels = ", ".join(map(trials.label, live))
        raise StudyError(f"study '{name}' is being run, it trains {labels}; stop it first")
