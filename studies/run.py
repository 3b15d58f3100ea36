"""The search itself: ask, train, report, prune, tell, until the study has what was wanted.

A process coordinates and writes to the storage; a pool trains. What to do next is always worked out
from the stored trials, so a run that was killed at any moment goes on from there, and several
processes share a study by agreeing on nothing else (:mod:`studies.sharing`).
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import optuna
import torch
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from spaces.budget import Budget
from spaces.errors import ConfigurationError, FmnistSearchError, StudyError, TrainingDivergedError
from spaces.space import Configuration, SearchSpace, fingerprint
from studies import gallery, limits, notes, repair, results, trials, weights
from studies.artifacts import ArtifactStore
from studies.data import Images
from studies.evaluation import confusion_matrix
from studies.metrics import EpochMetrics
from studies.owner import Owner
from studies.pool import EpochDone, Job, Pool, Raised, Report, Started, WorkerDied, is_out_of_memory
from studies.progress import (
    Event,
    Notice,
    Outcome,
    SearchState,
    TrialEnded,
    TrialStarted,
    early_stop_reason,
    n_wanted,
    paper_names,
    search_state,
)
from studies.request import PrunerName, SamplerName, SearchRequest
from studies.samplers import derived_seed, make_pruner, make_sampler
from studies.server import LockLostError
from studies.settings import StudySettings, environment
from studies.sharing import LOOK_S, Alone, Sharing
from studies.stopping import Interrupted, StopSignal

ENDED = "ended"
"""Attribute of a study: why and when its last run ended by itself."""

NOTHING_LEFT = "nothing left to do"

CHECKPOINT_SHARE = 0.01
"""Of a trial's time at most that its checkpoints take, where nobody says how often they come."""


