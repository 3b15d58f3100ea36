"""The search itself: ask, train, report, prune, tell, until the study has what was wanted.

A process coordinates and writes to the storage; a pool trains. What to do next is always worked out
from the stored trials, so a run that was killed at any moment goes on from there, and several
processes share a study by agreeing on nothing else (:mod:`studies.engine.sharing`).
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from spaces.budget import Budget
from spaces.errors import StudyError
from spaces.space import Configuration, SearchSpace
from studies.data.images import Images
from studies.engine import repair, reuse
from studies.engine.endings import Endings, reason_of
from studies.engine.on_the_way import OnTheWay
from studies.engine.progress import (
    Event,
    Notice,
    n_begun,
    n_wanted,
    paper_names,
    patience_is_over,
    target_is_reached,
)
from studies.engine.promotion import Promotion, Step
from studies.engine.running_trial import Running
from studies.engine.samplers import make_pruner, make_sampler
from studies.engine.sharing import LOOK_S, Sharing
from studies.engine.still_to_train import pruner_of
from studies.records import attempts, runs, trials
from studies.records.open_study import OpenStudy
from studies.records.request import PrunerName, SamplerName, SearchRequest
from studies.storage.server import LockLostError
from studies.workers.pool import Pool
from studies.workers.stopping import Interrupted, StopSignal
from studies.workers.trainings import Trainings

NOTHING_LEFT = "nothing left to do"
TIMEOUT = "timeout reached"


@dataclass
class Search:
    """One run over one study."""

    opened: OpenStudy
    request: SearchRequest
    validation: Images
    pool: Pool
    on_event: Callable[[Event], None]
    stop: StopSignal
    sharing: Sharing = field(default_factory=Sharing)
    make_sampler: Callable[[SamplerName, SearchSpace[Configuration], int, int], BaseSampler] = (
        make_sampler
    )
    """Benchmarks put others in place of these two."""
    make_pruner: Callable[[PrunerName, Budget], BasePruner] = make_pruner

    def __post_init__(self) -> None:
        """Work out how many trials are wanted and prepare Optuna's side."""
        opened = self.opened
        self._deadline = time.monotonic() + (self.request.timeout_s or float("inf"))
        self._trainings: Trainings[Running] = Trainings(
            self.pool,
            self.stop,
            partial(reuse.checkpoint, opened.store),
            self.request.checkpoint_every,
        )
        self._others: list[int] = []
        self._awaited: list[int] = []
        self._record = runs.Record(opened.study, self.request)
        names = paper_names(self.request, opened.settings)
        self.endings = Endings(
            opened,
            self.validation,
            self.sharing,
            self.on_event,
            self.request.keep_weights,
            n_wanted(self.request, opened.settings, opened.trials()),
            len(names),
        )
        budget, several = opened.settings.budget, bool(opened.settings.objectives)
        rests = pruner_of(self.request, opened.settings) == "promotion"
        self._rule = Promotion(budget.epochs, opened.settings.direction) if rests else None
        self._on_the_way = OnTheWay(
            opened,
            self._trainings,
            self.endings,
            self.on_event,
            self.stop,
            names,
            self._rule,
            self.request.trial_timeout_s,
        )
        if not several:
            opened.study.pruner = self.make_pruner(self.request.pruner, budget)

    def run(self) -> str:
        """Run trials until there is nothing left to do.

        Returns:
            Why the search ended, in words.

        Raises:
            Interrupted: a signal came; the trials it hit are marked failed and will be made up for.
        """
        try:
            while True:
                reason = self._fill()
                if self._trainings.running:
                    self._trainings.wait(self._on_the_way.take)
                elif self._others:
                    self._wait_for_others()
                else:
                    assert reason is not None
                    runs.record_end(self.opened.study, reason)
                    self._record.end(reason)
                    return reason
        except BaseException as error:
            with suppress(StudyError):  # of a database that is gone, as the error itself
                self._on_the_way.abandon(error)
                self._record.end(reason_of(error))
            raise
        finally:
            self.pool.close()
            self.sharing.close()

    def _fill(self) -> str | None:
        """Train trials as long as the pool has room; why no more are, if they are not."""
        while self._trainings.has_room:
            trial: Trial | str = NOTHING_LEFT
            try:
                with self.sharing.exclusively():
                    all_trials = self._make_up()
                    trial = self._next(all_trials)
                    if isinstance(trial, str):
                        self._leave_off(trial, all_trials)
                        return trial
                    self._record.begin(all_trials, trial.number, self._trainings.capacity)
            except LockLostError:
                self._give_back(trial)
                continue
            self._on_the_way.begin(trial)
        return None

    def _make_up(self) -> list[FrozenTrial]:
        """See to what was lost; all trials as they are then."""
        made_up = repair.make_up(self.opened, self.sharing, self._on_the_way.paper_names)
        for notice in made_up.notices:
            self.on_event(notice)
        return made_up.trials

    def _give_back(self, trial: Trial | str) -> None:
        """Undo an ask at which another process may have asked, too: the count would not hold."""
        if isinstance(trial, Trial):
            reason = f"{attempts.INTERRUPTED}: the study's lock was lost"
            self.endings.fail(trial, reason, time.monotonic())

    def _wait_for_others(self) -> None:
        """Stay until others have ended their trials, as those of a machine that dies are ours."""
        if self._others != self._awaited:
            named = ", ".join(f"#{number}" for number in self._others)
            self.on_event(Notice(f"{NOTHING_LEFT} here; waiting for trial {named} of others"))
        self._awaited = self._others
        with self.stop.interruptible():
            time.sleep(LOOK_S)

    def _leave_off(self, reason: str, all_trials: list[FrozenTrial]) -> None:
        """Note whom to wait for; if the search is over, nothing rests any more.

        After a timeout the same command goes on with what rests, and others may any time.
        """
        others = [trial.number for trial in self.sharing.elsewhere(all_trials)]
        self._others = others if reason == NOTHING_LEFT else []
        if not (others or self._trainings.running or reason == TIMEOUT):
            self.endings.settle()

    def _next(self, all_trials: list[FrozenTrial]) -> Trial | str:
        """The trial to train now: who waits, who is promoted, a new one; or why there is none.

        Patience begins none, but has those that rest trained on that may still be better.
        """
        if self.stop.received is not None:
            raise Interrupted
        if time.monotonic() >= self._deadline:
            return TIMEOUT
        rule, n_before, settings = self._rule, n_begun(all_trials), self.opened.settings
        if any(trial.state == TrialState.WAITING for trial in all_trials):
            return self._ask(n_before)
        step = rule.next(all_trials) if rule else None
        enough = patience_is_over(all_trials, self.request, settings)
        if n_before >= self.endings.n_wanted:
            enough = NOTHING_LEFT
        if enough and rule and step is None:
            step = rule.last(all_trials)
        if enough and step is None:
            return enough
        if reached := target_is_reached(all_trials, self.request, settings):
            return reached
        return self._promote(step, n_before) if step else self._ask(n_before)

    def _promote(self, step: Step, n_before: int) -> Trial:
        """Take on a trial that rests; one that was pruned is gone on with by a new one."""
        study, former = self.opened.study, step.trial
        if not trials.is_resting(former):
            config = self.opened.config_of(former)
            self.opened.enqueue(
                config, {trials.PROMOTED: former.number, trials.TRAINS_TO: step.n_epochs}
            )
            return self._ask(n_before)
        trial = Trial(study, former._trial_id)
        self.sharing.hold(trial)
        trial.set_user_attr(trials.TRAINS_TO, step.n_epochs)
        return trial

    def _ask(self, n_before: int) -> Trial:
        study, settings = self.opened.study, self.opened.settings
        study.sampler = self.make_sampler(
            self.request.sampler, self.opened.space, settings.seed, n_before
        )
        trial = study.ask()
        self.sharing.hold(trial)
        return trial
