"""All that trials hold, as tables of values: for spreadsheets and for machines."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import FrozenTrial

from spaces.errors import StudyError
from spaces.safe_text import csv_value
from spaces.space import values_of
from studies.records import attributes, trials

if TYPE_CHECKING:
    import pandas

_FACTS = (
    trials.N_PARAMETERS,
    trials.N_MULTIPLY_ADDS,
    trials.LATENCY_MS,
    trials.LATENCY_SPREAD_MS,
    trials.SECONDS,
    trials.SEED,
    trials.SAME_AS,
    trials.REASON,
)


def every_trial(study: optuna.Study) -> list[dict[str, Any]]:
    """All that is stored of each trial, for machines to read."""
    return [
        {
            **_ended(trial),
            "values": trial.values,
            "params": trial.params,
            "intermediate_values": trial.intermediate_values,
            **attributes.of(trial),
        }
        for trial in trials.of(study)
    ]


def trials_frame(all_trials: Iterable[FrozenTrial]) -> "pandas.DataFrame":
    """A row for each trial, a column for each parameter, last metric and fact; for spreadsheets."""
    import pandas

    rows = [
        {
            **_ended(trial),
            "paper": trial.user_attrs.get(trials.PAPER),
            **configuration_of(trial),
            **attributes.of(trial).get(trials.METRICS, {}),
            **{name: trial.user_attrs.get(name) for name in _FACTS},
        }
        for trial in all_trials
    ]
    return pandas.DataFrame(rows)


def configuration_of(trial: FrozenTrial) -> dict[str, Any]:
    """A configuration's own fields, and its encoder's where they are dimensions of the search.

    Of an encoder that all classifiers have, the study tells.
    """
    config = attributes.of(trial).get(trials.CONFIG, {})
    return {
        name: value
        for name, value in values_of(config).items()
        if name in trial.params or (name in config and not isinstance(value, dict))
    }


def epochs_frame(all_trials: Iterable[FrozenTrial]) -> "pandas.DataFrame":
    """A row for each trial and epoch, a column for each metric."""
    import pandas

    rows: list[dict[str, Any]] = []
    for trial in all_trials:
        columns = attributes.of(trial).get(trials.EPOCHS, {})
        for values in zip(*columns.values(), strict=True):
            rows.append({"trial": trial.number, **dict(zip(columns, values, strict=True))})
    return pandas.DataFrame(rows, columns=None if rows else ["trial", "epoch"])


def csv_text(frame: "pandas.DataFrame") -> str:
    """A table as CSV that a spreadsheet can open without running anything in it."""
    safe = frame.rename(columns=csv_value)
    for place, kind in enumerate(safe.dtypes):
        if kind.kind not in "biuf":  # all but truth values and numbers
            safe.isetitem(place, [csv_value(value) for value in safe.iloc[:, place]])
    return safe.to_csv(index=False)


def write_parquet(all_trials: Iterable[FrozenTrial], path: Path) -> None:
    """Write the same table to a Parquet file.

    Raises:
        StudyError: pyarrow is not installed, or the file cannot be written.
    """
    try:
        trials_frame(all_trials).to_parquet(path, index=False)
    except ImportError as error:
        raise StudyError(
            "Parquet needs pyarrow; install it: pip install 'fmnist-search[parquet]'"
        ) from error
    except OSError as error:
        raise StudyError(f"cannot write {path}: {error.strerror or error}") from error


def _ended(trial: FrozenTrial) -> dict[str, Any]:
    value = trial.values[0] if trial.values else None
    return {"number": trial.number, "state": trial.state.name, "value": value}
