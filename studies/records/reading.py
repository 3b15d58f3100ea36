"""A study of unknown origin, read only if all that it says has the shape that it must have.

Whoever looks at studies reads them here first: what comes after may take every attribute as this
program writes it. Attributes that are missing, as in studies of earlier versions, are no fault.
"""

from typing import Annotated, Any, NotRequired

import optuna
from annotated_types import Ge, Gt, Interval, Len, Lt
from optuna.trial import FrozenTrial, TrialState
from pydantic import AfterValidator, ConfigDict, Json, StringConstraints, TypeAdapter, with_config
from typing_extensions import TypedDict

from spaces.checking import STRICT, first_fault
from spaces.classifier import N_CLASSES
from spaces.errors import StudyError
from studies.records import attributes, runs, trials
from studies.records.readable import table_of
from studies.records.runs import ENDED
from studies.records.settings import StudySettings, load
from studies.storage.noted_files import ARTIFACTS_ATTR_PREFIX, FILE_ATTR_PREFIX

MOST_COUNTED = 10**15
"""No count is larger."""
MOST_MEASURED = 3.5e38
"""No other number is larger: PyTorch computes losses with 32 bits, and one that grows beyond all
measure is finite up to there."""

_OPEN = ConfigDict(strict=True, allow_inf_nan=False)
"""Of tables that may have other fields too."""


def check(study: optuna.Study) -> StudySettings:
    """The settings of a study that can be read, all of it.

    Raises:
        StudyError: it cannot, or another program made it; says what is wrong.
    """
    settings = load(study)
    settings.search_space()
    attrs, every = study.user_attrs, study.get_trials(deepcopy=False)
    where = "the study"
    try:
        tables = {name: table_of(attrs[name]) for name in _STUDY if name in attrs}
        _OF_STUDY.validate_python(tables)
        for where in (name for name in attrs if name.startswith(runs.PREFIX)):
            _OF_RUN.validate_python(table_of(attrs[where]))
        for trial in every:
            where = f"trial {trial.number}"
            _check_trial(trial, settings, len(every))
    except ValueError as error:  # pydantic's, and of a configuration
        raise StudyError(
            f"study '{study.study_name}' cannot be read: of {where} {first_fault(error)}; "
            "another program, or a person, wrote it"
        ) from error
    return settings


def _check_trial(trial: FrozenTrial, settings: StudySettings, n_trials: int) -> None:
    attrs, stage = _OF_TRIAL.validate_python(attributes.of(trial)), settings.stage_record()
    if trials.CONFIG in attrs:
        stage.configuration(attrs[trials.CONFIG])
    _must(attrs.get(trials.PAPER) in {None, *(row.name for row in stage.paper)}, trials.PAPER)
    _must(attrs.get(trials.SAME_AS, 0) < n_trials, trials.SAME_AS)
    _OF_NUMBERS.validate_python(
        {
            "values": trial.values and list(trial.values),
            "intermediate_values": trial.intermediate_values,
            "constraints": trial.constraints,
        }
    )
    if trial.state == TrialState.COMPLETE:
        _must(len(trial.values or ()) == len(settings.names_of_values()), "the number of values")
    found = trial.system_attrs.items()
    _OF_ARTIFACTS.validate_python({k: v for k, v in found if k.startswith(ARTIFACTS_ATTR_PREFIX)})
    _OF_FILES.validate_python({k: v for k, v in found if k.startswith(FILE_ATTR_PREFIX)})


def _must(holds: bool, name: str) -> None:
    if not holds:
        raise ValueError(f"{name} is invalid")


Words = Annotated[str, StringConstraints(pattern="")]
"""A pattern is looked for in what a file can hold alone, so without halves of characters."""
Count = Annotated[int, Interval(ge=0, le=MOST_COUNTED)]
Measure = Annotated[float, Interval(ge=-MOST_MEASURED, le=MOST_MEASURED)]
Row = Annotated[list[Count], Len(N_CLASSES, N_CLASSES)]


