"""All that a person may ask about one trial, as a record; who shows it draws it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from reports.analysis.values import configuration_of
from spaces.dimensions import Value
from studies.records import attempts, attributes, disk, trials
from studies.records.open_study import OpenStudy
from studies.records.origins import Origin, origins

_LINKS = {
    trials.RETRY_OF: "made up for",
    trials.PROMOTED: "trains on what was pruned",
    trials.SAME_AS: "result taken from",
}
"""What a trial has to do with another of its study, by the attribute that has its number."""


@dataclass(frozen=True)
class OneTrial:
    """A trial, and what is kept of it."""

    label: str
    state: str
    """``complete``, ``resting``, ``pruned``, ``diverged``, ``paused``, ``failed``, ``running``,
    ``waiting``, or ``repeat`` of another."""
    ending: str
    """Why it ended where it did, in words."""
    metric: str
    values: list[float]
    origin: Origin
    words: str
    configuration: dict[str, Value]
    """Flat; of a classifier's encoder the study tells."""
    dimensions: list[str]
    """Names of what the study searches, as options have them."""
    epochs: dict[str, list[float | None]]
    """Every metric's column, and ``epoch``."""
    n_epochs: int
    """That its training has in all."""
    facts: dict[str, Any]
    """Seed, costs and time, by the names of the trial's attributes."""
    links: dict[str, str]
    """Other trials that it has to do with, by what."""
    files: list[tuple[disk.NotedFile, int]]
    """What is kept of it, with bytes."""


def one_trial(opened: OpenStudy, trial: FrozenTrial, there: Mapping[str, int]) -> OneTrial:
    """Look a trial up.

    Args:
        opened: its study.
        trial: one of :meth:`ReadStudy.trials`.
        there: bytes of each file in the study's place, as :func:`studies.records.disk.sizes` says.
    """
    attrs, settings = attributes.of(trial), opened.settings
    costs = (*trials.COST_ATTRS.values(), trials.LATENCY_SPREAD_MS)
    facts = (trials.SEED, *costs, trials.SECONDS, trials.N_THREADS)
    return OneTrial(
        label=trials.label(trial),
        state=state_of(trial),
        ending=_ending(trial, settings.budget.epochs),
        metric=settings.metric,
        values=list(trial.values or ()),
        origin=origins(opened.trials())[trial.number],
        words=str(attrs.get(trials.WORDS, "")),
        configuration=configuration_of(trial),
        dimensions=[d.name.replace("_", "-") for d in opened.space.dimensions],
        epochs=attrs.get(trials.EPOCHS, {}),
        n_epochs=settings.budget.epochs,
        facts={name: attrs[name] for name in facts if attrs.get(name) is not None},
        links=_links(trial),
        files=_there(disk.noted(trial.system_attrs), there),
    )


def state_of(trial: FrozenTrial) -> str:
    """What became of a trial, in a word."""
    if trials.SAME_AS in trial.user_attrs:
        return "repeat"
    if trials.is_resting(trial):
        return "resting"
    if trials.has_diverged(trial):
        return "diverged"
    if attempts.was_stopped(trial):
        return "paused"
    return "failed" if trial.state == TrialState.FAIL else trial.state.name.lower()


def _ending(trial: FrozenTrial, n_epochs: int) -> str:
    """Where it stands, or why it ended."""
    done = f"{trials.n_epochs_stored(trial)} of {n_epochs} epochs"
    reason = str(trial.user_attrs.get(trials.REASON, ""))
    if trial.state == TrialState.COMPLETE:
        return f"trained to the end: {done}"
    if trials.is_resting(trial):
        return f"rests after {done}: it goes on if it is among the best there"
    if trial.state == TrialState.PRUNED:
        return reason or f"pruned after {done}: others were better by then"
    if attempts.was_stopped(trial):
        return f"paused after {done}{reason.removeprefix(attempts.INTERRUPTED)}"
    if trial.state == TrialState.FAIL:
        return f"failed after {done}: {reason or 'no reason was stored'}"
    return f"{trial.state.name.lower()}, {done} stored"


def _links(trial: FrozenTrial) -> dict[str, str]:
    attrs = attributes.of(trial)
    links = {words: f"#{attrs[name]}" for name, words in _LINKS.items() if name in attrs}
    for name, words in ((trials.GOES_ON_FROM, "went on from"), (trials.TAKEN_FROM, "taken from")):
        if name in attrs:
            links[words] = f"{attrs[name]['study']}#{attrs[name]['trial']}"
    return links


def _there(
    files: Iterable[disk.NotedFile], there: Mapping[str, int]
) -> list[tuple[disk.NotedFile, int]]:
    """Those that are there with their bytes: weights, states, pictures, each by name."""
    in_order = sorted(files, key=lambda f: (disk.Usage._fields.index(f.kind), f.name))
    return [(f, there[f.artifact_id]) for f in in_order if f.artifact_id in there]
