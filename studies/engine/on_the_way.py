"""Trials on their way from ask to tell: settled at once, or trained and ended."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial

from spaces.errors import ConfigurationError, TrainingDivergedError
from spaces.space import Configuration, architecture, fingerprint
from spaces.wording import counted, duration
from studies.engine import reuse
from studies.engine.endings import Endings, is_of_the_run, reason_of
from studies.engine.progress import Event, Notice, TrialStarted, say_given_up
from studies.engine.promotion import Promotion
from studies.engine.running_trial import Running, configure
from studies.networks.latency import Latency
from studies.records import attempts, costs, trials
from studies.records.open_study import OpenStudy
from studies.workers.pool import EpochDone, Job, Raised, Started, WorkerDied
from studies.workers.stopping import StopSignal
from studies.workers.trainings import OutOfMemory, TrainingEvent, Trainings


@dataclass
class OnTheWay:
    """The trials that one run has begun and not ended."""

    opened: OpenStudy
    trainings: Trainings[Running]
    endings: Endings
    on_event: Callable[[Event], None]
    stop: StopSignal
    paper_names: list[str]
    """Of the paper's configurations that this run is to see to; those that it gives up go."""
    rule: Promotion | None
    """By which trials rest; None: they train until a pruner stops them."""
    trial_timeout_s: float | None
    """That a searched trial may train."""
    _twins: list[Trial] = field(default_factory=list, init=False)
    """Those that wait for the result of another with the same configuration."""
    _lost: set[int] = field(default_factory=set, init=False)
    _dealt_with: int | None = field(default=None, init=False)

    def begin(self, trial: Trial) -> None:
        """Settle the trial at once if its result is known or cannot be, else have it trained."""
        begun = time.monotonic()
        try:
            self._settle_or_train(trial)
        except ConfigurationError as error:
            self.endings.fail(trial, f"{trials.DIVERGED}: cannot be built: {error}", begun)
        except UpdateFinishedTrialError:
            self.endings.fail(trial, trials.LOST, begun)
        except BaseException as error:
            if trial.number not in self.trainings.running:  # else it is abandoned with the others
                self.endings.fail(trial, reason_of(error), begun)
            raise

    def _settle_or_train(self, trial: Trial) -> None:
        all_trials = self.opened.trials()  # the trial among them as it rested
        config = configure(trial, self.opened)
        if self.endings.refused(trial, trials.N_PARAMETERS, config.n_parameters()):
            return
        key = fingerprint(config)
        known = reuse.known_result(self.opened, all_trials, trial, key)
        if known is not None:
            self.endings.reuse(trial, known)
        elif (refusal := attempts.reason_to_refuse(all_trials, trial)) is not None:
            self.endings.fail(trial, refusal, time.monotonic())
        elif any(key == fingerprint(r.config) for r in self.trainings.running.values()):
            self._twins.append(trial)  # its result will be there when the other ends
        else:
            self._train(trial, config, all_trials)

    def _train(self, trial: Trial, config: Configuration, all_trials: list[FrozenTrial]) -> None:
        n_epochs, words = self.opened.settings.budget.epochs, self.opened.space.in_words(config)
        earlier = reuse.earlier_training(self.opened, all_trials, trial)
        n_done = len(earlier.epochs)
        self.on_event(TrialStarted(trial.number, trials.label(trial), words, n_epochs, n_done))
        for text in earlier.left_aside:
            self.on_event(
                Notice(f"trial {trials.label(trial)} does not go on from a state: {text}")
            )
        seed: int = trial.user_attrs[trials.SEED]
        known = costs.measured_latency(all_trials, architecture(config))
        self.trainings.start(
            Running(
                trial.number,
                earlier.epochs,
                trial,
                config,
                self._level(trial, n_done),
                all_trials[trial.number].last_step or 0,
            ),
            Job(trial.number, config, seed, earlier.state, known),
        )

    def _level(self, trial: Trial, n_done: int) -> int:
        """The epoch to which the trial is trained now, noted where that is a rung's doing."""
        asked: int | None = trial.user_attrs.get(trials.TRAINS_TO)
        if self.rule is None or (asked is None and trials.is_never_pruned(trial)):
            return self.opened.settings.budget.epochs
        level = max(asked or self.rule.first(), n_done)
        if level != asked:
            trial.set_user_attr(trials.TRAINS_TO, level)
        return level

    def take(self, running: Running, event: TrainingEvent) -> None:
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
                over = running.report(metrics, self.opened.settings)
                if self._is_too_slow(running) or over:
                    self._finish(running)
                else:
                    self.trainings.go_on(running)
            case WorkerDied(_, reason):
                self._lose(running, f"{trials.LOST}: {reason}")
            case OutOfMemory():
                self._lose(running, trials.OUT_OF_MEMORY)
            case Raised(_, TrainingDivergedError() as error):
                self._end(running, f"{trials.DIVERGED}: {error}")
            case Raised(_, error):
                raise error

    def _is_too_slow(self, running: Running) -> bool:
        """Whether the trial has had all the time it gets, which is noted in it then.

        Epochs that it had trained before are only told once more, and end nothing.
        """
        if len(running.history) <= len(running.earlier):
            return False
        limit, took = self.trial_timeout_s, sum(epoch.seconds for epoch in running.history)
        whole = len(running.history) == self.opened.settings.budget.epochs
        if limit is None or took <= limit or whole or trials.is_paper(running.trial):
            return False
        reason = f"{trials.TOO_SLOW}: {duration(took)} for {counted(len(running.history), 'epoch')}"
        running.trial.set_user_attr(trials.REASON, reason)
        return True

    def _go_on_from_start(self, running: Running, measured: Latency) -> None:
        trial, key = running.trial, architecture(running.config)
        # Another trial that began at the same time may have measured the same.
        found = costs.measured_latency(self.opened.trials(), key) or measured
        costs.note_latency(trial, found, key)
        if self.endings.refused(trial, trials.LATENCY_MS, found.ms, found.spread_ms or 0.0):
            self._let_go(running)
            return
        if words := costs.passed_by_its_spread(trial, self.opened.settings, found):
            self.on_event(Notice(words))
        self.trainings.go_on(running)

    def _finish(self, running: Running) -> None:
        outcome = self.trainings.end(running, self.endings.wants_weights(running))
        self.endings.finish(running, outcome)
        self._let_go(running)

    def _lose(self, running: Running, reason: str) -> None:
        """A worker died, and its trial with it; the trial is tried again, a few times at most."""
        self._end(running, attempts.INTERRUPTED if self.stop.received is not None else reason)
        for notice in say_given_up(self.opened.name, self.opened.trials(), [running.trial.number]):
            self.on_event(notice)
        if self._is_given_up(running.trial):
            self.paper_names.remove(running.trial.user_attrs[trials.PAPER])

    def _is_given_up(self, trial: Trial) -> bool:
        """Whether one of the paper's was lost so often in this run that only the next tries it."""
        self._lost.add(trial.number)
        name = trial.user_attrs.get(trials.PAPER)
        here = [t for t in self.opened.trials() if t.number in self._lost]
        same = [t for t in here if t.user_attrs.get(trials.PAPER) == name]
        return name in self.paper_names and attempts.n_deaths(same) >= attempts.MAX_ATTEMPTS

    def _end(self, running: Running, reason: str) -> None:
        self.endings.fail(running.trial, reason, running.begun)
        self._let_go(running)

    def _let_go(self, running: Running) -> None:
        """Forget the trial, and settle those that waited for its result."""
        self.trainings.let_go(running)
        for _ in range(len(self._twins)):  # some may have to wait for another
            self.begin(self._twins.pop(0))

    def abandon(self, error: BaseException) -> None:
        """Mark what still runs as failed, as it will be made up for."""
        reason = reason_of(error)
        innocent = f"{attempts.INTERRUPTED}: the run ended"
        all_trials = self.opened.trials()
        running = self.trainings.running.values()
        left = [(r.trial, r.begun) for r in running if not trials.is_resting(all_trials[r.number])]
        left += [(twin, time.monotonic()) for twin in self._twins]
        for trial, begun in left:
            its_doing = trial.number == self._dealt_with or is_of_the_run(error)
            self.endings.fail(trial, reason if its_doing else innocent, begun)
