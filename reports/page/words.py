"""Names, words and columns that several parts of a page have in common."""

import hashlib
import re
from collections.abc import Iterable, Mapping

import pandas
from optuna.trial import FrozenTrial

from reports.analysis.chosen_studies import Source
from reports.document.numbers import Notation
from reports.document.parts import Column
from reports.document.texts import Texts
from spaces.budget import Budget
from spaces.wording import MISSING
from studies.records import trials

LONGEST_ANCHOR = 100
"""Characters of a name that a file's name begins with; file systems take 255 in all."""


def anchor(name: str) -> str:
    """A study's name as file names and anchors can have it, still unlike any other study's."""
    clean = re.sub(r"[^A-Za-z0-9_-]", "-", name)[:LONGEST_ANCHOR]
    return clean if clean == name else f"{clean}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def trial_name(source: Source, trial: FrozenTrial) -> str:
    """A trial among those of all studies."""
    return f"{source.name}{trials.label(trial)}"


def model_name(source: Source, trial: FrozenTrial) -> str:
    """The trial and its configuration in words."""
    return f"{trial_name(source, trial)} ({trial.user_attrs.get(trials.WORDS, '')})"


def budget_in_words(budget: Budget, texts: Texts) -> str:
    """Epochs and images of a training."""
    subset = budget.subset
    images = texts("budget.all") if subset is None else texts.number(subset, "count")
    return texts.choose("budget", budget.epochs, images=images)


def storage_option(storage: str | None) -> list[str]:
    """What a command needs to find the storage; None is the default one."""
    return [] if storage is None else ["--storage", storage]


def columns(
    texts: Texts, table: str, kinds: Mapping[str, Notation], missing: str = MISSING
) -> tuple[Column, ...]:
    """A table's columns, whose titles are the texts ``table.key``."""
    return tuple(Column(key, texts(f"{table}.{key}"), kind, missing) for key, kind in kinds.items())


def filled(columns: Iterable[Column], frame: pandas.DataFrame) -> tuple[Column, ...]:
    """Those of a table's columns that say something in at least one row."""
    return tuple(c for c in columns if (frame[c.key].notna() & (frame[c.key] != "")).any())
