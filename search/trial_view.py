"""Trials on a terminal: one with all that is known of it, or all of a study, a line each."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from search.fitting_table import FittingColumn, print_fitting
from search.show_command import SortKey
from spaces.dimensions import format_value
from spaces.wording import MISSING, better, count, duration, in_items, measured, short_count, size
from studies.records.costs import latency_of
from studies.records.origins import ORIGIN_IN_A_WORD

if TYPE_CHECKING:
    from reports.analysis.one_trial import OneTrial

_BARS = "▁▂▃▄▅▆▇█"
MOST_BARS = 40
"""Of a curve; of more epochs every so many are drawn."""


def print_trial(console: Console, study_name: str, trial: "OneTrial", place: str) -> None:
    """Print all that is known of a trial.

    Args:
        console: where to.
        study_name: its study.
        trial: the trial.
        place: folder or bucket of its files, as a person is shown it.
    """
    console.print(f"{study_name}{trial.label}", style="bold", soft_wrap=True)
    whose = ORIGIN_IN_A_WORD[trial.origin]
    _print_facts(console, [("outcome", trial.ending), ("configuration is", whose)])
    _print_facts(console, list(trial.links.items()))
    values = [(_metric_name(trial.metric), measured(v, trial.metric)) for v in trial.values[:1]]
    _print_facts(console, values)
    console.print()
    _print_facts(console, [("configuration", trial.words or MISSING)])
    shown = {n.replace("_", "-"): _value(v) for n, v in trial.configuration.items()}
    searched = {name: shown[name] for name in trial.dimensions if name in shown}
    _print_facts(console, list(searched.items()), indent=2)
    fixed = ", ".join(f"{name} {shown[name]}" for name in shown if name not in searched)
    for line in in_items(f"fixed: {fixed}", console.width - 2):
        console.print(f"  {line}", style="dim")
    if trial.epochs:
        console.print()
        _print_curves(console, trial)
    console.print()
    _print_facts(console, list(_facts(trial.facts)))
    console.print()
    _print_files(console, trial, place)


def _print_facts(console: Console, facts: Sequence[tuple[str, str]], indent: int = 0) -> None:
    width = max(20 - indent, *(len(name) for name, _ in facts)) if facts else 0
    for name, value in facts:
        before = f"{' ' * indent}{name:<{width}} "
        console.print(f"{before}{value}", soft_wrap=True)


def _metric_name(metric: str) -> str:
    return f"{metric.replace('_', ' ')} {better(metric)}"


def _print_curves(console: Console, trial: "OneTrial") -> None:
    epochs = trial.epochs.get("epoch", [])
    console.print(f"by epoch, 1 to {len(epochs)} of {trial.n_epochs}")
    for name in ("validation_loss", "train_loss", "validation_accuracy", "train_accuracy"):
        known = [v for v in trial.epochs.get(name, ()) if v is not None]
        if known:
            first, last = measured(known[0], name), measured(known[-1], name)
            curve = sparkline(known, is_log=name.endswith("loss"))
            _print_facts(console, [(_metric_name(name), f"{first} {curve} {last}")], indent=2)


def sparkline(values: Sequence[float], is_log: bool = False) -> str:
    """A curve as a row of bars: ``█▅▃▂▁▁``; of what is not finite a space."""
    step = math.ceil(len(values) / MOST_BARS)
    drawn = [*values[:-1:step], values[-1]] if step > 1 else list(values)
    by_log = is_log and all(value > 0 for value in drawn)
    heights = [math.log(value) if by_log else value for value in drawn]
    finite = [height for height in heights if math.isfinite(height)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(
        _BARS[round((height - low) * scale)] if math.isfinite(height) else " " for height in heights
    )


def _facts(facts: dict[str, Any]) -> list[tuple[str, str]]:
    shown: dict[str, tuple[str, Callable[[Any], str]]] = {
        "seed": ("seed", str),
        "n_parameters": ("parameters", count),
        "n_multiply_adds": ("multiply-adds", lambda n: f"{short_count(n)} an image"),
        "seconds": ("trained for", duration),
        "n_threads": ("threads", str),
    }
    rows = [(words, write(facts[name])) for name, (words, write) in shown.items() if name in facts]
    if latency := latency_of(facts):
        rows.insert(3, ("latency", f"{latency.in_words()} per 100 images on one thread"))
    return rows


def _print_files(console: Console, trial: "OneTrial", place: str) -> None:
    if not trial.files:
        console.print("no files are kept: no weights, no state, no pictures")
        return
    total = size(sum(n_bytes for _, n_bytes in trial.files))
    console.print(f"kept: {total} in {place}", soft_wrap=True)
    for file, n_bytes in trial.files:
        line = f"  {file.kind:<9} {size(n_bytes):>9}  {file.artifact_id}  {file.name}"
        console.print(line, soft_wrap=True)


def print_all(console: Console, rows: Sequence["OneTrial"]) -> None:
    """Print a line for each trial of a study."""
    metric = rows[0].metric if rows else "value"
    print_fitting(
        console,
        [
            FittingColumn("trial", [row.label for row in rows], is_number=False),
            FittingColumn("state", [row.state for row in rows], is_number=False),
            FittingColumn(
                _metric_name(metric).replace("validation", "val."),
                [measured(row.values[0] if row.values else None, metric) for row in rows],
            ),
            FittingColumn("epochs", [str(_n_epochs(row)) for row in rows], 1),
            FittingColumn(
                "params", [short_count(row.facts.get("n_parameters")) for row in rows], 3
            ),
            FittingColumn("time", [duration(row.facts.get("seconds")) for row in rows], 2),
            FittingColumn(
                "configuration", [row.words for row in rows], is_number=False, fills=True
            ),
        ],
    )


def sorted_by(trials: Sequence["OneTrial"], sort: SortKey) -> list["OneTrial"]:
    """The trials of a study in order; those of which it is not known stand at the end.

    Args:
        trials: by number.
        sort: by what; by value the best is the first, by all else the least.
    """
    sign = -1 if trials and trials[0].metric.endswith("accuracy") else 1
    keys: dict[SortKey, Callable[[OneTrial], Any]] = {
        "value": lambda t: sign * t.values[0] if t.values else math.inf,
        "state": lambda t: t.state,
        "epochs": _n_epochs,
        "params": lambda t: t.facts.get("n_parameters", math.inf),
        "time": lambda t: t.facts.get("seconds", math.inf),
    }
    return sorted(trials, key=keys[sort]) if sort in keys else list(trials)


def _n_epochs(trial: "OneTrial") -> int:
    return len(trial.epochs.get("epoch", ()))


def _value(value: Any) -> str:
    return format_value(value) if isinstance(value, bool | int | float | str) else MISSING
