"""Rules that stop a trial for good, as Optuna's pruners do."""

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.simulation import Rule, Trial
from studies.engine.samplers import derived_seed


class Full(Rule):
    """Every trial to the end."""

    def goes_on(self, trial: Trial, trials: Sequence[Trial]) -> bool:  # noqa: ARG002
        """Always."""
        return True


class Halving(Rule):
    """Optuna's successive halving, the default of today: stops at rungs, for good.

    The first at a rung goes on, as do all that are no worse than the best of each ``factor``.
    """

    def __init__(self, factor: int = 2, least: int = 1) -> None:
        self.factor, self.least = factor, least

    def goes_on(self, trial: Trial, trials: Sequence[Trial]) -> bool:
        """Whether it is among the best so far at a rung; always between rungs."""
        own = [t for t in trials if not t.same_as]
        for i, paper in enumerate(t for t in own if t.is_paper):
            if not paper.level:  # they take part until they lose
                paper.level = self._until_lost(paper, own[:i])
        return self._passes(trial, trial.n_epochs, own)

    def _until_lost(self, trial: Trial, before: Sequence[Trial]) -> int:
        for n in range(1, self.n_epochs):
            if not self._passes(trial, n, before):
                return n
        return self.n_epochs

    def _passes(self, trial: Trial, n_epochs: int, trials: Sequence[Trial]) -> bool:
        rung = self.least
        while rung < n_epochs:
            rung *= self.factor
        if n_epochs != rung:
            return True
        there = [t.cost_at(rung) for t in trials if (t.level if t.is_paper else t.n_epochs) >= rung]
        if trial.is_paper:
            there.append(trial.cost_at(rung))
        there.sort()
        return trial.cost_at(rung) <= there[max(0, len(there) // self.factor - 1)]


class Hyperband(Rule):
    """Optuna's Hyperband from epoch 1: each trial in one of several halvings by a hash."""

    def __init__(self, factor: int = 3, seed: int = 0) -> None:
        self.factor, self.seed = factor, seed

    def goes_on(self, trial: Trial, trials: Sequence[Trial]) -> bool:
        """As the halving of its bracket says."""
        bracket = self._bracket(trial)
        own = [t for t in trials if not t.is_paper and self._bracket(t) == bracket]
        rule = Halving(self.factor, self.factor**bracket)
        rule.n_epochs = self.n_epochs
        return rule.goes_on(trial, own)

    def _bracket(self, trial: Trial) -> int:
        n = int(math.log(self.n_epochs, self.factor) + 1e-9) + 1
        shares = [math.ceil(n * self.factor**s / (s + 1)) for s in reversed(range(n))]
        place = derived_seed("bracket", self.seed, trial.number) % sum(shares)
        return next(i for i in range(n) if place < sum(shares[: i + 1]))


class Median(Rule):
    """Optuna's median pruner as today."""

    def goes_on(self, trial: Trial, trials: Sequence[Trial]) -> bool:
        """Whether its best so far is no worse than the median of the complete ones there."""
        full = [t for t in trials if t.n_epochs == self.n_epochs and not t.same_as]
        if len(full) < 5 or trial.n_epochs < max(1, self.n_epochs // 10):
            return True
        best = min(trial.cost_at(n) for n in range(1, trial.n_epochs + 1))
        return best <= float(np.median([t.cost_at(trial.n_epochs) for t in full]))
