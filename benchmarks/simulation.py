"""Searches on recorded curves, without engine or database: who is drawn, who trains on, who rests.

A search takes a tenth of a second here, so that rules can be compared over many seeds. Optuna's own
TPE draws, from what it would read in the study. Workers train side by side in simulated time.
"""

import heapq
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spaces.space import Configuration, SearchSpace

Floats = NDArray[np.float64]


class Candidate(NamedTuple):
    """A configuration, and all that its training would tell."""

    config: Configuration
    params: dict[str, Any]
    costs: Floats
    """(epochs,) What is minimised, after each epoch; infinite from where it diverged."""
    judged: Floats
    """(epochs,) What rules compare by: the costs, or the lowest so far."""
    seconds: Floats
    """(epochs,) That each takes."""
    kind: str
    """Only trials whose schedules are alike are alike in their curves' shapes."""
    short: dict[int, tuple[float, float]]
    """Cost and seconds of trainings whose schedule fits so many epochs."""


@dataclass(frozen=True)
class Pool:
    """The configurations that a search can draw."""

    space: SearchSpace[Any]
    candidates: tuple[Candidate, ...]
    is_whole: bool
    """Whether it is all of the space; of a part, none is drawn twice."""
    paper: tuple[int, ...] = ()
    """Which are trained first, to the end."""
    counts_points: bool = False
    """Whether costs are shares of images taken wrongly, of which differences count, not ratios."""

    @property
    def n_epochs(self) -> int:
        """Of a full training."""
        return len(self.candidates[0].costs)


@dataclass(eq=False)
class Trial:
    """A trial of a search."""

    number: int
    index: int
    """Of its candidate."""
    candidate: Candidate
    is_paper: bool = False
    same_as: "Trial | None" = None
    n_epochs: int = 0
    """That it has been trained for."""
    is_running: bool = True
    is_over: bool = False
    """Trained to the end, diverged, or cut for good."""
    level: int = 0
    """Rules may note here how far it has been allowed."""
    rehearses: int = 0
    """Epochs of the short training that it is to be given next, by the rule; 0 for none."""
    rehearsed: dict[int, float] = field(default_factory=dict)
    """Costs after short trainings whose schedule fits so many epochs."""

    @property
    def cost(self) -> float:
        """After its last epoch, as rules compare it."""
        return self.cost_at(self.n_epochs)

    @property
    def final_cost(self) -> float:
        """After a full training."""
        return float(self.candidate.costs[-1])

    def cost_at(self, n_epochs: int) -> float:
        """After so many epochs, as rules compare it."""
        return float(self.candidate.judged[n_epochs - 1])

    @property
    def is_complete(self) -> bool:
        """Whether it was trained to the end."""
        return self.n_epochs == len(self.candidate.costs) and math.isfinite(self.cost)


class Rule(ABC):
    """Decides after each epoch who trains on."""

    n_epochs: int
    """Of a full training."""
    n_wanted: int
    """Trials to begin in all."""

    @abstractmethod
    def goes_on(self, trial: Trial, trials: Sequence[Trial]) -> bool:
        """Whether a trial that has finished an epoch, not its last, trains on at once."""

    def begin(self, trial: Trial) -> None:  # noqa: B027
        """Prepare a trial that has just been drawn."""

    def next(self, trials: Sequence[Trial]) -> Trial | None:  # noqa: ARG002
        """A resting trial to be trained on before another is begun."""
        return None

    def last(self, trials: Sequence[Trial]) -> Trial | None:
        """A resting trial to be trained on once all have begun."""
        return self.next(trials)


Drawer = Callable[[Sequence[Trial]], int]
"""Gives the candidate of the next trial, from all trials so far."""


@dataclass
class Outcome:
    """What a search came to."""

    trials: list[Trial] = field(default_factory=list)
    """The searched ones."""
    n_epochs: int = 0
    seconds: float = 0.0
    ends: list[tuple[float, float]] = field(default_factory=list)
    """Of each trial trained to the end: seconds spent by then by all, and its cost."""

    @property
    def best(self) -> float:
        """The lowest cost among the trials trained to the end."""
        return min((cost for _, cost in self.ends), default=math.inf)

    def seconds_until(self, target: float) -> tuple[float, bool]:
        """Processor time until a trial reached the target, or in all, and whether one did."""
        for seconds, cost in self.ends:
            if cost <= target:
                return seconds, True
        return self.seconds, False


def simulate(
    pool: Pool,
    rule: Rule,
    draw: Drawer,
    n_wanted: int,
    n_workers: int = 1,
) -> Outcome:
    """One search of ``n_wanted`` trials by so many workers."""
    rule.n_epochs, rule.n_wanted = pool.n_epochs, n_wanted
    trials, outcome = _paper_trials(pool), Outcome()
    clock, events, n_free = 0.0, list[tuple[float, int, Trial]](), n_workers
    while True:
        while n_free:
            begun = len(outcome.trials)
            trial = rule.next(trials) if begun < n_wanted else rule.last(trials)
            if trial is None and begun < n_wanted:
                trial = _begin(pool, trials, draw)
                outcome.trials.append(trial)
                if trial.same_as is not None:
                    if trial.same_as.is_complete and not trial.same_as.is_paper:
                        outcome.ends.append((outcome.seconds, trial.final_cost))
                    continue
                rule.begin(trial)
            if trial is None:
                break
            trial.is_running = True
            n_free -= 1
            heapq.heappush(events, (clock + _next_seconds(trial), trial.number, trial))
        if not events:
            return outcome
        clock, _, trial = heapq.heappop(events)
        outcome.seconds += _next_seconds(trial)
        outcome.n_epochs += trial.rehearses or 1
        if trial.rehearses:
            trial.rehearsed[trial.rehearses] = trial.candidate.short[trial.rehearses][0]
            trial.rehearses = 0
            trial.is_running = False
            n_free += 1
            continue
        trial.n_epochs += 1
        trial.is_over = trial.n_epochs == pool.n_epochs or not math.isfinite(trial.cost)
        if trial.is_complete:
            outcome.ends.append((outcome.seconds, trial.final_cost))
        if not trial.is_over and rule.goes_on(trial, trials):
            heapq.heappush(events, (clock + _next_seconds(trial), trial.number, trial))
        else:
            trial.is_running = False
            n_free += 1


def _next_seconds(trial: Trial) -> float:
    if trial.rehearses:
        return trial.candidate.short[trial.rehearses][1]
    return float(trial.candidate.seconds[trial.n_epochs])


def _paper_trials(pool: Pool) -> list[Trial]:
    return [
        Trial(
            number,
            index,
            pool.candidates[index],
            is_paper=True,
            n_epochs=pool.n_epochs,
            is_running=False,
            is_over=True,
        )
        for number, index in enumerate(pool.paper)
    ]


def _begin(pool: Pool, trials: list[Trial], draw: Drawer) -> Trial:
    index = draw(trials)
    same = next((t for t in trials if t.index == index and t.same_as is None), None)
    trial = Trial(len(trials), index, pool.candidates[index], same_as=same)
    if same is not None:
        trial.is_running, trial.is_over = False, True
    trials.append(trial)
    return trial