def _as_long(columns: dict[str, list[float | None]]) -> dict[str, list[float | None]]:
    """Columns as long as each other, the epochs' own among them."""
    if columns:
        own = columns.get("epoch", [None])
        lengths = {len(column) for column in columns.values()}
        _must(len(lengths) == 1 and all(v is not None and v >= 0 for v in own), "an epoch")
    return columns


def _timed(options: dict[str, Any]) -> dict[str, Any]:
    for name in runs.TIMES:
        _must(type(options.get(name)) in (int, float, type(None)), name)
    return options


@with_config(_OPEN)
class _Artifact(TypedDict):
    filename: Words
    artifact_id: Words
    mimetype: Words


@with_config(_OPEN)
class _File(TypedDict):
    artifact_id: Words
    sha256: Words


def _table(name: str, kinds: dict[str, Any], config: ConfigDict = _OPEN, total: bool = True) -> Any:
    """A table of such fields; not ``total`` where earlier versions wrote fewer."""
    return with_config(config)(TypedDict(name, kinds, total=total))  # type: ignore[operator]


_ORIGIN = {"study": Words, "trial": Count}
_VERSIONS = dict[Words, Words]
_RUN = {
    "begun": Words,
    "options": Annotated[dict[Words, bool | Words | Measure | None], AfterValidator(_timed)],
    "given": list[Count],
    "first": Count,
    "n_before": Count,
    "side_by_side": Count,
    "made_with": _VERSIONS,
    "ended": NotRequired[Words | None],
    "reason": NotRequired[Words | None],
}
_TRIAL = {
    trials.CONFIG: dict[str, Any],
    trials.WORDS: Words,
    trials.FINGERPRINT: Words,
    trials.PAPER: Words,
    trials.SEED: Count,
    trials.EPOCHS: Annotated[dict[Words, list[Measure | None]], AfterValidator(_as_long)],
    trials.METRICS: dict[Words, Measure | None],
    trials.N_PARAMETERS: Annotated[Count, Gt(0)],
    trials.N_MULTIPLY_ADDS: Annotated[Count, Gt(0)],
    trials.LATENCY_MS: Annotated[Measure, Gt(0)],
    trials.LATENCY_SPREAD_MS: Annotated[Measure, Ge(0)] | None,
    trials.CONFUSION: Annotated[list[Row], Len(N_CLASSES, N_CLASSES)],
    trials.SECONDS: Annotated[Measure, Ge(0)],
    trials.REASON: Words,
    trials.SAME_AS: Count,
    trials.RETRY_OF: Count,
    trials.TAKEN_FROM: _table("_Origin", _ORIGIN),
    trials.ENQUEUED: bool,
    trials.PROMOTED: Count,
    trials.GOES_ON_FROM: _table("_State", {**_ORIGIN, "epochs": Count}),
    trials.TRAINS_TO: Count,
    trials.RESTS_AT: Count,
    trials.LEFT_ASIDE: list[Words],
    trials.MADE_WITH: _VERSIONS,
    trials.N_THREADS: Count,
}
_NUMBERS = {
    "values": list[Measure] | None,
    "intermediate_values": dict[Annotated[int, Gt(0), Lt(MOST_COUNTED)], Measure],
    "constraints": dict[Any, float],
}
_STUDY = {
    trials.MADE_WITH: _VERSIONS,
    ENDED: _table("_Ended", {"reason": Words, "time": Words}),
}

_OF_TRIAL = TypeAdapter(_table("_Trial", _TRIAL, total=False))
_OF_NUMBERS = TypeAdapter(_table("_Numbers", _NUMBERS))
_OF_STUDY = TypeAdapter(_table("_Study", _STUDY, total=False))
_OF_RUN = TypeAdapter(_table("_Run", _RUN, STRICT))  # so with no field unknown here
_OF_ARTIFACTS = TypeAdapter(dict[str, Json[_Artifact | None]])
"""Descriptions, or what a browser leaves of one that it deletes."""
_OF_FILES = TypeAdapter(dict[str, _File])
