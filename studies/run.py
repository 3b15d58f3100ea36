"""The search itself: ask, train, report, prune, tell, until the study has what was wanted.

One process coordinates a study and alone writes to its storage. What to do next is always worked
out from the stored trials, so a run that was killed at any moment goes on from there.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any, NamedTuple

import optuna
import torch
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from spaces.autoencoder import AutoencoderConfig, n_parameters
from spaces.budget import Budget
from spaces.errors import ConfigurationError, TrainingDivergedError
from spaces.space import SearchSpace, fingerprint
from studies import results, trials, weights
from studies.data import Split
from studies.owner import Owner
from studies.progress import (
    EpochDone,
    Event,
    Outcome,
    SearchState,
    TrialEnded,
    TrialStarted,
    early_stop_reason,
    n_wanted,
    search_state,
)
from studies.request import PrunerName, SamplerName, SearchRequest
from studies.samplers import derived_seed, make_pruner, make_sampler
from studies.settings import StudySettings, environment
from studies.stopping import Interrupted, StopSignal
from studies.storage import ArtifactFolder
from studies.training import EpochMetrics, Training

ENDED = "ended"
"""Attribute of a study: why and when its last run ended by itself."""


class Assignment(NamedTuple):
    """A trial and what it is to train."""

    trial: Trial
    config: AutoencoderConfig
    seed: int


@dataclass
class Search:
    """One run over one study."""

    study: optuna.Study
    settings: StudySettings
    request: SearchRequest
    store: ArtifactFolder
    split: Split
    on_event: Callable[[Event], None]
    stop: StopSignal
    make_training: Callable[[AutoencoderConfig, Split, int, Budget], Training] = Training
    """Benchmarks put recorded learning curves in its place, and others in place of these two."""
    make_sampler: Callable[[SamplerName, SearchSpace[Any], int, int], BaseSampler] = make_sampler
    make_pruner: Callable[[PrunerName, Budget], BasePruner] = make_pruner

    def __post_init__(self) -> None:
        """Work out how many trials are wanted and prepare Optuna's side."""
        self._space: SearchSpace[Any] = self.settings.search_space()
        self._deadline = time.monotonic() + (self.request.timeout_s or float("inf"))
        self.n_wanted = n_wanted(self.request, self.settings, self._trials())
        self.study.pruner = self.make_pruner(self.request.pruner, self.settings.budget)

    def run(self) -> str:
        """Run trials until there is nothing left to do.

        Returns:
            Why the search ended, in words.

        Raises:
            Interrupted: a signal came; the trial it hit is marked failed and will be made up for.
        """
        while True:
            reason = self._reason_to_end()
            if reason is not None:
                self._record_end(reason)
                return reason
            self._run_trial(self._ask())

    def state(self) -> SearchState:
        """How far the study is."""
        return search_state(self.study, self.settings, self.n_wanted)

    def _reason_to_end(self) -> str | None:
        """Why no trial is begun now; waiting trials are always run, but for the timeout."""
        if self.stop.received is not None:
            raise Interrupted
        if time.monotonic() >= self._deadline:
            return "timeout reached"
        all_trials = self._trials()
        if any(trial.state == TrialState.WAITING for trial in all_trials):
            return None
        if len(trials.searched_results(all_trials)) >= self.n_wanted:
            return "nothing left to do"
        return early_stop_reason(all_trials, self.request, self.settings)

    def _record_end(self, reason: str) -> None:
        """Leave in the study why its last run ended, unless it says so already."""
        if self.study.user_attrs.get(ENDED, {}).get("reason") != reason:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self.study.set_user_attr(ENDED, {"reason": reason, "time": now})

    def _ask(self) -> Trial:
        n_finished = len(trials.searched_results(self._trials()))
        self.study.sampler = self.make_sampler(
            self.request.sampler, self._space, self.settings.seed, n_finished
        )
        trial = self.study.ask()
        trial.set_user_attr(trials.OWNER, Owner.current()._asdict())
        return trial

    def _run_trial(self, trial: Trial) -> None:
        """Every way a trial can end is mapped to its state here."""
        start = time.monotonic()
        try:
            assignment = self._assign(trial)
            known = results.stored_result(self.study, trial, fingerprint(assignment.config))
            if known is None:
                self._train(assignment)
            else:
                reason = results.copy_result(self.study, self.store, trial, known)
                self._announce(trial, "reused", known.value, 0.0, reason)
        except TrainingDivergedError as error:
            self._fail(trial, f"{trials.DIVERGED}: {error}", start)
        except ConfigurationError as error:
            self._fail(trial, f"{trials.DIVERGED}: cannot be built: {error}", start)
        except KeyboardInterrupt:
            self._fail(trial, trials.INTERRUPTED, start)
            raise
        except Exception as error:
            self._fail(trial, f"{type(error).__name__}: {error}", start)
            raise

    def _assign(self, trial: Trial) -> Assignment:
        known = trial.user_attrs.get(trials.CONFIG)
        if known is None:
            try:
                config = self._space.suggest(trial)
            except ValueError as error:  # somebody queued values the space does not have
                raise ConfigurationError(str(error)) from error
        else:
            config = self._space.config_type.from_dict(known)
            self._space.suggest_known(trial, config)
        seed = derived_seed("trial", self.settings.seed, fingerprint(config))
        for name, value in (
            (trials.FINGERPRINT, fingerprint(config)),
            (trials.CONFIG, config.to_dict()),
            (trials.SEED, seed),
            (trials.N_PARAMETERS, n_parameters(config)),
            (trials.MADE_WITH, environment()),
            (trials.N_THREADS, torch.get_num_threads()),
        ):
            trial.set_user_attr(name, value)
        return Assignment(trial, config, seed)

    def _train(self, assignment: Assignment) -> None:
        trial, config, seed = assignment
        budget = self.settings.budget
        words = trials.config_in_words(trial.user_attrs)
        self.on_event(TrialStarted(trial.number, trials.label(trial), words, budget.epochs))
        training = self.make_training(config, self.split, seed, budget)
        earlier = results.go_on(self.study, self.store, trial, training, budget)
        history: list[EpochMetrics] = []
        in_race = True  # the paper's trials count in the pruner's comparisons until they lose one
        for metrics in chain(earlier, self._epochs(training)):
            history.append(metrics)
            self.on_event(EpochDone(trial.number, metrics))
            trial.report(getattr(metrics, self.settings.metric), step=metrics.epoch)
            in_race = in_race and not trial.should_prune()
            if not in_race and not trials.is_never_pruned(trial):
                break
        self._finish(trial, history, training, pruned=len(history) < budget.epochs)

    def _epochs(self, training: Training) -> Iterator[EpochMetrics]:
        while True:
            with self.stop.interruptible():
                metrics = next(training, None)
            if metrics is None:
                return
            yield metrics

    def _finish(
        self, trial: Trial, history: list[EpochMetrics], training: Training, pruned: bool
    ) -> None:
        last = history[-1]
        seconds = sum(metrics.seconds for metrics in history)
        value: float = getattr(last, self.settings.metric)
        columns = {name: [getattr(m, name) for m in history] for name in EpochMetrics._fields}
        trial.set_user_attr(trials.EPOCHS, columns)
        trial.set_user_attr(trials.METRICS, last._asdict())
        trial.set_user_attr(trials.SECONDS, seconds)
        keep = self.request.keep_weights
        state = TrialState.PRUNED if pruned else TrialState.COMPLETE
        at_hand = training.epoch == last.epoch  # not if it was pruned at an epoch reported again
        if at_hand and weights.is_wanted(self.study, keep, trial, value, state):
            results.save(self.store, trial, training)
        self.study.tell(trial, None if pruned else value, state)
        weights.drop_superseded(self.store, self.study, keep)
        self._announce(trial, "pruned" if pruned else "complete", value, seconds)

    def _fail(self, trial: Trial, reason: str, start: float) -> None:
        seconds = time.monotonic() - start
        trial.set_user_attr(trials.REASON, reason)
        trial.set_user_attr(trials.SECONDS, seconds)
        self.study.tell(trial, state=TrialState.FAIL)
        self._announce(trial, "failed", None, seconds, reason)

    def _announce(
        self, trial: Trial, outcome: Outcome, value: float | None, seconds: float, reason: str = ""
    ) -> None:
        words = trials.config_in_words(trial.user_attrs)
        self.on_event(
            TrialEnded(
                trial.number,
                trials.label(trial),
                words,
                outcome,
                value,
                seconds,
                reason,
                self.state(),
            )
        )

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)
