"""A study of unknown origin, read only if all that it says has the shape that it must have.

Whoever looks at studies reads them here first: what comes after may take every attribute as this
program writes it. Attributes that are missing, as in studies of earlier versions, are no fault.
"""

import json
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from spaces.classifier import N_CLASSES
from spaces.errors import ConfigurationError, StudyError
from spaces.recipe import is_bool, is_number, is_whole
from studies.records import runs, trials
from studies.records.runs import ENDED
from studies.records.settings import StudySettings, load
from studies.storage.artifacts import ARTIFACTS_ATTR_PREFIX

MOST_COUNTED = 10**15
"""No count is larger."""
MOST_MEASURED = 3.5e38
"""No other number is larger: PyTorch computes losses with 32 bits, and one that grows beyond all
measure is finite up to there."""

_HALF = re.compile("[\ud800-\udfff]")

Check = Callable[[Any], bool]


class _WrongShapeError(Exception):
    """What is wrong, in words."""


def check(study: optuna.Study) -> StudySettings:
    """The settings of a study that can be read, all of it.

    Raises:
        StudyError: it cannot, or another program made it; says what is wrong.
    """
    settings = load(study)
    settings.search_space()
    try:
        _check_all(study.user_attrs, _OF_A_STUDY)
        for name, run in study.user_attrs.items():
            _must(not name.startswith(runs.PREFIX) or _is_run(run), name)
        every = study.get_trials(deepcopy=False)
        for trial in every:
            _check_trial(trial, settings, len(every))
    except _WrongShapeError as error:
        raise StudyError(
            f"study '{study.study_name}' cannot be read: {error}; "
            "another program, or a person, wrote it"
        ) from error
    return settings


def _check_trial(trial: FrozenTrial, settings: StudySettings, n_trials: int) -> None:
    try:
        _check_all(trial.user_attrs, _OF_A_TRIAL)
        if trials.CONFIG in trial.user_attrs:
            kind = settings.stage_record().spaces["paper"].config_type
            kind.from_dict(trial.user_attrs[trials.CONFIG])
        names = {row.name for row in settings.stage_record().paper}
        _must(trial.user_attrs.get(trials.PAPER) in {None, *names}, trials.PAPER)
        _must(trial.user_attrs.get(trials.SAME_AS, 0) < n_trials, trials.SAME_AS)
        _check_numbers(trial, len(settings.names_of_values()))
        for key, value in trial.system_attrs.items():
            if key.startswith(ARTIFACTS_ATTR_PREFIX):
                _must(_is_artifact(value), key)
    except (_WrongShapeError, ConfigurationError) as error:
        raise _WrongShapeError(f"of trial {trial.number} {error}") from error


def _check_numbers(trial: FrozenTrial, n_values: int) -> None:
    if trial.state == TrialState.COMPLETE:
        _must(len(trial.values or ()) == n_values, "the number of values")
    _must(all(map(_is_shown, trial.values or ())), "a value")
    _must(all(map(_is_shown, trial.intermediate_values.values())), "an intermediate value")
    _must(
        all(0 < step < MOST_COUNTED for step in trial.intermediate_values), "an intermediate step"
    )
    constraints = trial.constraints
    _must(isinstance(constraints, dict), "a constraint")
    _must(all(map(is_number, constraints.values())), "a constraint")


def _check_all(attrs: dict[str, Any], checks: dict[str, Check]) -> None:
    for name, holds in checks.items():
        if name in attrs:
            _must(holds(attrs[name]), name)


def _must(holds: bool, name: str) -> None:
    if not holds:
        raise _WrongShapeError(f"{name} is not what it must be")


def _is_text(value: object) -> bool:
    """Text that a file can hold, so without halves of characters."""
    return isinstance(value, str) and (value.isascii() or not _HALF.search(value))


def _is_shown(value: object) -> bool:
    return is_number(value) and abs(value) <= MOST_MEASURED  # type: ignore[arg-type]


def _is_positive(value: object) -> bool:
    return _is_shown(value) and value >= 0  # type: ignore[operator]


