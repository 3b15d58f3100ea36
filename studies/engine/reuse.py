"""What trials leave behind, and how others use it: results copied, training gone on with."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from optuna.trial import FrozenTrial, Trial, TrialState
from torch import Tensor

from spaces.safe_text import visible_lines
from studies.engine.running_trial import Running
from studies.files.tensor_files import DamagedError
from studies.records import attributes, taking_over, trials, weights
from studies.records.open_study import OpenStudy
from studies.storage.artifacts import ArtifactStore
from studies.training.metrics import EpochMetrics

_COPIED = (
    trials.EPOCHS,
    trials.METRICS,
    trials.SECONDS,
    trials.REASON,
    trials.LATENCY_MS,
    trials.LATENCY_SPREAD_MS,
    trials.ARCHITECTURE,
    trials.CONFUSION,
)
"""What a trial takes over from another with the same configuration."""


def known_result(
    opened: OpenStudy, all_trials: list[FrozenTrial], trial: Trial, fingerprint: str
) -> FrozenTrial | None:
    """A finished trial whose result this one shall have, so that it need not be trained.

    The paper's trials are trained in every study that takes over none. One that goes on is unless
    somebody trained the same configuration to the end.
    """
    found = taking_over.taken_from(opened, trial)
    if found is None and not trials.is_paper(trial):
        found = trials.stored_result(all_trials, fingerprint)
    ended = found is not None and found.state != TrialState.PRUNED
    goes_on = trials.PROMOTED in trial.user_attrs or trials.RESTS_AT in trial.user_attrs
    return found if ended or not goes_on else None


def copy_result(opened: OpenStudy, trial: Trial, source: FrozenTrial) -> str:
    """End the trial with the result of another that has the same configuration.

    Returns:
        Whose result it is, in words.
    """
    origin = attributes.of(trial).get(trials.TAKEN_FROM)
    if origin is None:
        trial.set_user_attr(trials.SAME_AS, source.number)
    for file in (weights.WEIGHTS, weights.STATE) if origin else ():
        try:
            if weights.is_kept(opened.store, source, file):
                tensors = weights.load(opened, source, file)
                config = attributes.of(trial)[trials.CONFIG]
                weights.save(opened.store, trial, tensors, config, file)
        except DamagedError as error:  # the result is good without
            left = attributes.of(trial).get(trials.LEFT_ASIDE, [])
            attributes.note(trial, trials.LEFT_ASIDE, [*left, visible_lines(str(error))])
    known = attributes.of(source)
    for name in _COPIED:
        if name in known:
            attributes.note(trial, name, known[name])
    in_race = origin is not None  # one of this study counts in the pruner's comparisons already
    for step, value in source.intermediate_values.items():
        trial.report(value, step)
        in_race = in_race and not trial.should_prune()
    complete = source.state == TrialState.COMPLETE
    opened.end(trial, source.state, source.values if complete else None)
    return f"taken over from {origin['study']}" if origin else f"same as #{source.number}"


class Earlier(NamedTuple):
    """Where another trial left the same training."""

    state: dict[str, Tensor] | None
    """None: nowhere."""
    epochs: list[EpochMetrics]
    """So far; to be reported again, so that pruners see what they would have seen."""
    left_aside: tuple[str, ...] = ()
    """What of damaged states is said of each."""


def earlier_training(opened: OpenStudy, all_trials: list[FrozenTrial], trial: Trial) -> Earlier:
    """Find where another trial left the same training, and note it in this one.

    The other trial was pruned in this study or died after a checkpoint, or was trained for fewer
    epochs in the study that this one was made from; or it is this one, which rested. A state that
    is damaged is left aside, which is noted too; one of another number of threads, which decide the
    last bits, is passed over.
    """
    left_aside: list[str] = []
    key, seed = (trial.user_attrs[name] for name in (trials.FINGERPRINT, trials.SEED))
    n_threads = trial.user_attrs.get(trials.N_THREADS)
    for origin in _origins(opened, trial):
        known = all_trials if origin is opened else origin.trials()
        for source in trials.source_of_state(known, key, seed, opened.settings.budget.epochs):
            if source.user_attrs.get(trials.N_THREADS, n_threads) != n_threads:
                continue  # earlier versions did not note how many
            if not weights.is_kept(origin.store, source, weights.STATE):
                continue
            try:
                state = weights.load(origin, source, weights.STATE)
            except DamagedError as error:  # another's, or none: training begins anew
                left_aside.append(visible_lines(str(error)))  # its path need not be text
                attributes.note(trial, trials.LEFT_ASIDE, left_aside)
                continue
            epochs = from_columns(attributes.of(source)[trials.EPOCHS])[: int(state["epoch"])]
            if len(epochs) == int(state["epoch"]):
                if origin is not opened or source.number != trial.number:  # else it rested
                    named = {"study": origin.name, "trial": source.number, "epochs": len(epochs)}
                    attributes.note(trial, trials.GOES_ON_FROM, named)
                return Earlier(state, epochs, tuple(left_aside))
    return Earlier(None, [], tuple(left_aside))


def _origins(opened: OpenStudy, trial: Trial) -> Iterator[OpenStudy]:
    """Studies whose trainings this trial's may be the rest of.

    A schedule's step sizes depend on the number of epochs: with another number the first epochs
    would be others too.
    """
    yield opened
    source = taking_over.made_from(opened)
    if source is None:
        return
    as_many = source.settings.budget.epochs == opened.settings.budget.epochs
    if as_many or trials.has_constant_rate(trial):
        yield source


def checkpoint(store: ArtifactStore, running: Running, state: dict[str, Tensor]) -> None:
    """Store where a trial's training stands, in place of where it stood before.

    Killed at any moment, the trial has one whole state and the metrics of at least its epochs.
    """
    trial = running.trial
    attributes.note(trial, trials.EPOCHS, as_columns(running.history))
    config = attributes.of(trial)[trials.CONFIG]
    weights.save(store, trial, state, config, weights.STATE)


def drop_checkpoints(store: ArtifactStore, all_trials: list[FrozenTrial], fingerprint: str) -> None:
    """Remove what attempts that died left, once their configuration has a result."""
    for trial in all_trials:
        same = trial.user_attrs.get(trials.FINGERPRINT) == fingerprint
        if same and trials.is_unfinished_failure(trial):
            weights.discard(store, trial)


def as_columns(history: list[EpochMetrics]) -> dict[str, list[float]]:
    """A list for each metric that the stage has."""
    columns = {name: [getattr(m, name) for m in history] for name in EpochMetrics._fields}
    return {name: column for name, column in columns.items() if None not in column}


def from_columns(columns: dict[str, list[Any]]) -> list[EpochMetrics]:
    """The epochs that :func:`as_columns` turned into columns."""
    rows = zip(*columns.values(), strict=True)
    return [EpochMetrics(**dict(zip(columns, row, strict=True))) for row in rows]
