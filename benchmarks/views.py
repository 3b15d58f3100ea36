"""What TPE is shown of trials that are under way, and where curves are expected to end."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from benchmarks.simulation import Trial

View = Callable[[Sequence[Trial], int], list[FrozenTrial]]
"""What TPE is shown: of trials, and epochs of a full training. Each trial stands at its number; one
that TPE shall not see has failed."""


class Ladder:
    """Where curves will end, from how others went on: an actuary's chain ladder.

    From one epoch to the next the costs of trials of a kind change by a factor that is much the
    same for all, and most of it is seen on trials that are far from their end themselves. A trial's
    last cost times the factors of all epochs to come is the cost it is expected to end with.

    Args:
        trials: whose curves, as far as they go, tell the factors.
        n_epochs: of a full training.
        by_kind: factors of their own for each kind of schedule.
        prior: trials that all kinds' common factors count as, beside a kind's own.
    """

    def __init__(
        self, trials: Sequence[Trial], n_epochs: int, by_kind: bool = False, prior: float = 2.0
    ) -> None:
        self._by_kind = by_kind
        own = [t for t in trials if not t.same_as and t.n_epochs]
        groups: dict[str, list[Trial]] = {}
        for trial in own:
            groups.setdefault(self._kind(trial), []).append(trial)
        sums, counts = _changes(own, n_epochs)
        common = sums / np.maximum(counts, 1)
        self._rest: dict[str, list[float]] = {}
        for kind, group in groups.items():
            sums, counts = _changes(group, n_epochs)
            means = (sums + prior * common) / (counts + prior)
            self._rest[kind] = [float(means[n:].sum()) for n in range(n_epochs + 1)]

    def __call__(self, trial: Trial) -> float:
        """The cost it is expected to end with."""
        return trial.cost * math.exp(self._rest[self._kind(trial)][trial.n_epochs])

    def _kind(self, trial: Trial) -> str:
        return trial.candidate.kind if self._by_kind else ""


def _changes(trials: Sequence[Trial], n_epochs: int) -> tuple[np.ndarray, np.ndarray]:
    """(epochs,) Sums of the logarithms of costs' changes into each epoch, and of how many."""
    sums, counts = np.zeros(n_epochs), np.zeros(n_epochs)
    for trial in trials:
        if math.isfinite(trial.cost):
            logs = np.log(np.maximum(trial.candidate.judged[: trial.n_epochs], 1e-9))
            sums[1 : trial.n_epochs] += np.diff(logs)
            counts[1 : trial.n_epochs] += 1
    return sums, counts


def as_pruned(trials: Sequence[Trial], n_epochs: int) -> list[FrozenTrial]:
    """Resting trials as pruned ones, which TPE ranks by how far they got, then by their value."""
    found = []
    for trial in map(_with_result, trials):
        if trial.n_epochs == n_epochs and math.isfinite(trial.cost):
            found.append(shown(trial, TrialState.COMPLETE, trial.final_cost))
        elif trial.rehearsed and (trial.is_running or not trial.n_epochs):
            cost = trial.rehearsed[max(trial.rehearsed)]
            state = TrialState.PRUNED if math.isfinite(cost) else TrialState.FAIL
            found.append(shown(replace(trial, n_epochs=0), state, cost))
        elif trial.is_running or not trial.n_epochs:
            found.append(shown(trial, TrialState.RUNNING))
        elif math.isfinite(trial.cost):
            found.append(shown(trial, TrialState.PRUNED, trial.cost))
        else:
            found.append(shown(trial, TrialState.FAIL))
    return found


@dataclass(frozen=True)
class AsPredicted:
    """All as complete, with the cost that each is expected to end with."""

    by_kind: bool = False
    prior: float = 2.0

    def __call__(self, trials: Sequence[Trial], n_epochs: int) -> list[FrozenTrial]:
        """Those that have not finished an epoch as running; those that diverged as the worst."""
        ladder = Ladder(trials, n_epochs, self.by_kind, self.prior)
        own = [_with_result(t) for t in trials]
        costs = [ladder(t) if t.n_epochs and math.isfinite(t.cost) else math.nan for t in own]
        worst = max((c for c in costs if not math.isnan(c)), default=1.0)
        return [
            shown(t, TrialState.COMPLETE, worst if math.isnan(cost) else cost)
            if t.n_epochs
            else shown(t, TrialState.RUNNING)
            for t, cost in zip(own, costs, strict=True)
        ]


@dataclass(frozen=True)
class AsRung:
    """As BOHB does: values at the highest epoch that enough trials have reached, of these alone."""

    rungs: tuple[int, ...]
    n_least: int

    def __call__(self, trials: Sequence[Trial], n_epochs: int) -> list[FrozenTrial]:
        """Those as complete; others that train as running."""
        own = [_with_result(trial) for trial in trials]
        numbers = [t.n_epochs if t.n_epochs and math.isfinite(t.cost) else 0 for t in own]
        for rung in sorted([*self.rungs, n_epochs], reverse=True):
            if sum(n >= rung for n in numbers) >= self.n_least:
                break
        return [
            shown(t, TrialState.COMPLETE, t.cost_at(rung))
            if n >= rung
            else shown(t, TrialState.RUNNING if t.is_running else TrialState.FAIL)
            for t, n in zip(own, numbers, strict=True)
        ]


def shown(trial: Trial, state: TrialState, value: float | None = None) -> FrozenTrial:
    """A trial as a study would have it."""
    steps = {n: trial.cost_at(n) for n in range(1, trial.n_epochs + 1)}
    steps |= {} if trial.n_epochs else trial.rehearsed
    return FrozenTrial(
        number=trial.number,
        state=state,
        value=value,
        datetime_start=None,
        datetime_complete=None,
        params=trial.candidate.params,
        distributions={},
        user_attrs={},
        system_attrs={},
        intermediate_values=steps,
        trial_id=trial.number,
    )


def _with_result(trial: Trial) -> Trial:
    """The trial, or one with the result of another that has the same configuration."""
    source = trial.same_as
    if source is None:
        return trial
    return replace(trial, n_epochs=source.n_epochs, is_running=source.is_running)


VIEWS: Mapping[str, View] = {
    "pruned": as_pruned,
    "predicted": AsPredicted(),
    "rung": AsRung((1, 2, 3, 4, 8), 8),
}
"""By name."""
