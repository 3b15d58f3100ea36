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

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from spaces.budget import Budget
from spaces.errors import ConfigurationError, StudyError, TrainingDivergedError
from spaces.space import Configuration, SearchSpace, architecture, fingerprint
from studies.data.images import Images
from studies.engine import repair, reuse
from studies.engine.endings import Endings, is_of_the_run, reason_of
from studies.engine.progress import (
    Event,
    Notice,
    TrialStarted,
    early_stop_reason,
    n_begun,
    n_wanted,
    paper_names,
    say_given_up,
)
from studies.engine.running_trial import Running, configure
from studies.engine.samplers import make_pruner, make_sampler
from studies.engine.sharing import LOOK_S, Alone, Sharing
from studies.networks.latency import Latency
from studies.records import attempts, latencies, limits, runs, trials
from studies.records.request import PrunerName, SamplerName, SearchRequest
from studies.records.settings import StudySettings
from studies.storage.artifacts import ArtifactStore
from studies.storage.server import LockLostError
from studies.workers.pool import EpochDone, Job, Pool, Raised, Started, WorkerDied
from studies.workers.stopping import Interrupted, StopSignal
from studies.workers.trainings import Event as TrainingEvent
from studies.workers.trainings import OutOfMemory, Trainings

NOTHING_LEFT = "nothing left to do"


