"""What a trial's attributes say, and what of a study is done, lost or still to do.

Pure functions over Optuna's trials: whatever they conclude, a run that is killed at any moment
concludes again from the database alone.
"""

from collections.abc import Iterable, Sequence
from copy import copy

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from spaces.stages import Direction
from studies.records import attributes
from studies.records.request import Cost

CONFIG = "config"
WORDS = "configuration"
"""The configuration in a few words."""
FINGERPRINT = "fingerprint"
PAPER = "paper"
"""Name of the paper's configuration that a fixed trial runs: its identity."""
SEED = "seed"
EPOCHS = "epochs"
"""Every epoch's metrics: a dict of lists."""
METRICS = "metrics"
"""The last epoch's metrics."""
N_PARAMETERS = "n_parameters"
N_MULTIPLY_ADDS = "n_multiply_adds"
LATENCY_MS = "latency_ms"
"""Milliseconds that 100 images take on one thread; see :mod:`studies.records.costs`."""
LATENCY_SPREAD_MS = "latency_spread_ms"
"""How sure that is; earlier versions did not note it, nor the architecture that was measured."""
ARCHITECTURE = "architecture"
CONFUSION = "confusion"
"""A classifier's counts over the validation images, a list for each true class."""
SECONDS = "seconds"
REASON = "reason"
"""Why a trial failed."""
SAME_AS = "same_as"
"""Number of the trial with the same configuration whose result was used."""
RETRY_OF = "retry_of"
TAKEN_FROM = "taken_from"
"""Study and number of the trial that ``--new`` took over."""
ENQUEUED = "enqueued"
"""True for a searched trial whose configuration a person gave."""
PROMOTED = "promoted"
"""Number of the pruned trial that this one goes on with, to the end or to the next rung."""
GOES_ON_FROM = "goes_on_from"
"""Study and number of the trial from whose stored state this one's training went on, and how many
``epochs`` that had."""
TRAINS_TO = "trains_to"
"""The epoch after which the trial rests, or ends; not noted where a pruner decides that."""
RESTS_AT = "rests_at"
"""The epoch after which it rested last. While both are the same the trial rests: it is RUNNING, and
nobody trains it."""
LEFT_ASIDE = "left_aside"
"""Why files of other trials that this one would have had were not used: damaged; words for each."""
MADE_WITH = "made_with"
N_THREADS = "n_threads"

COST_ATTRS: dict[Cost, str] = {
    "params": N_PARAMETERS,
    "macs": N_MULTIPLY_ADDS,
    "latency": LATENCY_MS,
}
"""Where a trial keeps each of its costs."""

DIVERGED = "diverged"
LOST = "process died"
OUT_OF_MEMORY = "out of memory"
INFEASIBLE = "infeasible"
TOO_SLOW = "too slow"


def of(study: optuna.Study) -> list[FrozenTrial]:
    """All trials as they are now, those that rest as pruned where they do; nobody changes them.

    To whoever counts, compares or draws, what rests is what it will be if the search ends there: a
    result, whose value is that of its last epoch.
    """
    return [seen(trial) for trial in study.get_trials(deepcopy=False)]


def seen(trial: FrozenTrial) -> FrozenTrial:
    """A stored trial; of one that rests a copy, as pruned."""
    at = trial.user_attrs.get(RESTS_AT)
    if trial.state != TrialState.RUNNING or at is None or at != trial.user_attrs[TRAINS_TO]:
        return trial
    return as_pruned(trial, at)


def as_pruned(trial: FrozenTrial, epoch: int) -> FrozenTrial:
    """A copy of the trial, as if it had been pruned after the epoch."""
    shown = copy(trial)
    shown.state = TrialState.PRUNED
    shown.value = trial.intermediate_values[epoch]
    return shown


def is_resting(trial: FrozenTrial) -> bool:
    """Whether a trial that is :func:`seen` rests: it may be trained on under its own number."""
    return trial.state == TrialState.PRUNED and trial.datetime_complete is None


