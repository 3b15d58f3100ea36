"""A study of unknown origin, read only if all that it says has the shape that it must have.

Whoever looks at studies reads them here first: what comes after may take every attribute as this
program writes it. Attributes that are missing, as in studies of earlier versions, are no fault.
"""

from typing import Annotated, Any, NotRequired

import optuna
from annotated_types import Ge, Gt, Interval, Len, Lt
from optuna.trial import FrozenTrial, TrialState
from pydantic import AfterValidator, ConfigDict, Json, TypeAdapter, with_config
from typing_extensions import TypedDict

from spaces.classifier import N_CLASSES
from spaces.errors import StudyError
from spaces.fields import STRICT, first_fault
from studies.records import runs, trials
from studies.records.runs import ENDED
from studies.records.settings import StudySettings, load
from studies.storage.artifacts import ARTIFACTS_ATTR_PREFIX

MOST_COUNTED = 10**15
"""No count is larger."""
MOST_MEASURED = 3.5e38
"""No other number is larger: PyTorch computes losses with 32 bits, and one that grows beyond all
measure is finite up to there."""

_OPEN = ConfigDict(strict=True, allow_inf_nan=False)
"""Of tables that may have other fields too; text in them has no halves of characters."""


def check(study: optuna.Study) -> StudySettings:
    """The settings of a study that can be read, all of it.

    Raises:
        StudyError: it cannot, or another program made it; says what is wrong.
    """
    settings = load(study)
    settings.search_space()
    attrs, every = study.user_attrs, study.get_trials(deepcopy=False)
    where = ""
    try:
        _STUDY.validate_python(attrs)
        _RUNS.validate_python({n: run for n, run in attrs.items() if n.startswith(runs.PREFIX)})
        for trial in every:
            where = f"of trial {trial.number} "
            _check_trial(trial, settings, len(every))
    except ValueError as error:  # pydantic's, and of a configuration
        raise StudyError(
            f"study '{study.study_name}' cannot be read: {where}{first_fault(error)}; "
            "another program, or a person, wrote it"
        ) from error
    return settings


def _check_trial(trial: FrozenTrial, settings: StudySettings, n_trials: int) -> None:
    attrs, stage = _TRIAL.validate_python(trial.user_attrs), settings.stage_record()
    if trials.CONFIG in attrs:
        stage.spaces["paper"].config_type.from_dict(attrs[trials.CONFIG])
    _must(attrs.get(trials.PAPER) in {None, *(row.name for row in stage.paper)}, trials.PAPER)
    _must(attrs.get(trials.SAME_AS, 0) < n_trials, trials.SAME_AS)
    _NUMBERS.validate_python(
        {
            "values": trial.values and list(trial.values),
            "intermediate_values": trial.intermediate_values,
            "constraints": trial.constraints,
        }
    )
    if trial.state == TrialState.COMPLETE:
        _must(len(trial.values or ()) == len(settings.names_of_values()), "the number of values")
    found = trial.system_attrs.items()
    _ARTIFACTS.validate_python({k: v for k, v in found if k.startswith(ARTIFACTS_ATTR_PREFIX)})


def _must(holds: bool, name: str) -> None:
    if not holds:
        raise ValueError(f"{name} is not what it must be")


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
    timeout = options.get("timeout_s")
    _must(timeout is None or type(timeout) in (int, float), "timeout_s")
    return options


@with_config(_OPEN)
class _Origin(TypedDict):
    study: str
    trial: Count


@with_config(_OPEN)
class _State(_Origin):
    epochs: Count


@with_config(_OPEN)
class _Artifact(TypedDict):
    filename: str
    artifact_id: str
    mimetype: str


@with_config(_OPEN)
class _Ended(TypedDict):
    reason: str
    time: str


@with_config(STRICT)
class _Run(TypedDict):
    """A run's record, with no field that this version does not know."""

    begun: str
    options: Annotated[dict[str, bool | str | Measure | None], AfterValidator(_timed)]
    given: list[Count]
    first: Count
    n_before: Count
    side_by_side: Count
    made_with: dict[str, str]
    ended: NotRequired[str | None]
    reason: NotRequired[str | None]


def _table(name: str, kinds: dict[str, Any]) -> TypeAdapter[dict[str, Any]]:
    """Of fields that may be missing, as earlier versions wrote fewer."""
    return TypeAdapter(with_config(_OPEN)(TypedDict(name, kinds, total=False)))  # type: ignore


_TRIAL = _table(
    "_Trial",
    {
        trials.CONFIG: dict[str, Any],
        trials.WORDS: str,
        trials.FINGERPRINT: str,
        trials.PAPER: str,
        trials.SEED: Count,
        trials.EPOCHS: Annotated[dict[str, list[Measure | None]], AfterValidator(_as_long)],
        trials.METRICS: dict[str, Measure | None],
        trials.N_PARAMETERS: Annotated[Count, Gt(0)],
        trials.N_MULTIPLY_ADDS: Annotated[Count, Gt(0)],
        trials.LATENCY_MS: Annotated[Measure, Gt(0)],
        trials.CONFUSION: Annotated[list[Row], Len(N_CLASSES, N_CLASSES)],
        trials.SECONDS: Annotated[Measure, Ge(0)],
        trials.REASON: str,
        trials.SAME_AS: Count,
        trials.RETRY_OF: Count,
        trials.TAKEN_FROM: _Origin,
        trials.ENQUEUED: bool,
        trials.PROMOTED: Count,
        trials.GOES_ON_FROM: _State,
        trials.LEFT_ASIDE: list[str],
        trials.MADE_WITH: dict[str, str],
        trials.N_THREADS: Count,
    },
)
_NUMBERS = _table(
    "_Numbers",
    {
        "values": list[Measure] | None,
        "intermediate_values": dict[Annotated[int, Gt(0), Lt(MOST_COUNTED)], Measure],
        "constraints": dict[Any, float],
    },
)
_STUDY = _table("_Study", {trials.MADE_WITH: dict[str, str], ENDED: _Ended})
_RUNS = TypeAdapter(dict[str, _Run])
_ARTIFACTS = TypeAdapter(dict[str, Json[_Artifact | None]])
"""Descriptions, or what a browser leaves of one that it deletes."""
