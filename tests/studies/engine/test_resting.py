"""Trials that rest and come back, in the real engine: what the study holds, at every moment."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
from helpers.runner import N_PAPER, REQUEST, Runner, assert_trained_through, stop_at
from optuna.trial import FrozenTrial, TrialState

from spaces.stages import AUTOENCODER
from studies.engine.launch import make_plan
from studies.engine.progress import Event, TrialEnded, TrialStarted
from studies.engine.sharing import Sharing
from studies.records import attributes, trials, weights
from studies.training.loop import Training
from studies.training.metrics import EpochMetrics
from studies.workers.pool import EpochDone
from studies.workers.stopping import Interrupted

pytestmark = pytest.mark.slow

PROMOTION = replace(REQUEST, trials=12, epochs=16, pruner="promotion", only_paper=())


def curves(all_trials: list[FrozenTrial]) -> list[tuple[str, list[float]]]:
    """Each searched configuration, and what it came to after each epoch, once."""
    return [
        (t.user_attrs[trials.WORDS], list(t.intermediate_values.values()))
        for t in all_trials
        if not (trials.is_paper(t) or trials.is_unfinished_failure(t))
    ]


def test_trials_rest_at_the_rungs_and_return_under_their_own_number(run: Runner) -> None:
    run(PROMOTION)
    lengths = [len(t.intermediate_values) for t in run.trials()]
    assert len(lengths) == 12, "one row for each configuration"
    assert set(lengths) == {1, 4, 16}
    assert 12 - lengths.count(1) in (4, 5), "two of five went on to epoch 4, or one more"
    assert lengths.count(16) == 2, "the best of those were trained to the end"
    by_state = {state: [] for state in TrialState}
    for trial in run.trials():
        by_state[trial.state].append(len(trial.intermediate_values))
    assert set(by_state[TrialState.COMPLETE]) == {16}
    assert set(by_state[TrialState.PRUNED]) == {1, 4}, "told when the search is over"
    ended = [e for e in run.events if isinstance(e, TrialEnded)]
    assert {(e.outcome, e.n_epochs) for e in ended} == {
        ("rests", 1),
        ("rests", 4),
        ("complete", 16),
    }
    assert {e.n_done for e in run.events if isinstance(e, TrialStarted)} == {0, 1, 4}


def test_one_that_returned_ends_as_if_it_had_been_trained_through(run: Runner) -> None:
    run(PROMOTION)
    whole = trials.completed(run.trials())
    assert all(trials.RESTS_AT in trial.user_attrs for trial in whole)
    for trial in whole:
        assert_trained_through(run, "s", trial, 16)
        assert trials.GOES_ON_FROM not in attributes.of(trial)
        assert trials.n_epochs_stored(trial) == 16


def test_a_plan_counts_those_that_rest_among_what_is_there(run: Runner) -> None:
    with suppress(Interrupted):
        run(PROMOTION, stop_at(3, 1))
    request = replace(PROMOTION, storage=str(run.folder / "studies.db"))
    plan = make_plan(request, AUTOENCODER)
    n_resting = sum(map(trials.is_resting, run.opened().trials()))
    assert plan.n_resting == plan.n_searched == n_resting > 0
    whole = make_plan(replace(request, study="t"), AUTOENCODER).estimate
    assert 0 < plan.estimate.searched_epochs < whole.searched_epochs


def test_a_plan_knows_of_those_that_may_still_go_on_when_all_have_begun(run: Runner) -> None:
    with suppress(Interrupted):
        run(PROMOTION, lambda e: stop_at(e.number, 9)(e) if isinstance(e, EpochDone) else None)
    request = replace(PROMOTION, storage=str(run.folder / "studies.db"))
    plan = make_plan(replace(request, trials=1), AUTOENCODER)
    assert plan.n_searched > plan.n_wanted
    assert plan.n_resting > 0
    assert plan.estimate.searched_s > 0


def test_while_a_trial_rests_it_is_running_and_read_as_pruned(run: Runner) -> None:
    seen = []

    def look(event: Event) -> None:
        if isinstance(event, TrialEnded) and event.outcome == "rests":
            stored = run.study().trials[event.number]
            read = run.opened().trials()[event.number]
            seen.append(event.number)
            assert stored.state == TrialState.RUNNING
            assert (read.state, read.value) == (TrialState.PRUNED, event.value)
            assert trials.is_resting(read)
            assert event.state.tally.n_resting >= 1

    run(PROMOTION, look)
    assert seen
    assert not any(trials.is_resting(trial) for trial in run.opened().trials())


@pytest.mark.parametrize("epoch", [1, 3, 4, 9])
def test_a_search_in_pieces_finds_what_one_run_finds(
    tmp_path: Path, run: Runner, epoch: int
) -> None:
    """Stopped at a rung, just before one, and between them: the same trials rest and return."""
    (tmp_path / "whole").mkdir()
    whole = Runner(tmp_path / "whole", run.split)
    request = replace(PROMOTION, sampler="tpe", only_paper=None, checkpoint_every=2)
    whole(request)
    for _ in range(3):  # a later epoch is not come to three times before the end
        with suppress(Interrupted):
            run(request, on_event=stop_after(epoch))
    run(request)
    assert any(isinstance(e, TrialEnded) and "interrupted" in e.reason for e in run.events) or (
        epoch in (1, 4)  # where it rests before the signal is heeded
    )
    assert sorted(curves(run.trials())) == sorted(curves(whole.trials()))
    assert {t.state for t in run.searched()} <= {
        TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL,
    }  # fmt: skip


def stop_after(epoch: int) -> Callable[[Event], None]:
    """Presses Ctrl-C when the next searched trial has come to an epoch that is new to it."""
    told: dict[int, int] = {}
    started: dict[int, int] = {}

    def listen(event: Event) -> None:
        if isinstance(event, TrialStarted):
            started[event.number] = event.n_done
        if isinstance(event, EpochDone) and event.number >= N_PAPER:
            told[event.number] = event.metrics.epoch
            if event.metrics.epoch == epoch and started[event.number] < epoch:
                stop_at(event.number, epoch)(event)

    return listen


class SlowTraining(Training):
    """Whose epochs take a thousand seconds each, as they say."""

    def train_epoch(self, should_stop: Callable[[], bool] = lambda: False) -> EpochMetrics:
        return super().train_epoch(should_stop)._replace(seconds=1000.0)


def test_one_that_returned_and_is_stopped_keeps_the_time_from_before_it_rested(
    tmp_path: Path, run: Runner
) -> None:
    (tmp_path / "slow").mkdir()
    slow = Runner(tmp_path / "slow", run.split, make_training=SlowTraining)
    with pytest.raises(Interrupted):
        slow(PROMOTION, lambda e: stop_at(e.number, 5)(e) if isinstance(e, EpochDone) else None)
    (stopped,) = (t for t in slow.trials() if t.state == TrialState.FAIL)
    assert stopped.user_attrs[trials.RESTS_AT] == 4
    assert 4000.0 < stopped.user_attrs[trials.SECONDS] < 5000.0
    (told,) = (e for e in slow.events if isinstance(e, TrialEnded) and e.outcome == "failed")
    assert told.seconds == stopped.user_attrs[trials.SECONDS]


def test_raising_the_number_lets_settled_trials_go_on_in_rows_that_count_once(run: Runner) -> None:
    run(replace(PROMOTION, trials=8))
    before = {t.number: len(t.intermediate_values) for t in run.trials()}
    run(replace(PROMOTION, trials=40))
    followers = [t for t in run.trials() if trials.PROMOTED in t.user_attrs]
    assert followers, "forty let more up than eight"
    for trial in followers:
        assert before[trial.user_attrs[trials.PROMOTED]] < len(trial.intermediate_values)
        if trial.state == TrialState.COMPLETE:
            assert_trained_through(run, "s", trial, 16)
    assert len(trials.searched_results(run.opened().trials())) == 40


def test_a_resting_trial_can_be_promoted_by_hand(run: Runner) -> None:
    with pytest.raises(Interrupted):
        run(PROMOTION, stop_at(5, 1))
    resting = [t.number for t in run.opened().trials() if trials.is_resting(t)]
    assert resting
    request = replace(PROMOTION, storage=str(run.folder / "studies.db"))
    before, after = (
        make_plan(replace(request, promote=promote), AUTOENCODER) for promote in (0, 1)
    )
    assert (before.n_promoted, after.n_promoted) == (0, 1)
    assert after.n_resting == before.n_resting - 1
    run(replace(PROMOTION, promote=1))
    (by_hand,) = (t for t in run.trials() if trials.PROMOTED in t.user_attrs)
    assert by_hand.user_attrs[trials.PROMOTED] in resting
    assert by_hand.state == TrialState.COMPLETE
    assert_trained_through(run, "s", by_hand, 16)


def test_a_timeout_leaves_trials_at_rest_and_the_same_command_goes_on(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter(range(1_000_000))
    clock = SimpleNamespace(monotonic=lambda: float(next(looks)))
    monkeypatch.setattr("studies.engine.coordinator.time", clock)
    assert run(replace(PROMOTION, timeout_s=8)) == "timeout reached"
    resting = [t for t in run.opened().trials() if trials.is_resting(t)]
    assert resting
    monkeypatch.undo()
    run(PROMOTION)
    assert len(trials.searched_results(run.trials())) == 12
    assert not any(t.state == TrialState.RUNNING for t in run.trials())


def test_a_copy_is_drawn_by_what_its_source_has_come_to(run: Runner) -> None:
    request = replace(PROMOTION, trials=30, space={"dropout": "0.1,0.2", "conv1_channels": "16"})
    run(replace(request, sampler="tpe"))
    copies = [t for t in run.trials() if trials.SAME_AS in t.user_attrs]
    assert copies, "the space is small"
    for trial in copies:
        source = run.trials()[trial.user_attrs[trials.SAME_AS]]
        assert trials.SAME_AS not in source.user_attrs
        assert len(trial.intermediate_values) <= len(source.intermediate_values)


@pytest.mark.parametrize(("keep", "n_states"), [("none", 0), (2, 4), ("all", 12)])
def test_states_of_those_that_rest_go_when_the_search_is_over(
    run: Runner, keep: "int | str", n_states: int
) -> None:
    run(replace(PROMOTION, keep_weights=keep))
    kept = [t for t in run.trials() if weights.is_kept(run.store, t, weights.STATE)]
    assert len(kept) == n_states


def test_an_earlier_versions_optuna_reads_a_finished_study_as_any(run: Runner) -> None:
    run(PROMOTION)
    study = optuna.load_study(study_name="s", storage=run.storage)
    assert study.best_trial.state == TrialState.COMPLETE
    assert optuna.importance.get_param_importances(study)


def test_one_that_returns_is_not_stopped_for_the_time_that_it_took_before(run: Runner) -> None:
    request = replace(PROMOTION, trials=3)
    with suppress(Interrupted):
        run(request, lambda e: stop_at(e.number, 2)(e) if isinstance(e, EpochDone) else None)
    run(replace(request, trial_timeout_s=1e-6))
    slow = [t for t in run.trials() if trials.TOO_SLOW in str(t.user_attrs.get(trials.REASON))]
    returned = [t for t in slow if trials.RESTS_AT in t.user_attrs]
    assert returned
    for trial in returned:
        values = list(trial.intermediate_values.values())
        assert len(values) == len(attributes.of(trial)[trials.EPOCHS]["epoch"]) > 1
        assert trial.value == values[-1]


class OthersSearch(Sharing):
    """As if another process trained one of the study's trials."""

    def elsewhere(self, all_trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
        return list(all_trials)[:1]


def test_who_has_had_enough_leaves_what_rests_to_others_that_search_on(run: Runner) -> None:
    run(replace(PROMOTION, target=0.49), sharing=OthersSearch())
    assert any(t.state == TrialState.RUNNING for t in run.trials())
    assert any(map(trials.is_resting, run.opened().trials()))
    run(replace(PROMOTION, target=0.49))
    assert not any(map(trials.is_resting, run.opened().trials()))