@dataclass
class Running:
    """A trial in training."""

    trial: Trial
    config: Configuration
    seed: int
    earlier: list[EpochMetrics]
    """Epochs that another trial trained, to be reported before the training goes on."""
    begun: float = field(default_factory=time.monotonic)
    history: list[EpochMetrics] = field(default_factory=list)
    in_race: bool = True
    """The paper's trials count in the pruner's comparisons until they lose one."""
    stored_at: float = field(default_factory=time.monotonic)
    """When the last checkpoint was stored."""


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
        self._running: dict[int, Running] = {}
        self._twins: list[Trial] = []
        self._checkpoint_s = 0.0
        self._awaited: list[int] = []
        self.n_wanted = n_wanted(self.request, self.settings, self._trials())
        self._paper_names = paper_names(self.request, self.settings)
        self._n_paper_wanted = len(self._paper_names)
        self._n_lost: Counter[str | None] = Counter()
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
                if self._running:
                    self._wait_for_reports()
                elif reason == NOTHING_LEFT and (others := self._elsewhere()):
                    self._wait_for(others)
                else:
                    assert reason is not None
                    self._record_end(reason)
                    return reason
        except BaseException as error:
            self._abandon(error)
            raise
        finally:
            self.pool.close()
            self.sharing.close()

    def state(self) -> SearchState:
        """How far the study is."""
        return search_state(self.study, self.settings, self.n_wanted, self._n_paper_wanted)

    def _fill(self) -> str | None:
        """Begin trials as long as the pool has room; why no more are begun, if they are not."""
        reason = None
        while len(self._running) < max(1, self.pool.capacity):
            try:
                with self.sharing.exclusively():
                    self._make_up()
                    reason = self._reason_to_end()
                    trial = self._ask() if reason is None else None
            except LockLostError:
                self._give_back(trial)
                continue
            if trial is None:
                break
            self._begin(trial)
        return reason

    def _make_up(self) -> None:
        names = self._paper_names
        for notice in repair.make_up(self.study, self.settings, self.sharing, names):
            self.on_event(notice)

    def _give_back(self, trial: Trial | None) -> None:
        """Undo an ask at which another process may have asked, too: the count would not hold."""
        if trial is not None:
            self._fail(trial, trials.LOST, time.monotonic())

    def _wait_for_reports(self) -> None:
        with self.stop.interruptible():
            reports = self.pool.wait()
        for report in reports:
            try:
                self._take(report)
            except UpdateFinishedTrialError:
                self._disown(report.number)

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

    def _reason_to_end(self) -> str | None:
        """Why no trial is begun now; waiting trials are always run, but for the timeout."""
        if self.stop.received is not None:
            raise Interrupted
        if time.monotonic() >= self._deadline:
            return "timeout reached"
        all_trials = self._trials()
        if any(trial.state == TrialState.WAITING for trial in all_trials):
            return None
        if self._n_begun(all_trials) >= self.n_wanted:
            return NOTHING_LEFT
        return early_stop_reason(all_trials, self.request, self.settings)

    def _n_begun(self, all_trials: list[FrozenTrial]) -> int:
        """Searched trials that have ended or are running, here or elsewhere."""
        running = [t for t in all_trials if t.state == TrialState.RUNNING]
        searched = [t for t in running if not trials.is_never_pruned(t)]
        return len(trials.searched_results(all_trials)) + len(searched)

    def _record_end(self, reason: str) -> None:
        """Leave in the study why its last run ended, unless it says so already."""
        if self.study.user_attrs.get(ENDED, {}).get("reason") != reason:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self.study.set_user_attr(ENDED, {"reason": reason, "time": now})

    def _ask(self) -> Trial:
        self.study.sampler = self.make_sampler(
            self.request.sampler, self._space, self.settings.seed, self._n_begun(self._trials())
        )
        trial = self.study.ask()
        self.sharing.hold(trial)
        trial.set_user_attr(trials.OWNER, Owner.current()._asdict())
        return trial

    def _begin(self, trial: Trial) -> None:
        """Settle the trial at once if its result is known or cannot be, else have it trained."""
        begun = time.monotonic()
        try:
            self._settle_or_train(trial)
        except ConfigurationError as error:
            self._fail(trial, f"{trials.DIVERGED}: cannot be built: {error}", begun)
        except UpdateFinishedTrialError:
            self._fail(trial, trials.LOST, begun)
        except BaseException as error:
            if trial.number not in self._running:  # else it is abandoned with the others
                self._fail(trial, _bug(error), begun)
            raise

    def _settle_or_train(self, trial: Trial) -> None:
        config = self._configure(trial)
        if self._refused(trial, {trials.N_PARAMETERS: config.n_parameters()}):
            return
        key = fingerprint(config)
        known = results.stored_result(self.study, trial, key)
        if known is not None:
            latency_ms = known.user_attrs.get(trials.LATENCY_MS)
            limits.constrain(trial, self.settings, {trials.LATENCY_MS: latency_ms})
            reason = results.copy_result(self.study, self.store, trial, known)
            self.sharing.let_go(trial)
            value = trials.value_of(known) if known.values else None
            self._announce(trial, "reused", value, 0.0, reason)
        elif any(key == fingerprint(r.config) for r in self._running.values()):
            self._twins.append(trial)  # its result will be there when the other ends
        else:
            self._train(trial, config)

    def _configure(self, trial: Trial) -> Configuration:
        known = trial.user_attrs.get(trials.CONFIG)
        if known is None:
            try:
                config: Configuration = self._space.suggest(trial)
            except ValueError as error:  # somebody queued values the space does not have
                raise ConfigurationError(str(error)) from error
        else:
            config = self._space.config_type.from_dict(known)
            self._space.suggest_known(trial, config)
        for name, value in (
            (trials.FINGERPRINT, fingerprint(config)),
            (trials.CONFIG, config.to_dict()),
            (trials.WORDS, config.in_words()),
            (trials.SEED, self._seed(config)),
            (trials.N_PARAMETERS, config.n_parameters()),
            (trials.N_MULTIPLY_ADDS, config.n_multiply_adds()),
            (trials.MADE_WITH, environment()),
            (trials.N_THREADS, torch.get_num_threads()),
        ):
            trial.set_user_attr(name, value)
        return config

    def _seed(self, config: Configuration) -> int:
        return derived_seed("trial", self.settings.seed, fingerprint(config))

    def _refused(self, trial: Trial, costs: dict[str, float]) -> bool:
        """End a searched trial, pruned and infeasible, if a cost is above the study's limit."""
        broken = limits.constrain(trial, self.settings, costs)
        if not broken or trials.is_paper(trial):
            return False
        reason = f"{trials.INFEASIBLE}: {broken}"
        trial.set_user_attr(trials.REASON, reason)
        self._tell(trial, TrialState.PRUNED)
        self._announce(trial, "pruned", None, 0.0, reason)
        return True

    def _train(self, trial: Trial, config: Configuration) -> None:
        budget = self.settings.budget
        words = config.in_words()
        self.on_event(TrialStarted(trial.number, trials.label(trial), words, budget.epochs))
        state, epochs = results.earlier_training(self.study, self.store, trial, budget)
        seed = self._seed(config)
        self._running[trial.number] = Running(trial, config, seed, epochs)
        self.pool.start(Job(trial.number, config, seed, state))

    def _take(self, report: Report) -> None:
        """Every way a training can go on or end is mapped to what becomes of its trial here."""
        running = self._running.get(report.number)
        if running is None:  # ended already
            return
        match report:
            case Started(_, latency_ms):
                self._go_on_from_start(running, latency_ms)
            case EpochDone(_, metrics):
                if self._take_epoch(running, metrics):
                    self._finish(running)
                else:
                    self._checkpoint_if_due(running)
                    self.pool.go_on(report.number)
            case WorkerDied(_, reason):
                self._lose(running, f"{trials.LOST}: {reason}")
            case Raised(_, TrainingDivergedError() as error):
                self._end(running, f"{trials.DIVERGED}: {error}")
            case Raised(_, error) if is_out_of_memory(error):
                self._lose(running, trials.OUT_OF_MEMORY)
            case Raised(_, error):
                raise error

    def _go_on_from_start(self, running: Running, latency_ms: float) -> None:
        running.trial.set_user_attr(trials.LATENCY_MS, latency_ms)
        number = running.trial.number
        if self._refused(running.trial, {trials.LATENCY_MS: latency_ms}):
            self.pool.end(number, with_weights=False)
            del self._running[number]
            return
        if any(self._take_epoch(running, metrics) for metrics in running.earlier):
            self._finish(running)
        else:
            self.pool.go_on(number)

    def _take_epoch(self, running: Running, metrics: EpochMetrics) -> bool:
        """Report an epoch; whether it is the trial's last."""
        trial = running.trial
        running.history.append(metrics)
        self.on_event(EpochDone(trial.number, metrics))
        if not self.settings.objectives:  # Optuna has no pruning for several
            trial.report(getattr(metrics, self.settings.metric), step=metrics.epoch)
            running.in_race = running.in_race and not trial.should_prune()
        lost = not running.in_race and not trials.is_never_pruned(trial)
        return lost or len(running.history) == self.settings.budget.epochs

    def _checkpoint_if_due(self, running: Running) -> None:
        every, now = self.request.checkpoint_every, time.monotonic()
        if every is not None:
            due = len(running.history) % every == 0
        else:
            due = now - running.stored_at > max(self._checkpoint_s, 0.1) / CHECKPOINT_SHARE
        state = self.pool.state(running.trial.number) if due else None
        if state is not None:
            results.checkpoint(self.study, self.store, running.trial, state, running.history)
            running.stored_at = time.monotonic()
            self._checkpoint_s = running.stored_at - now

    def _finish(self, running: Running) -> None:
        trial, history, keep = running.trial, running.history, self.request.keep_weights
        last, seconds = history[-1], sum(metrics.seconds for metrics in history)
        value: float = getattr(last, self.settings.metric)
        pruned = len(history) < self.settings.budget.epochs
        state = TrialState.PRUNED if pruned else TrialState.COMPLETE
        at_hand = len(history) >= len(running.earlier)  # not if pruned at an epoch reported again
        wanted = at_hand and weights.is_wanted(self.study, keep, trial, value, state)
        outcome = self.pool.end(trial.number, with_weights=wanted)
        if outcome is None:
            self._lose(running, trials.LOST)
            return
        present = {name: v for name, v in last._asdict().items() if v is not None}
        trial.set_user_attr(trials.EPOCHS, results.as_columns(history))
        trial.set_user_attr(trials.METRICS, present)
        trial.set_user_attr(trials.SECONDS, seconds)
        if outcome.predictions is not None and at_hand:
            counts = confusion_matrix(self.validation.labels, outcome.predictions)
            trial.set_user_attr(trials.CONFUSION, counts.tolist())
        gallery.keep(self.store, trial, history, outcome if at_hand else None, self.validation)
        results.drop_state(self.study, self.store, trial)
        if wanted:
            results.save(self.store, trial, outcome)
        costs = [trial.user_attrs[name] for name in self.settings.names_of_values()[1:]]
        self._tell(trial, state, None if pruned else [value, *costs])
        results.drop_checkpoints(self.study, self.store, fingerprint(running.config))
        weights.drop_superseded(self.store, self.study, keep)
        self._announce(trial, "pruned" if pruned else "complete", value, seconds)
        self._let_go(running)

    def _lose(self, running: Running, reason: str) -> None:
        """A worker died, and its trial with it; the trial is tried again, a few times at most."""
        self._end(running, reason)
        if self.pool.capacity == 0:
            self.on_event(Notice("no worker is left; waiting for another"))
        if self._is_given_up(running.trial):
            self._paper_names.remove(running.trial.user_attrs[trials.PAPER])

    def _is_given_up(self, trial: Trial) -> bool:
        """Whether one of the paper's was lost so often in this run that only the next tries it."""
        name = trial.user_attrs.get(trials.PAPER)
        self._n_lost[name] += 1
        return name in self._paper_names and self._n_lost[name] >= trials.MAX_ATTEMPTS

    def _disown(self, number: int) -> None:
        """Another process took the trial for lost: it is for others to train now."""
        running = self._running[number]
        self.pool.end(number, with_weights=False)
        self.sharing.let_go(running.trial)
        reason = "taken for lost by another process; it will be trained again"
        seconds = time.monotonic() - running.begun
        self._announce(running.trial, "failed", None, seconds, reason)
        self._let_go(running)

    def _end(self, running: Running, reason: str) -> None:
        self._fail(running.trial, reason, running.begun)
        self._let_go(running)

    def _let_go(self, running: Running) -> None:
        """Forget the trial, and settle those that waited for its result."""
        del self._running[running.trial.number]
        twins, self._twins = self._twins, []
        for twin in twins:
            self._begin(twin)

    def _abandon(self, error: BaseException) -> None:
        """Mark what still runs as failed, as it will be made up for."""
        stopped = isinstance(error, KeyboardInterrupt)
        reason = trials.INTERRUPTED if stopped else _bug(error)
        left = [(r.trial, r.begun) for r in self._running.values()]
        left += [(twin, time.monotonic()) for twin in self._twins]
        self._running.clear()
        self._twins.clear()
        with suppress(StudyError):  # of a database that is gone, as the error that brought us here
            for trial, begun in left:
                self._fail(trial, reason, begun)

    def _fail(self, trial: Trial, reason: str, start: float) -> None:
        seconds = time.monotonic() - start
        with suppress(UpdateFinishedTrialError):  # another process took it for lost
            trial.set_user_attr(trials.REASON, reason)
            trial.set_user_attr(trials.SECONDS, seconds)
            self._tell(trial, TrialState.FAIL)
        self.sharing.let_go(trial)
        self._announce(trial, "failed", None, seconds, reason)

    def _tell(self, trial: Trial, state: TrialState, values: list[float] | None = None) -> None:
        """End the trial.

        Raises:
            UpdateFinishedTrialError: another process took it for lost, and ended it.
        """
        told = self.study.tell(trial, values, state, skip_if_finished=True)
        if told.state != state:
            raise UpdateFinishedTrialError
        self.sharing.let_go(trial)

    def _announce(
        self, trial: Trial, outcome: Outcome, value: float | None, seconds: float, reason: str = ""
    ) -> None:
        words = str(trial.user_attrs.get(trials.WORDS, ""))
        name = trials.label(trial)
        notes.save_trial_note(self.study, self.settings, trial)
        state = self.state()
        self.on_event(TrialEnded(trial.number, name, words, outcome, value, seconds, reason, state))

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)


def _bug(error: BaseException) -> str:
    """Why a trial ends with an error that is none of training's."""
    if isinstance(error, FmnistSearchError):
        return str(error)
    return f"{type(error).__name__}: {error}"