def followed(trials: Iterable[FrozenTrial]) -> set[int]:
    """Numbers of pruned trials whose training another trial goes on with, or has."""
    live = (t for t in trials if not is_unfinished_failure(t))
    return {t.user_attrs[PROMOTED] for t in live if PROMOTED in t.user_attrs}


def missing_paper_trials(trials: Sequence[FrozenTrial], names: Sequence[str]) -> list[str]:
    """The paper's configurations, in order, that have neither finished nor are about to."""
    settled = {t.user_attrs.get(PAPER) for t in trials if not is_unfinished_failure(t)}
    return [name for name in names if name not in settled]


def unfinished_paper_trials(trials: Sequence[FrozenTrial], names: Sequence[str]) -> list[str]:
    """The paper's configurations, in order, that have no result yet."""
    done = {t.user_attrs.get(PAPER) for t in trials if is_result(t)}
    return [name for name in names if name not in done]


def is_paper(trial: FrozenTrial | Trial) -> bool:
    """Whether the trial is one of the paper's fixed ones."""
    return PAPER in trial.user_attrs


def is_never_pruned(trial: FrozenTrial | Trial) -> bool:
    """Whether no pruner stops it: the paper's, or one that goes on with a pruned trial."""
    return is_paper(trial) or PROMOTED in trial.user_attrs


def has_diverged(trial: FrozenTrial) -> bool:
    """Whether the trial failed by its own doing: trained again it would fail again."""
    reason = str(trial.user_attrs.get(REASON, ""))
    return trial.state == TrialState.FAIL and reason.startswith(DIVERGED)


def is_unfinished_failure(trial: FrozenTrial) -> bool:
    """Whether the trial was stopped from outside, by Ctrl-C, a kill or a bug."""
    return trial.state == TrialState.FAIL and not has_diverged(trial)


def is_feasible(trial: FrozenTrial) -> bool:
    """Whether the model keeps to the study's limits on its costs."""
    return all(value <= 0 for value in trial.constraints.values())


def is_too_costly(trial: FrozenTrial) -> bool:
    """Whether the trial was not trained because its model costs too much for the study."""
    return str(trial.user_attrs.get(REASON, "")).startswith(INFEASIBLE)


def is_result(trial: FrozenTrial) -> bool:
    """Whether the trial ended by itself: completed, pruned or diverged."""
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or has_diverged(trial)


