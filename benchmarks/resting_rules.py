"""Rules that let a trial rest, and come back to it."""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from benchmarks.simulation import Rule, Trial
from benchmarks.views import Ladder


def resting(trials: Sequence[Trial]) -> list[Trial]:
    """Those that could be trained on."""
    return [t for t in trials if not (t.is_over or t.is_running)]


class Promotion(Rule):
    """ASHA by promotion: all rest at each rung; the best of each ``factor`` there are trained on.

    Args:
        factor: one of so many is promoted from a rung; or such a number for each rung.
        rungs: epochs; by default those of the last divided by the factor again and again.
        by_kind: compare only trials whose schedules are alike.
        paper: how far the paper's take part: ``"all"`` rungs, ``"none"``, or as far as they would
            have been promoted among themselves (``"race"``).
        n_last: at least so many reach the end, if the others leave any resting.
        rehearses: trials with a schedule are judged by short trainings whose schedule fits, and
            begin anew when they are promoted.
        spare: promotions from a rung beyond one in ``factor``; with no limit, all that are among
            the best when they come, which are many if trials get better and better.
    """

    def __init__(
        self,
        factor: float | Sequence[float] = 3,
        rungs: Sequence[int] = (),
        by_kind: bool = False,
        paper: str = "all",
        n_last: int = 0,
        rehearses: bool = False,
        spare: float = math.inf,
    ) -> None:
        self.factor, self._rungs, self.by_kind = factor, tuple(rungs), by_kind
        self.paper, self.n_last, self.rehearses = paper, n_last, rehearses
        self.spare = spare

    @property
    def rungs(self) -> list[int]:
        """Epochs at which trials rest, from the first to a full training's."""
        if self._rungs:
            return [*self._rungs, self.n_epochs]
        assert not isinstance(self.factor, Sequence)
        n, found = float(self.n_epochs), set[int]()
        while n >= 0.9:
            found.add(round(n))
            n /= self.factor
        return sorted(found)

    def begin(self, trial: Trial) -> None:
        """To the first rung."""
        self._raise(trial, self.rungs[0])

    def goes_on(self, trial: Trial, trials: Sequence[Trial]) -> bool:  # noqa: ARG002
        """To the rung that it was promoted to."""
        return trial.n_epochs < trial.level

    def next(self, trials: Sequence[Trial]) -> Trial | None:
        """The best that one of the higher rungs lets up."""
        rungs = self.rungs
        groups: dict[str, list[Trial]] = defaultdict(list)
        self._race(trials)
        for trial in trials:
            if not trial.same_as and not (trial.is_paper and self.paper == "none"):
                groups[trial.candidate.kind if self.by_kind else ""].append(trial)
        for i in reversed(range(self._n_open(trials))):
            for group in groups.values():
                there = [t for t in group if self._reached(t, rungs[i])]
                there.sort(key=lambda t: (self._value(t, rungs[i]), t.number))
                n_best = int(len(there) / self._factor(i))
                if sum(t.level > rungs[i] for t in there) >= n_best + self.spare:
                    continue
                for trial in there[:n_best]:
                    if trial.level == rungs[i] and not (trial.is_over or trial.is_running):
                        self._raise(trial, rungs[i + 1])
                        return trial
        return None

    def last(self, trials: Sequence[Trial]) -> Trial | None:
        """As before; then the best of those that rest highest, until enough reach the end."""
        if (found := self.next(trials)) is not None:
            return found
        n_full = sum(t.level == self.n_epochs and not t.is_paper for t in trials)
        rest = resting(trials)
        if n_full >= self.n_last or not rest:
            return None
        best = min(rest, key=lambda t: (-t.level, *self._place(t, trials)))
        self._raise(best, self.n_epochs)
        return best

    def _place(self, trial: Trial, trials: Sequence[Trial]) -> tuple[float, float]:
        """Its place among those of its kind at its rung, if kinds are not compared; its value."""
        own = self._value(trial, trial.level)
        if not self.by_kind:
            return 0.0, own
        there = [
            self._value(t, trial.level)
            for t in trials
            if t.candidate.kind == trial.candidate.kind and self._reached(t, trial.level)
        ]
        return (sum(value < own for value in there) + 1) / len(there), own

    def _n_open(self, trials: Sequence[Trial]) -> int:  # noqa: ARG002
        """From how many rungs trials are promoted: all but the last."""
        return len(self.rungs) - 1

    def _factor(self, i: int) -> float:
        return self.factor[i] if isinstance(self.factor, Sequence) else self.factor

    def _raise(self, trial: Trial, rung: int) -> None:
        trial.level = rung
        if self._has_schedule(trial) and rung < self.n_epochs:
            trial.rehearses = rung

    def _has_schedule(self, trial: Trial) -> bool:
        return self.rehearses and trial.candidate.kind != "constant" and not trial.is_paper

    def _reached(self, trial: Trial, rung: int) -> bool:
        if trial.is_paper and self.paper == "race":
            return trial.level >= rung
        return rung in trial.rehearsed if self._has_schedule(trial) else trial.n_epochs >= rung

    def _value(self, trial: Trial, rung: int) -> float:
        return trial.rehearsed[rung] if self._has_schedule(trial) else trial.cost_at(rung)

    def _race(self, trials: Sequence[Trial]) -> None:
        """Note at the paper's trials how far they take part."""
        there = [t for t in trials if t.is_paper]
        if self.paper != "race" or not there or there[0].level:
            return
        for i, rung in enumerate(self.rungs):
            for trial in there:
                trial.level = rung
            there.sort(key=lambda t: t.cost_at(rung))
            if i < len(self.rungs) - 1:
                there = there[: int(len(there) / self._factor(i))]