@dataclass
class Search:
    """One run over one study."""

    study: optuna.Study
    settings: StudySettings
    request: SearchRequest
    store: ArtifactStore
    validation: Images
    pool: Pool
    on_event: Callable[[Event], None]
    stop: StopSignal
    sharing: Sharing = field(default_factory=Alone)
    make_sampler: Callable[[SamplerName, SearchSpace[Configuration], int, int], BaseSampler] = (
        make_sampler
    )
    """Benchmarks put others in place of these two."""
    make_pruner: Callable[[PrunerName, Budget], BasePruner] = make_pruner

    def __post_init__(self) -> None:
        """Work out how many trials are wanted and prepare Optuna's side."""
        self._space = self.settings.search_space()
        self._deadline = time.monotonic() + (self.request.timeout_s or float("inf"))
        self._trainings: Trainings[Running] = Trainings(
            self.pool,
            self.stop,
            partial(reuse.checkpoint, self.store),
            self.request.checkpoint_every,
        )
        self._twins: list[Trial] = []
        self._awaited: list[int] = []
        self._dealt_with: int | None = None
        self._record = runs.Record(self.study, self.request)
        self._paper_names = paper_names(self.request, self.settings)
        self.endings = Endings(
            self.study,
            self.settings,
            self.store,
            self.validation,
            self.sharing,
            self.on_event,
            self.request.keep_weights,
            n_wanted(self.request, self.settings, self._trials()),
            len(self._paper_names),
        )
        self._lost: set[int] = set()
        if not self.settings.objectives:
            self.study.pruner = self.make_pruner(self.request.pruner, self.settings.budget)

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
                    self._trainings.wait(self._take)
                elif reason == NOTHING_LEFT and (others := self._elsewhere()):
                    self._wait_for(others)
                else:
                    assert reason is not None
                    runs.record_end(self.study, reason)
                    self._record.end(reason)
                    return reason
        except BaseException as error:
            self._abandon(error)
            raise
        finally:
            self._trainings.close()
            self.sharing.close()

    def _fill(self) -> str | None:
        """Begin trials as long as the pool has room; why no more are begun, if they are not."""
        reason = None
        while self._trainings.has_room:
            try:
                with self.sharing.exclusively():
                    all_trials = self._make_up()
                    reason = self._reason_to_end(all_trials)
                    trial = self._ask(n_begun(all_trials)) if reason is None else None
                    if trial is not None:
                        self._record.begin(all_trials, trial.number, self._trainings.capacity)
            except LockLostError:
                self._give_back(trial)
                continue
            if trial is None:
                break
            self._begin(trial)
        return reason

    def _make_up(self) -> list[FrozenTrial]:
        """See to what was lost; all trials as they are then."""
        made_up = repair.make_up(self.study, self.settings, self.sharing, self._paper_names)
        for notice in made_up.notices:
            self.on_event(notice)
        return made_up.trials

    def _give_back(self, trial: Trial | None) -> None:
        """Undo an ask at which another process may have asked, too: the count would not hold."""
        if trial is not None:
            reason = f"{attempts.INTERRUPTED}: the study's lock was lost"
            self.endings.fail(trial, reason, time.monotonic())

    def _elsewhere(self) -> list[int]:
        return [trial.number for trial in self.sharing.elsewhere(self._trials())]

    def _wait_for(self, numbers: list[int]) -> None:
        """Stay until others have ended their trials, as those of a machine that dies are ours."""
        if numbers != self._awaited:
            named = ", ".join(f"#{number}" for number in numbers)
            self.on_event(Notice(f"{NOTHING_LEFT} here; waiting for trial {named} of others"))
        self._awaited = numbers
        with self.stop.interruptible():
            time.sleep(LOOK_S)

    def _reason_to_end(self, all_trials: list[FrozenTrial]) -> str | None:
        """Why no trial is begun now; waiting trials are always run, but for the timeout."""
        if self.stop.received is not None:
            raise Interrupted
        if time.monotonic() >= self._deadline:
            return "timeout reached"
        if any(trial.state == TrialState.WAITING for trial in all_trials):
            return None
        if n_begun(all_trials) >= self.endings.n_wanted:
            return NOTHING_LEFT
        return early_stop_reason(all_trials, self.request, self.settings)

    def _ask(self, n_before: int) -> Trial:
        self.study.sampler = self.make_sampler(
            self.request.sampler, self._space, self.settings.seed, n_before
        )
        trial = self.study.ask()
        self.sharing.hold(trial)
        return trial

    def _begin(self, trial: Trial) -> None:
        """Settle the trial at once if its result is known or cannot be, else have it trained."""
        begun = time.monotonic()
        try:
            self._settle_or_train(trial)
        except ConfigurationError as error:
            self.endings.fail(trial, f"{trials.DIVERGED}: cannot be built: {error}", begun)
        except UpdateFinishedTrialError:
            self.endings.fail(trial, trials.LOST, begun)
        except BaseException as error:
            if trial.number not in self._trainings.running:  # else it is abandoned with the others
                self.endings.fail(trial, reason_of(error), begun)
            raise

    def _settle_or_train(self, trial: Trial) -> None:
        config = configure(trial, self._space, self.settings.seed)
        if self.endings.refused(trial, trials.N_PARAMETERS, config.n_parameters()):
            return
        key, all_trials = fingerprint(config), self._trials()
        known = reuse.stored_result(self.study, all_trials, trial, key)
        if known is not None:
            self.endings.reuse(trial, known)
        elif (refusal := attempts.reason_to_refuse(all_trials, trial)) is not None:
            self.endings.fail(trial, refusal, time.monotonic())
        elif any(key == fingerprint(r.config) for r in self._trainings.running.values()):
            self._twins.append(trial)  # its result will be there when the other ends
        else:
            self._train(trial, config, all_trials)

    def _train(self, trial: Trial, config: Configuration, all_trials: list[FrozenTrial]) -> None:
        budget = self.settings.budget
        words = config.in_words()
        self.on_event(TrialStarted(trial.number, trials.label(trial), words, budget.epochs))
        earlier = reuse.earlier_training(self.study, all_trials, self.store, trial, budget)
        for text in earlier.left_aside:
            self.on_event(
                Notice(f"trial {trials.label(trial)} does not go on from a state: {text}")
            )
        seed: int = trial.user_attrs[trials.SEED]
        known = latencies.measured(all_trials, architecture(config))
        self._trainings.start(
            Running(trial.number, earlier.epochs, trial, config),
            Job(trial.number, config, seed, earlier.state, known),
        )

    def _take(self, running: Running, event: TrainingEvent) -> None:
        """Deal with what happened to a trial's training."""
        self._dealt_with = running.number
        try:
            self._deal_with(running, event)
        except UpdateFinishedTrialError:  # it is for others to train now
            self.endings.disown(running)
            self._let_go(running)
        self._dealt_with = None

    def _deal_with(self, running: Running, event: TrainingEvent) -> None:
        """Every way a training can go on or end is mapped to what becomes of its trial here."""
        match event:
            case Started(_, measured):
                self._go_on_from_start(running, measured)
            case EpochDone(_, metrics):
                self.on_event(event)
                if running.report(metrics, self.settings):
                    self._finish(running)
                else:
                    self._trainings.go_on(running)
            case WorkerDied(_, reason):
                self._lose(running, f"{trials.LOST}: {reason}")
            case OutOfMemory():
                self._lose(running, trials.OUT_OF_MEMORY)
            case Raised(_, TrainingDivergedError() as error):
                self._end(running, f"{trials.DIVERGED}: {error}")
            case Raised(_, error):
                raise error

    def _go_on_from_start(self, running: Running, measured: Latency) -> None:
        trial, key = running.trial, architecture(running.config)
        # Another trial that began at the same time may have measured the same.
        found = latencies.measured(self._trials(), key) or measured
        latencies.note(trial, found, key)
        if self.endings.refused(trial, trials.LATENCY_MS, found.ms, found.spread_ms or 0.0):
            self._let_go(running)
            return
        if words := limits.passed_by_its_spread(trial, self.settings, found):
            self.on_event(Notice(words))
        self._trainings.go_on(running)

    def _finish(self, running: Running) -> None:
        outcome = self._trainings.end(running, self.endings.wants_weights(running))
        self.endings.finish(running, outcome)
        self._let_go(running)

    def _lose(self, running: Running, reason: str) -> None:
        """A worker died, and its trial with it; the trial is tried again, a few times at most."""
        self._end(running, attempts.INTERRUPTED if self.stop.received is not None else reason)
        for notice in say_given_up(self.study.study_name, self._trials(), [running.trial.number]):
            self.on_event(notice)
        if self._is_given_up(running.trial):
            self._paper_names.remove(running.trial.user_attrs[trials.PAPER])

    def _is_given_up(self, trial: Trial) -> bool:
        """Whether one of the paper's was lost so often in this run that only the next tries it."""
        self._lost.add(trial.number)
        name = trial.user_attrs.get(trials.PAPER)
        here = [t for t in self._trials() if t.number in self._lost]
        same = [t for t in here if t.user_attrs.get(trials.PAPER) == name]
        return name in self._paper_names and attempts.n_deaths(same) >= attempts.MAX_ATTEMPTS

    def _end(self, running: Running, reason: str) -> None:
        self.endings.fail(running.trial, reason, running.begun)
        self._let_go(running)

    def _let_go(self, running: Running) -> None:
        """Forget the trial, and settle those that waited for its result."""
        self._trainings.let_go(running)
        twins, self._twins = self._twins, []
        for twin in twins:
            self._begin(twin)

    def _abandon(self, error: BaseException) -> None:
        """Mark what still runs as failed, as it will be made up for."""
        reason = reason_of(error)
        innocent = f"{attempts.INTERRUPTED}: the run ended"
        left = [(r.trial, r.begun) for r in self._trainings.running.values()]
        left += [(twin, time.monotonic()) for twin in self._twins]
        with suppress(StudyError):  # of a database that is gone, as the error that brought us here
            for trial, begun in left:
                its_doing = trial.number == self._dealt_with or is_of_the_run(error)
                self.endings.fail(trial, reason if its_doing else innocent, begun)
            self._record.end(reason)

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)