def searched_results(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The searched trials with a result, by number."""
    ended = [t for t in trials if is_result(t) and not is_never_pruned(t)]
    return sorted(ended, key=lambda t: t.number)


def stored_result(trials: Iterable[FrozenTrial], fingerprint: str) -> FrozenTrial | None:
    """A finished trial of the same configuration, preferably one that was trained to the end."""
    same = [
        trial
        for trial in trials
        if is_result(trial)
        and trial.user_attrs.get(FINGERPRINT) == fingerprint
        and SAME_AS not in trial.user_attrs
    ]
    return min(same, key=lambda t: (t.state != TrialState.COMPLETE, t.number), default=None)


def completed(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that were trained to the end."""
    return [trial for trial in trials if trial.state == TrialState.COMPLETE]


def ranked(
    trials: Iterable[FrozenTrial], direction: Direction, state: TrialState = TrialState.COMPLETE
) -> list[FrozenTrial]:
    """Feasible trials in ``state``, best first by the study's metric; of equals the earlier.

    A pruned trial's value is that of its last epoch; it ranks among the pruned only.
    """
    valued = [t for t in trials if t.state == state and t.values and is_feasible(t)]
    return sorted(valued, key=lambda t: (cost(value_of(t), direction), t.number))


def cost(value: float, direction: Direction) -> float:
    """The value turned so that less is better, whichever way the study goes."""
    return value if direction == "minimize" else -value


def best(trials: Iterable[FrozenTrial], direction: Direction) -> FrozenTrial | None:
    """The best trial that was trained to the end."""
    return next(iter(ranked(trials, direction)), None)


def pruned_to_promote(
    trials: Sequence[FrozenTrial], direction: Direction, top_k: int
) -> list[FrozenTrial]:
    """Those of the best ``top_k`` pruned trials that nothing has trained to the end yet."""
    begun = followed(trials)
    done = {t.user_attrs.get(FINGERPRINT) for t in completed(trials)}
    own = [t for t in trials if SAME_AS not in t.user_attrs]
    return [
        trial
        for trial in ranked(own, direction, TrialState.PRUNED)[:top_k]
        if trial.number not in begun and trial.user_attrs.get(FINGERPRINT) not in done
    ]


def source_of_state(
    trials: Iterable[FrozenTrial], fingerprint: str, seed: int, n_epochs: int
) -> list[FrozenTrial]:
    """Trials that trained the same network by the same seed for less, the longest first."""
    same = [
        trial
        for trial in trials
        if trial.user_attrs.get(FINGERPRINT) == fingerprint
        and trial.user_attrs.get(SEED) == seed
        and 0 < n_epochs_stored(trial) < n_epochs
    ]
    return sorted(same, key=lambda t: (-n_epochs_stored(t), t.number))


def n_epochs_stored(trial: FrozenTrial) -> int:
    """Epochs whose metrics the trial holds; of one that died, up to its last checkpoint."""
    return len(attributes.of(trial).get(EPOCHS, {}).get("epoch", ()))


def has_constant_rate(trial: FrozenTrial | Trial) -> bool:
    """Whether its step sizes are the same whatever the number of epochs."""
    return schedule(trial) == "constant"


def schedule(trial: FrozenTrial | Trial) -> str:
    """The kind of its step sizes' schedule."""
    return str(attributes.of(trial).get(CONFIG, {}).get("schedule", "constant"))


def n_epochs_inherited(trial: FrozenTrial | Trial) -> int:
    """Epochs of those that another trial was trained for, whose training this one took over."""
    return int(attributes.of(trial).get(GOES_ON_FROM, {}).get("epochs", 0))


def n_epochs_trained(trial: FrozenTrial) -> int:
    """Epochs that the trial was trained for itself, those after its last checkpoint too."""
    reported = trial.last_step or 0
    return max(0, max(reported, n_epochs_stored(trial)) - n_epochs_inherited(trial))


def own_epochs(trial: FrozenTrial | Trial, column: str, last: int | None = None) -> list[float]:
    """A figure of each epoch, up to the ``last``, that the trial was trained for itself."""
    values: list[float] = attributes.of(trial).get(EPOCHS, {}).get(column, [])
    return values[n_epochs_inherited(trial) : last]


def seconds_until_rest(trial: FrozenTrial | Trial) -> float:
    """Seconds of the trial's own training up to where it rested last; 0 if it never did."""
    return sum(own_epochs(trial, "seconds", trial.user_attrs.get(RESTS_AT, 0)))


def by_epoch(trial: FrozenTrial, metric: str) -> dict[int, float]:
    """The metric after each epoch; of a study of several objectives too, which reports none."""
    epochs = attributes.of(trial).get(EPOCHS, {})
    stored = dict(zip(epochs.get("epoch", ()), epochs.get(metric, ()), strict=False))
    return trial.intermediate_values or stored


def value_of(trial: FrozenTrial) -> float:
    """A finished trial's metric, as a float for certain; costs come after it in ``values``."""
    if not trial.values:
        raise ValueError(f"trial {trial.number} has no value")
    return float(trial.values[0])


def label(trial: FrozenTrial | Trial) -> str:
    """How a person knows the trial: ``#12``, or ``#3 paper:baseline``."""
    name = trial.user_attrs.get(PAPER)
    return f"#{trial.number} paper:{name}" if name else f"#{trial.number}"
