"""The commands that make a study once more, with what its runs were asked for."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from reports.analysis.chosen_studies import Source
from studies.records import attempts, attributes, runs, trials
from studies.records.commands import command
from studies.records.runs import Run

FOLDER = "configurations"
"""Beside the report's page: the configurations that a person gave, as files."""

MOST_RANGES = 4
"""Of trials' numbers that a cell of a table names."""

STORAGE = "repeated.db"
"""A storage that does not have the study yet."""


def search_commands(source: Source) -> list[str]:
    """The commands that make the study, one after the other; one where one is enough.

    Runs in a row that were asked for the same are one command, as a search in pieces finds what one
    run finds. A promotion, a given configuration or another sampler does what it does only after
    what was there before. Of a study whose runs are not known, a command for its settings and its
    number of trials.
    """
    together: list[list[Run]] = []
    for run in runs.of(source.study):
        if together and _goes_on(run, together[-1][-1]):
            together[-1].append(run)
        else:
            together.append([run])
    n_tried = attempts.n_tried(source.trials())
    if not together:
        return [_command(source, n_tried, [], {})]
    n_after = [*(first.n_before for first, *_ in together[1:]), n_tried]
    return [
        _command(source, n, [number for run in asked for number in run.given], asked[0].options)
        for asked, n in zip(together, n_after, strict=True)
    ]


def made_at_once(source: Source) -> int:
    """How many trials were trained side by side at most; 1 where that is not known."""
    return max((run.side_by_side for run in runs.of(source.study)), default=1)


def configuration_file(source: Source, number: int) -> str:
    """Where the configuration of a trial that a person gave lies, beside the page."""
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in source.name)
    return f"{FOLDER}/{safe}-{number}.json"


def configurations(source: Source) -> dict[str, dict[str, Any]]:
    """The configurations that a person gave, by the files that hold them beside the page."""
    numbers = {number for run in runs.of(source.study) for number in run.given}
    return {
        configuration_file(source, trial.number): {
            "stage": source.settings.stage,
            "configuration": attributes.of(trial)[trials.CONFIG],
        }
        for trial in source.trials()
        if trial.number in numbers
    }


def _goes_on(run: Run, before: Run) -> bool:
    same = run.deciding() == before.deciding() and run.side_by_side == before.side_by_side
    return same and not run.given and not run.options.get("promote")


def _command(source: Source, n_trials: int, given: Sequence[int], options: dict[str, Any]) -> str:
    settings, stage = source.settings, source.settings.stage_record()
    whole = stage.spaces[settings.space_name].describe()
    said: dict[str, Any] = {
        "study": source.name,
        "trials": n_trials,
        **{name: options.get(name) or None for name in (*runs.DECIDING, "jobs")},
        "enqueue": [configuration_file(source, number) for number in given],
        **settings.as_asked(),
        **{name: v for name, v in settings.space.items() if v != whole.get(name)},
        "storage": STORAGE,
    }
    return command(stage, said)


def in_ranges(values: Sequence[tuple[int, str]]) -> str | None:
    """Values of trials by number, in words: ``2.13.0 (#0–#11), 2.13.1 (#12–#20)``.

    One alone is said without numbers, many in turn by how often; of none there is nothing to say.
    """
    often = Counter(value for _, value in values)
    if len(often) <= 1:
        return next(iter(often), None)
    ranges = []
    for value, same in groupby(sorted(values), key=lambda pair: pair[1]):
        numbers = [number for number, _ in same]
        first, last = numbers[0], numbers[-1]
        ranges.append((value, f"#{first}" if first == last else f"#{first}–#{last}"))
    if len(ranges) > MOST_RANGES:
        return ", ".join(f"{value} ({n}×)" for value, n in often.items())
    return ", ".join(f"{value} ({numbers})" for value, numbers in ranges)