def _is_count(value: object) -> bool:
    return is_whole(value) and 0 <= value <= MOST_COUNTED  # type: ignore[operator]


def _is_dict(**checks: Check) -> Check:
    """A table with at least these fields."""
    return lambda value: (
        isinstance(value, dict)
        and all(name in value and holds(value[name]) for name, holds in checks.items())
    )


def _are(key: Check, inner: Check) -> Check:
    """A table of any fields whose values are alike."""
    return lambda value: (
        isinstance(value, dict) and all(key(k) and inner(v) for k, v in value.items())
    )


def _is_list(inner: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(inner, value))


def _are_epochs(value: object) -> bool:
    """Columns of numbers, as long as each other, the epochs' own among them."""
    if not _are(_is_text, _is_list(lambda v: v is None or _is_shown(v)))(value):
        return False
    assert isinstance(value, dict)
    lengths = {len(column) for column in value.values()}
    return not value or (len(lengths) == 1 and _is_list(_is_positive)(value.get("epoch")))


def _is_confusion(value: object) -> bool:
    """A square of counts."""
    if not _is_list(_is_list(_is_count))(value):
        return False
    assert isinstance(value, list)
    return all(len(row) == N_CLASSES == len(value) for row in value)


def _is_artifact(text: object) -> bool:
    """An artifact's description, or what a browser leaves of one that it deletes."""
    try:
        found = json.loads(text)  # type: ignore[arg-type]
    except (TypeError, ValueError, RecursionError):
        return False
    return found is None or _is_dict(filename=_is_text, artifact_id=_is_text, mimetype=_is_text)(
        found
    )


_IS_RUN = _is_dict(
    begun=_is_text,
    options=_are(_is_text, lambda v: v is None or is_bool(v) or _is_text(v) or _is_shown(v)),
    given=_is_list(_is_count),
    first=_is_count,
    n_before=_is_count,
    side_by_side=_is_count,
    made_with=_are(_is_text, _is_text),
)


def _is_run(value: Any) -> bool:
    """A run's record, with no field that this version does not know."""
    if not _IS_RUN(value) or set(value) - {field.name for field in fields(runs.Run)}:
        return False
    timeout = value["options"].get("timeout_s")
    ends = (value.get("ended"), value.get("reason"))
    return (timeout is None or _is_shown(timeout)) and all(e is None or _is_text(e) for e in ends)


_IS_ORIGIN = _is_dict(study=_is_text, trial=_is_count)

_OF_A_TRIAL: dict[str, Check] = {
    trials.CONFIG: lambda value: isinstance(value, dict),
    trials.WORDS: _is_text,
    trials.FINGERPRINT: _is_text,
    trials.PAPER: _is_text,
    trials.SEED: _is_count,
    trials.EPOCHS: _are_epochs,
    trials.METRICS: _are(_is_text, lambda v: v is None or _is_shown(v)),
    trials.N_PARAMETERS: lambda value: _is_count(value) and value > 0,
    trials.N_MULTIPLY_ADDS: lambda value: _is_count(value) and value > 0,
    trials.LATENCY_MS: lambda value: _is_positive(value) and value > 0,
    trials.CONFUSION: _is_confusion,
    trials.SECONDS: _is_positive,
    trials.REASON: _is_text,
    trials.SAME_AS: _is_count,
    trials.RETRY_OF: _is_count,
    trials.TAKEN_FROM: _IS_ORIGIN,
    trials.ENQUEUED: is_bool,
    trials.PROMOTED: _is_count,
    trials.GOES_ON_FROM: lambda value: _IS_ORIGIN(value) and _is_dict(epochs=_is_count)(value),
    trials.LEFT_ASIDE: _is_list(_is_text),
    trials.MADE_WITH: _are(_is_text, _is_text),
    trials.N_THREADS: _is_count,
}

_OF_A_STUDY: dict[str, Check] = {
    trials.MADE_WITH: _are(_is_text, _is_text),
    ENDED: _is_dict(reason=_is_text, time=_is_text),
}
