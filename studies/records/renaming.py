"""A study's new name, in its own place and wherever studies refer to it, in one transaction.

Optuna renames no study. A copy under the new name would be another study: its trials would have
other identities, under which optuna-dashboard keeps notes, and the oldest would become the newest.
"""

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy
from optuna.storages import BaseStorage
from sqlalchemy import bindparam, text
from sqlalchemy.exc import IntegrityError

from spaces.errors import StudyError
from studies.records import settings, trials
from studies.records.attributes import RECORD_PREFIX
from studies.records.readable import table_of, text_of
from studies.records.references import find_if_there
from studies.records.taking_over import MADE_FROM, TAKES_OVER
from studies.storage.guarded import GuardedStorage

_OF_STUDIES = (settings.ATTR, MADE_FROM, TAKES_OVER)
_OF_TRIALS = (trials.TAKEN_FROM, trials.GOES_ON_FROM)
"""Attributes in which studies and trials refer to other studies by name."""
_RECORDS = tuple(f"{RECORD_PREFIX}{name}" for name in _OF_TRIALS)
"""Those of trials where they lie among the system's."""


def rename(storage: BaseStorage, old: str, new: str) -> None:
    """Rename a study that nobody runs: all of it or, killed at any moment, nothing.

    Raises:
        StudyError: there is a study of the new name, or the database is of another kind.
    """
    if find_if_there(storage, new) is not None:
        raise StudyError(f"there is a study '{new}' already; choose another name")
    if not isinstance(storage, GuardedStorage):
        raise StudyError("studies can be renamed only in SQLite and PostgreSQL")

    def transaction() -> None:
        with storage.engine.begin() as connection:
            _refer(connection, "study_user_attribute", _OF_STUDIES, old, new)
            _refer(connection, "trial_user_attribute", _OF_TRIALS, old, new)
            _refer(connection, "trial_system_attribute", _RECORDS, old, new)
            statement = text("UPDATE studies SET study_name = :new WHERE study_name = :old")
            connection.execute(statement, {"old": old, "new": new})

    try:
        storage.guard("rename", transaction)
    except IntegrityError as error:  # made by another process meanwhile
        raise StudyError(f"there is a study '{new}' already; choose another name") from error


def referring(old: str, new: str) -> Callable[[str, Any], Any]:
    """What becomes of an attribute, by its name and value, when a study is renamed."""

    def renamed(key: str, value: Any) -> Any:
        if key in (MADE_FROM, TAKES_OVER):
            return new if value == old else value
        if key in (*_OF_TRIALS, *_RECORDS) and isinstance(value, dict):
            return {**value, "study": new} if value.get("study") == old else value
        return _settings(value, old, new) if key == settings.ATTR else value

    return renamed


def _settings(stored: Any, old: str, new: str) -> Any:
    """A study's settings, written anew if its encoder is of the renamed study.

    What cannot be read, as another program's or a damaged one, stays as it is.
    """
    try:
        table = table_of(stored)
    except ValueError:
        return stored
    encoder = table.get("encoder") if isinstance(table, dict) else None
    if not isinstance(encoder, dict) or encoder.get("study") != old:
        return stored
    changed = {**table, "encoder": _encoder(encoder, old, new)}
    return text_of(changed) if isinstance(stored, str) else changed


def _encoder(encoder: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """Where an encoder came from; what named it is renamed too, so that it may be typed again."""
    source, number = str(encoder.get("source")), encoder.get("trial")
    named = {old: new, f"{old}#{number}": f"{new}#{number}"}
    return {**encoder, "study": new, "source": named.get(source, source)}


def _refer(
    connection: sqlalchemy.Connection, kind: str, keys: tuple[str, ...], old: str, new: str
) -> None:
    """Write the new name into all attributes of a kind, as Optuna's tables have it."""
    table, identity = f"{kind}s", f"{kind}_id"
    query = text(f"SELECT {identity}, key, value_json FROM {table} WHERE key IN :keys")
    rows = connection.execute(query.bindparams(bindparam("keys", keys, expanding=True))).all()
    update = text(f"UPDATE {table} SET value_json = :value WHERE {identity} = :id")
    renamed = referring(old, new)
    for number, key, stored in rows:
        value = json.loads(stored)
        if (changed := renamed(key, value)) != value:
            connection.execute(update, {"id": number, "value": json.dumps(changed)})