class Pasha(Promotion):
    """PASHA: by promotion, but no further than the order of the best is still changing.

    The highest rung in use becomes the next one when the two highest disagree about the order of
    those that reached both; in the end the best ``n_last`` are trained to the end.
    """

    def __init__(self, factor: float = 3, n_last: int = 3) -> None:
        super().__init__(factor, paper="none", n_last=n_last)
        self._top = 1

    def _n_open(self, trials: Sequence[Trial]) -> int:
        """Up to the highest rung in use."""
        rungs = self.rungs
        while self._top < len(rungs) - 1 and self._disagree(rungs, trials):
            self._top += 1
        return self._top

    def _disagree(self, rungs: Sequence[int], trials: Sequence[Trial]) -> bool:
        upper, lower = rungs[self._top], rungs[self._top - 1]
        both = [t for t in trials if t.n_epochs >= upper and not (t.same_as or t.is_paper)]
        both.sort(key=lambda t: t.cost_at(upper))
        return any(a.cost_at(lower) > b.cost_at(lower) for a, b in pairwise(both))


class FreezeThaw(Rule):
    """Trains on whoever deserves most more epochs, by the rank of where curves will end.

    The trial of rank ``j`` among ``m`` deserves ``n · (k / j')^power`` epochs, where ``n`` is a
    full training and ``j' = j · (wanted / m)^breadth``: with breadth 1 a rank is a share of all to
    be begun, so that the first are not spared for want of others.
    """

    def __init__(
        self,
        k: float = 1.0,
        power: float = 1.5,
        breadth: float = 1.0,
        by_kind: bool = False,
        prior: float = 2.0,
        counts_paper: bool = False,
        n_last: int = 1,
        step: float = 1.0,
    ) -> None:
        self.k, self.power, self.breadth = k, power, breadth
        self.by_kind, self.prior, self.counts_paper = by_kind, prior, counts_paper
        self.n_last, self.step = n_last, step

    def goes_on(self, trial: Trial, trials: Sequence[Trial]) -> bool:  # noqa: ARG002
        """Until the next look."""
        return trial.n_epochs < trial.level

    def next(self, trials: Sequence[Trial]) -> Trial | None:
        """The best-ranked that has had less than it deserves."""
        seen = [t for t in trials if not t.same_as and t.n_epochs]
        if not seen:
            return None
        ladder = Ladder(seen, self.n_epochs, self.by_kind, self.prior)
        ranked = [t for t in seen if self.counts_paper or not t.is_paper]
        ranked.sort(key=lambda t: (ladder(t), t.number))
        n = sum(not t.is_paper for t in trials)
        stretch = (self.n_wanted / n) ** self.breadth if n else 1.0
        for j, trial in enumerate(ranked, 1):
            if trial.is_over or trial.is_running:
                continue
            deserved = self.n_epochs * min(1.0, (self.k / (j * stretch)) ** self.power)
            if trial.n_epochs + 1 <= deserved + 1e-9:
                level = max(trial.n_epochs + 1, math.floor(trial.n_epochs * self.step))
                trial.level = min(level, math.floor(deserved + 1e-9))
                return trial
        return None


class Foresight(Rule):
    """No rule, but a bound for rules: after one epoch it knows where each curve will end.

    It trains on what will be the best so far, and nothing else.
    """

    def goes_on(self, trial: Trial, trials: Sequence[Trial]) -> bool:
        """To the end, or no further."""
        others = (t.final_cost for t in trials if t is not trial and t.n_epochs)
        return trial.n_epochs > 1 or trial.final_cost < min(others, default=math.inf)
