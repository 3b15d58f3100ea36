"""How a trial ends: what becomes of it in the study, and what it leaves behind."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from spaces.errors import ConfigurationError, FmnistSearchError
from spaces.safe_text import visible_lines
from spaces.space import fingerprint
from studies.dashboard import notes
from studies.data.images import Images
from studies.engine import reuse
from studies.engine.progress import Ending, Event, SearchState, TrialEnded, search_state
from studies.engine.running_trial import Running
from studies.engine.sharing import Sharing
from studies.networks.evaluation import confusion_matrix
from studies.records import attempts, attributes, pictures, trials, weights
from studies.records.costs import constrain, latency_of
from studies.records.open_study import OpenStudy
from studies.records.request import Keep
from studies.training.metrics import Outcome


@dataclass
class Endings:
    """Ends the trials of one run over one study, and says so to its watcher."""

    opened: OpenStudy
    validation: Images
    sharing: Sharing
    on_event: Callable[[Event], None]
    keep_weights: Keep
    n_wanted: int
    n_paper_wanted: int

    def state(self, all_trials: list[FrozenTrial] | None = None) -> SearchState:
        """How far the study is; by its trials as they are now, or as they were read before."""
        every = self.opened.trials() if all_trials is None else all_trials
        return search_state(every, self.opened.settings, self.n_wanted, self.n_paper_wanted)

    def refused(self, trial: Trial, name: str, value: float, spread: float = 0.0) -> bool:
        """End a searched trial, pruned and infeasible, if a cost is above the study's limit."""
        broken = constrain(trial, self.opened.settings, name, value, spread)
        if not broken or trials.is_paper(trial):
            return False
        reason = f"{trials.INFEASIBLE}: {broken}"
        trial.set_user_attr(trials.REASON, reason)
        self._tell(trial, TrialState.PRUNED)
        self._announce(trial, "pruned", None, 0.0, reason)
        return True

    def reuse(self, trial: Trial, known: FrozenTrial) -> None:
        """End the trial with another's result."""
        if latency := latency_of(known.user_attrs):
            spread = latency.spread_ms or 0.0
            constrain(trial, self.opened.settings, trials.LATENCY_MS, latency.ms, spread)
        reason = reuse.copy_result(self.opened, trial, known)
        if trials.RESTS_AT in trial.user_attrs:  # where it stood
            weights.discard(self.opened.store, self.opened.trials()[trial.number])
        self.sharing.let_go(trial)
        value = trials.value_of(known) if known.values else None
        self._announce(trial, "reused", value, 0.0, reason)

    def wants_weights(self, running: Running) -> bool:
        """Whether the trial's weights or state are worth keeping, after its last reported epoch."""
        return self._is_at_hand(running) and (self._rests(running) or self._keeps(running))

    def _keeps(self, running: Running) -> bool:
        value, state = self._value(running), self._state_of(running)
        return weights.is_wanted(self.opened, self.keep_weights, running.trial, value, state)

    def finish(self, running: Running, outcome: Outcome) -> None:
        """End a trial whose last epoch is reported, or have it rest.

        With weights if it :meth:`wants_weights`.
        """
        trial, history, store = running.trial, running.history, self.opened.store
        last, seconds = history[-1], sum(epoch.seconds for epoch in history)
        at_hand = self._is_at_hand(running)
        keeps = at_hand and self._keeps(running)
        present = {name: v for name, v in last._asdict().items() if v is not None}
        attributes.note(trial, trials.EPOCHS, reuse.as_columns(history))
        attributes.note(trial, trials.METRICS, present)
        trial.set_user_attr(trials.SECONDS, seconds)
        if outcome.predictions is not None and at_hand:
            counts = confusion_matrix(self.validation.labels, outcome.predictions)
            attributes.note(trial, trials.CONFUSION, counts.tolist())
        pictures.keep(store, trial, history, outcome if at_hand else None, self.validation)
        if outcome.weights is not None and outcome.state is not None:
            config = attributes.of(trial)[trials.CONFIG]
            if keeps:
                weights.save(store, trial, outcome.weights, config)
            weights.save(store, trial, outcome.state, config, weights.STATE)
        value, word = self._value(running), self._leave(running)
        all_trials = self.opened.trials()
        if not keeps and word != "rests":  # where it stood before
            weights.discard(store, all_trials[trial.number])
        reuse.drop_checkpoints(store, all_trials, fingerprint(running.config))
        weights.drop_superseded(self.opened, all_trials, self.keep_weights)
        reason = str(trial.user_attrs.get(trials.REASON, ""))
        self._announce(trial, word, value, seconds, reason, all_trials, len(history))

    def _leave(self, running: Running) -> Ending:
        """End the trial, or note that it rests, all else being stored."""
        trial = running.trial
        if self._rests(running):
            trial.set_user_attr(trials.RESTS_AT, running.level)
            self.sharing.let_go(trial)
            return "rests"
        state = self._state_of(running)
        if state == TrialState.PRUNED:
            self._tell(trial, state)
            return "pruned"
        costs = [trial.user_attrs[name] for name in self.opened.settings.names_of_values()[1:]]
        self._tell(trial, state, [self._value(running), *costs])
        return "complete"

    def settle(self) -> None:
        """End those that rest, as the search is over and wants none of them any more."""
        resting = [trial for trial in self.opened.trials() if trials.is_resting(trial)]
        for trial in resting:
            self.opened.end(trial.number, TrialState.PRUNED)
            if self.keep_weights == "none":
                weights.discard(self.opened.store, trial)
        if resting:
            weights.drop_superseded(self.opened, self.opened.trials(), self.keep_weights)

    def fail(self, trial: Trial, reason: str, begun: float) -> None:
        """End a trial without a result; one that another process ended stays as it is.

        Its training began, or went on from where it rested, at ``begun``, by
        :func:`time.monotonic`.
        """
        seconds = trials.seconds_until_rest(trial) + time.monotonic() - begun
        with suppress(UpdateFinishedTrialError):  # another process took it for lost
            trial.set_user_attr(trials.REASON, reason)
            trial.set_user_attr(trials.SECONDS, seconds)
            self._tell(trial, TrialState.FAIL)
            if reason.startswith(trials.DIVERGED):  # nothing goes on from where it stood
                weights.discard(self.opened.store, self.opened.trials()[trial.number])
        self.sharing.let_go(trial)
        self._announce(trial, "failed", None, seconds, reason)

    def disown(self, running: Running) -> None:
        """Let go of a trial that another process took for lost: it is for others to train now."""
        self.sharing.let_go(running.trial)
        reason = "another process gave it up as lost; it will be trained again"
        seconds = time.monotonic() - running.begun
        self._announce(running.trial, "failed", None, seconds, reason)

    def _value(self, running: Running) -> float:
        value: float = getattr(running.history[-1], self.opened.settings.metric)
        return value

    def _rests(self, running: Running) -> bool:
        """Whether it is left at a rung now, from where it may go on."""
        at_rung = len(running.history) == running.level < self.opened.settings.budget.epochs
        return at_rung and trials.REASON not in running.trial.user_attrs

    def _state_of(self, running: Running) -> TrialState:
        whole = len(running.history) == self.opened.settings.budget.epochs
        return TrialState.COMPLETE if whole else TrialState.PRUNED

    @staticmethod
    def _is_at_hand(running: Running) -> bool:
        """Whether the network is as after the last epoch; not if pruned at one reported again."""
        return len(running.history) >= len(running.earlier)

    def _tell(self, trial: Trial, state: TrialState, values: list[float] | None = None) -> None:
        """End the trial.

        Raises:
            UpdateFinishedTrialError: another process took it for lost, and ended it.
        """
        self.opened.end(trial, state, values)
        self.sharing.let_go(trial)

    def _announce(
        self,
        trial: Trial,
        outcome: Ending,
        value: float | None,
        seconds: float,
        reason: str = "",
        all_trials: list[FrozenTrial] | None = None,
        n_epochs: int = 0,
    ) -> None:
        words = str(trial.user_attrs.get(trials.WORDS, ""))
        name = trials.label(trial)
        notes.save_trial_note(self.opened, trial)
        state = self.state(all_trials)
        self.on_event(
            TrialEnded(trial.number, name, words, outcome, value, seconds, reason, state, n_epochs)
        )


def reason_of(error: BaseException) -> str:
    """Why a trial ends with an error that is none of training's, as text that a study can keep."""
    if isinstance(error, KeyboardInterrupt):
        return attempts.INTERRUPTED
    kind = attempts.INTERRUPTED if is_of_the_run(error) else type(error).__name__
    return visible_lines(f"{kind}: {error}")  # a path in it need not be text


def is_of_the_run(error: BaseException) -> bool:
    """Whether it came from something around the run, as a full disk, and from no trial."""
    outside = isinstance(error, KeyboardInterrupt | FmnistSearchError | OSError)
    return outside and not isinstance(error, ConfigurationError)
