"""The engine, on a real SQLite file with tiny images: what a study holds after runs and deaths."""

import errno
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from helpers.runner import N_PAPER, REQUEST, Runner, assert_trained_through, stop_at
from optuna.trial import FrozenTrial, TrialState

from spaces import paper
from spaces.autoencoder import AutoencoderConfig
from spaces.errors import ConfigurationError, StudyError
from spaces.stages import AUTOENCODER
from studies.engine.progress import (
    Event,
    Notice,
    TrialEnded,
    TrialStarted,
    search_state,
)
from studies.records import attempts, attributes, reading, runs, trials, weights
from studies.records.request import SearchRequest
from studies.records.settings import StudySettings, load
from studies.storage.artifacts import ArtifactFolder
from studies.training.loop import Training
from studies.training.metrics import Outcome
from studies.workers.in_process import InProcess
from studies.workers.pool import Job, MakeTraining, Report
from studies.workers.stopping import Interrupted

pytestmark = pytest.mark.slow


def n_networks(store: ArtifactFolder) -> int:
    """Files with weights or states; every trial's pictures are there as well."""
    begins = [path.read_bytes()[:4] for path in store.folder.iterdir()]
    return sum(begin != b"\x89PNG" for begin in begins)


def state_counts(all_trials: list[FrozenTrial]) -> dict[str, int]:
    names = [trial.state.name for trial in all_trials]
    return {name: names.count(name) for name in sorted(set(names))}


def configs(all_trials: list[FrozenTrial]) -> list[dict[str, Any]]:
    return [attributes.of(trial)[trials.CONFIG] for trial in all_trials]


def test_a_run_trains_the_papers_configurations_and_the_wanted_number(run: Runner) -> None:
    assert run() == "nothing left to do"
    assert state_counts(run.trials()) == {"COMPLETE": N_PAPER + 3}
    names = [t.user_attrs[trials.PAPER] for t in run.trials() if trials.is_paper(t)]
    assert names == list(paper.AUTOENCODER_RUN_ORDER)


def test_every_trial_keeps_what_is_needed_to_repeat_it(run: Runner) -> None:
    run()
    for trial in run.trials():
        attrs = attributes.of(trial)
        assert list(trial.intermediate_values) == [1, 2]
        assert trial.value == trial.intermediate_values[2] == attrs["epochs"]["validation_loss"][-1]
        assert len(attrs["epochs"]["train_loss"]) == 2
        assert attrs["n_parameters"] > 0
        assert attrs["seconds"] > 0
        assert attrs["made_with"]["torch"] == torch.__version__
        assert attrs["n_threads"] == 1
        assert trial.duration is not None
    assert len({t.user_attrs["seed"] for t in run.trials()}) == N_PAPER + 3


def test_ten_resumes_leave_each_of_the_papers_trials_there_once(run: Runner) -> None:
    for n_trials in (0, 0, 1, 1, 1, 2, 2, 2, 3, 3):
        run(replace(REQUEST, trials=n_trials))
    assert state_counts(run.trials()) == {"COMPLETE": N_PAPER + 3}


def test_the_same_command_again_does_nothing(run: Runner) -> None:
    run()
    before = run.trials()
    run.events.clear()
    assert run() == "nothing left to do"
    assert run.trials() == before
    assert run.events == []


def test_more_adds_to_what_there_is(run: Runner) -> None:
    run()
    run(replace(REQUEST, trials=None, more=2))
    assert len(run.searched()) == 5


def test_ctrl_c_leaves_nothing_running_and_the_trial_is_made_up_for(run: Runner) -> None:
    with pytest.raises(Interrupted):
        run(on_event=stop_at(N_PAPER + 1, 1))
    assert state_counts(run.trials()) == {"COMPLETE": N_PAPER + 1, "FAIL": 1}
    assert run.trials()[-1].user_attrs[trials.REASON] == attempts.INTERRUPTED
    run()
    assert state_counts(run.trials()) == {"COMPLETE": N_PAPER + 3, "FAIL": 1}


def test_an_interrupted_trial_of_the_paper_is_run_again(run: Runner) -> None:
    for _ in range(2):
        with pytest.raises(Interrupted):
            run(on_event=lambda e: stop_at(run.trials()[-1].number, 1)(e))
    run()
    done = [
        t.user_attrs[trials.PAPER] for t in trials.completed(run.trials()) if trials.is_paper(t)
    ]
    assert sorted(done) == sorted(paper.AUTOENCODER_RUN_ORDER)


def test_a_search_in_pieces_finds_what_one_run_finds(tmp_path: Path, run: Runner) -> None:
    (tmp_path / "whole").mkdir()
    whole = Runner(tmp_path / "whole", run.split)
    request = replace(REQUEST, trials=8, sampler="tpe")
    whole(request)
    for number in (N_PAPER + 2, N_PAPER + 5):
        with pytest.raises(Interrupted):
            run(request, on_event=stop_at(number, 2 if number % 2 else 1))
    run(request)
    pieces = trials.completed(run.searched())
    assert configs(pieces) == configs(whole.searched())
    assert [t.value for t in pieces] == [t.value for t in whole.searched()]


def test_a_trial_whose_process_died_is_failed_and_made_up_for(run: Runner) -> None:
    run(replace(REQUEST, trials=1))
    trial = run.study().ask()
    config = AutoencoderConfig(conv1_channels=8)
    trial.set_user_attr(trials.CONFIG, config.to_dict())
    trial.set_user_attr(trials.FINGERPRINT, "f")
    run(replace(REQUEST, trials=2))
    assert run.trials()[trial.number].user_attrs[trials.REASON] == trials.LOST
    assert run.trials()[trial.number].state == TrialState.FAIL
    assert attributes.of(run.trials()[-1])[trials.CONFIG] == config.to_dict()
    assert state_counts(run.trials()) == {"COMPLETE": N_PAPER + 2, "FAIL": 1}
    assert any(isinstance(e, Notice) and f"#{trial.number}" in e.text for e in run.events)


def test_a_trial_that_died_before_it_had_a_configuration_is_failed(run: Runner) -> None:
    run(replace(REQUEST, trials=0))
    run.study().ask()
    run(replace(REQUEST, trials=1))
    assert state_counts(run.trials()) == {"COMPLETE": N_PAPER + 1, "FAIL": 1}


def test_a_configuration_that_comes_up_again_is_not_trained_again(run: Runner) -> None:
    space = {
        "dropout": "0",
        "batchnorm": "false",
        "pool1": "max",
        "pool2": "max",
        "conv1_channels": "8",
        "conv2_channels": "16",
    }
    run(replace(REQUEST, space=space))
    first, *others = run.searched()
    started = [e.number for e in run.events if isinstance(e, TrialStarted)]
    assert started == [*range(N_PAPER), first.number]
    assert [t.value for t in others] == [first.value] * 2
    assert [t.user_attrs[trials.SAME_AS] for t in others] == [first.number] * 2
    assert [t.intermediate_values for t in others] == [first.intermediate_values] * 2


def test_the_papers_own_result_is_used_when_the_search_comes_to_it(run: Runner) -> None:
    row = AUTOENCODER.paper_row("dropout")
    config = row.config.to_dict()
    space = {
        name: str(config[name]).lower()
        for name in StudySettings("autoencoder").search_space().describe()
    }
    run(replace(REQUEST, trials=1, space=space))
    (trial,) = run.searched()
    twin = next(t for t in run.trials() if t.user_attrs.get(trials.PAPER) == "dropout")
    assert trial.user_attrs[trials.SAME_AS] == twin.number
    assert trial.value == twin.value


def test_a_diverging_trial_fails_with_its_reason_and_the_study_goes_on(run: Runner) -> None:
    run(replace(REQUEST, trials=0))
    wild = replace(AutoencoderConfig(), learning_rate=1e30)
    run.study().enqueue_trial({}, user_attrs={trials.CONFIG: wild.to_dict()})
    run(replace(REQUEST, trials=2))
    failed = next(t for t in run.trials() if t.state == TrialState.FAIL)
    assert failed.user_attrs[trials.REASON].startswith("diverged: the ")
    assert len(run.searched()) == 2, "a diverged trial counts: trained again it fails again"
    run(replace(REQUEST, trials=2))
    assert len(run.searched()) == 2


def test_an_enqueued_trial_that_cannot_be_built_fails_and_the_study_goes_on(run: Runner) -> None:
    run(replace(REQUEST, trials=0))
    run.study().enqueue_trial({"conv1_channels": 50})
    run(replace(REQUEST, trials=1))
    assert state_counts(run.trials())["COMPLETE"] == N_PAPER
    failed = run.trials()[-1]
    assert failed.state == TrialState.FAIL
    assert "50" in failed.user_attrs[trials.REASON]


def test_a_bug_in_training_is_recorded_and_raised(run: Runner) -> None:
    run(replace(REQUEST, trials=0))

    def divide(event: Event) -> None:
        if isinstance(event, TrialStarted):
            1 / 0  # noqa: B018

    with pytest.raises(ZeroDivisionError):
        run(on_event=divide)
    assert run.trials()[-1].state == TrialState.FAIL
    assert run.trials()[-1].user_attrs[trials.REASON] == "ZeroDivisionError: division by zero"


class TwoAtOnce:
    """Trains two side by side, in this process."""

    capacity = 2

    def __init__(self, make_training: MakeTraining) -> None:
        self._make = lambda: InProcess(make_training)
        self._pools: dict[int, InProcess] = {}

    def start(self, job: Job) -> None:
        self._pools[job.number] = self._make()
        self._pools[job.number].start(job)

    def go_on(self, number: int) -> None:
        self._pools[number].go_on(number)

    def state(self, number: int) -> dict[str, torch.Tensor] | None:
        return self._pools[number].state(number)

    def end(self, number: int, with_weights: bool) -> Outcome | None:
        pool = self._pools.pop(number, None)
        return pool and pool.end(number, with_weights)

    def wait(self, timeout_s: float | None = None) -> list[Report]:
        return [report for pool in self._pools.values() for report in pool.wait(timeout_s)]

    def close(self) -> None:
        self._pools.clear()


def test_an_error_is_of_the_trial_that_raised_it_and_not_of_those_beside_it(run: Runner) -> None:
    def divide(config: Any, *rest: Any) -> Training:
        if config.batchnorm:
            1 / 0  # noqa: B018
        return Training(config, *rest)

    run.make_pool, run.make_training = TwoAtOnce, divide
    with pytest.raises(ZeroDivisionError):
        run(replace(REQUEST, trials=0))
    reasons = {t.user_attrs[trials.PAPER]: t.user_attrs[trials.REASON] for t in run.trials()[:2]}
    assert reasons == {
        "dropout": "interrupted: the run ended",
        "batchnorm": "ZeroDivisionError: division by zero",
    }


def test_an_error_leaves_no_trial_running_that_waited_for_anothers_result(run: Runner) -> None:
    def divide(event: Event) -> None:
        if isinstance(event, TrialEnded) and event.outcome == "reused":
            1 / 0  # noqa: B018

    run.make_pool = TwoAtOnce
    with pytest.raises(ZeroDivisionError):
        run(replace(REQUEST, space=FIXED, only_paper=()), divide)
    states = [trial.state for trial in run.trials()]
    assert states == [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.FAIL]
    assert run.trials()[-1].user_attrs[trials.REASON] == "interrupted: the run ended"


def test_a_training_that_gets_no_memory_is_tried_three_times_and_the_study_goes_on(
    run: Runner,
) -> None:
    large = paper.BEST_AUTOENCODER.config

    def make_training(config: Any, *rest: Any) -> Training:
        if config == large:
            torch.empty(10**15)
        return Training(config, *rest)

    run.make_training = make_training
    assert run() == "nothing left to do"
    failed = [t for t in run.trials() if t.state == TrialState.FAIL]
    assert [t.user_attrs[trials.REASON] for t in failed] == ["out of memory"] * 3
    assert state_counts(run.trials())["COMPLETE"] == N_PAPER - 1 + 3
    run.make_training = Training
    assert run() == "nothing left to do"
    assert state_counts(run.trials()) == {"COMPLETE": N_PAPER + 3, "FAIL": 3}


FIXED = {"dropout": "0", "batchnorm": "false", "pool1": "max", "pool2": "max"} | {
    "conv1_channels": "8",
    "conv2_channels": "16",
}
"""A space of one configuration."""


def without_memory_for_searched(config: Any, *rest: Any) -> Training:
    if config.conv1_channels == 8:
        torch.empty(10**15)
    return Training(config, *rest)


def test_however_often_a_trial_is_stopped_it_is_trained_to_the_end(run: Runner) -> None:
    request = replace(REQUEST, trials=1, epochs=8, checkpoint_every=1, only_paper=())
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    for attempt, number in enumerate(numbers):
        with pytest.raises(Interrupted):
            run(request, stop_at(attempt, 2 * attempt + 1, number))
    assert run(request) == "nothing left to do"
    assert state_counts(run.trials()) == {"FAIL": 4, "COMPLETE": 1}
    assert attributes.of(run.trials()[-1])[trials.GOES_ON_FROM]["epochs"] == 7
    assert attempts.given_up(run.trials()) == []


def test_a_fault_around_the_run_is_no_attempt_of_the_trial_that_it_hit(run: Runner) -> None:
    def fill_the_disk(event: Event) -> None:
        if isinstance(event, TrialStarted):
            raise OSError(errno.ENOSPC, "No space left on device", "/no text \udcff")

    request = replace(REQUEST, trials=1, only_paper=())
    for _ in range(attempts.MAX_ATTEMPTS + 1):
        with pytest.raises(OSError, match="No space"):
            run(request, fill_the_disk)
    assert run(request) == "nothing left to do"
    assert state_counts(run.trials()) == {"FAIL": 4, "COMPLETE": 1}
    reading.check(run.study())  # whatever the file was called, the study can be read


def test_what_dies_again_and_again_is_given_up_said_so_counted_and_can_be_asked_for(
    run: Runner,
) -> None:
    request = replace(REQUEST, trials=2, space=FIXED, only_paper=())
    run.make_training = without_memory_for_searched
    assert run(request) == "nothing left to do", "it comes to an end in a space of one, too"
    *died, drawn = run.trials()
    assert [t.user_attrs[trials.REASON] for t in died] == [trials.OUT_OF_MEMORY] * 3
    assert drawn.user_attrs[trials.REASON] == "given up: as #2"
    (said,) = [e.text for e in run.events if isinstance(e, Notice) and "given up" in e.text]
    assert said.startswith("#2 is given up")
    state = search_state(run.trials(), load(run.study()), 2, 0)
    assert state.in_words() == "0 of 2 searched trials, 2 given up: #2, #3"
    assert state.n_left == 0

    run.make_training = Training
    config = AutoencoderConfig.from_dict(attributes.of(drawn)[trials.CONFIG])
    assert run(replace(request, enqueue=(config,))) == "nothing left to do"
    assert run.trials()[-1].state == TrialState.COMPLETE
    state = search_state(run.trials(), load(run.study()), 2, 0)
    assert state.in_words() == "1 of 2 searched trials (1 to the end), 1 given up: #3"
    run.events.clear()
    run(replace(request, enqueue=(config,)))
    assert any("is #4 already" in e.text for e in run.events if isinstance(e, Notice))


def test_a_new_study_takes_over_results_and_nothing_that_was_given_up(run: Runner) -> None:
    request = replace(REQUEST, trials=1, space=FIXED, only_paper=())
    run.make_training = without_memory_for_searched
    run(request)
    assert state_counts(run.trials()) == {"FAIL": 3}
    run.make_training = Training
    run(replace(request, new=True))
    assert state_counts(run.trials("s-2")) == {"COMPLETE": 1}
    assert search_state(run.trials("s-2"), load(run.study("s-2")), 1, 0).in_words() == (
        "1 of 1 searched trials (1 to the end)"
    )


@pytest.mark.parametrize("damage", ["a bit", "cut short"])
def test_a_damaged_checkpoint_is_not_gone_on_from(run: Runner, damage: str) -> None:
    request = replace(REQUEST, trials=0, epochs=4, checkpoint_every=1)
    with pytest.raises(Interrupted):
        run(request, stop_at(0, 3))
    ids = weights.artifact_ids(run.trials()[0], weights.STATE)
    (path,) = filter(Path.exists, map(run.store.path, ids))  # those before it are gone
    content = path.read_bytes()
    last = bytes([content[-1] ^ 1]) if damage == "a bit" else b""
    path.write_bytes(content[:-1] + last)
    run.events.clear()
    run(request)
    done = [t for t in run.trials() if t.state == TrialState.COMPLETE]
    assert len(done) == N_PAPER
    assert not any(trials.GOES_ON_FROM in attributes.of(trial) for trial in done)
    (again,) = (t for t in done if trials.LEFT_ASIDE in attributes.of(t))
    (words,) = attributes.of(again)[trials.LEFT_ASIDE]
    assert str(path) in words
    told = [e.text for e in run.events if isinstance(e, Notice) and words in e.text]
    assert len(told) == 1
    assert told[0].startswith(f"trial {trials.label(again)} does not go on from a state: ")


def test_a_checkpoint_of_another_number_of_threads_is_not_gone_on_from(run: Runner) -> None:
    request = replace(REQUEST, trials=0, epochs=4, checkpoint_every=1)
    with pytest.raises(Interrupted):
        run(request, stop_at(0, 3))
    torch.set_num_threads(2)
    run(request)
    assert not any(trials.GOES_ON_FROM in attributes.of(trial) for trial in run.trials())


def test_a_result_is_taken_over_by_its_configuration_and_not_by_its_number(run: Runner) -> None:
    run(replace(REQUEST, trials=2))
    values = {t.user_attrs[trials.FINGERPRINT]: t.value for t in run.trials()}
    run(replace(REQUEST, trials=2, new=True, timeout_s=1e-6))
    optuna.delete_study(study_name="s", storage=run.storage)
    run(replace(REQUEST, trials=2, sampler="qmc"))
    by_number = {t.number: t.user_attrs[trials.FINGERPRINT] for t in run.trials()}
    run(replace(REQUEST, trials=2, study="s-2"))
    queued = [t for t in run.searched("s-2") if trials.TAKEN_FROM in attributes.of(t)]
    assert len(queued) == 2
    for trial in queued:
        key = trial.user_attrs[trials.FINGERPRINT]
        assert by_number[attributes.of(trial)[trials.TAKEN_FROM]["trial"]] != key
        assert trial.value == values[key]


def test_the_papers_trials_are_never_pruned_and_searched_ones_are(run: Runner) -> None:
    request = replace(REQUEST, trials=12, epochs=9, pruner="halving")
    run(request)
    by_paper = [t for t in run.trials() if trials.is_paper(t)]
    assert {t.state for t in by_paper} == {TrialState.COMPLETE}
    pruned = [t for t in run.searched() if t.state == TrialState.PRUNED]
    assert pruned
    assert all(len(t.intermediate_values) < 9 for t in pruned)
    assert len(run.searched()) == 12


def test_a_narrowed_space_still_runs_the_papers_trials_outside_of_it(run: Runner) -> None:
    run(replace(REQUEST, space={"dropout": "0.1:0.3", "pool2": "avg", "conv1_channels": "8"}))
    by_paper = {t.user_attrs[trials.PAPER]: t for t in run.trials() if trials.is_paper(t)}
    assert by_paper["baseline"].params["dropout"] == 0.2
    assert "pool2" not in by_paper["baseline"].params
    assert attributes.of(by_paper["dropout"])[trials.CONFIG]["dropout"] == 0
    assert all(attributes.of(t)[trials.CONFIG]["pool2"] == "avg" for t in run.searched())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"epochs": 3}, "epochs: 3, not 2"),
        ({"subset": 600}, "subset: 600, not all"),
        ({"protocol": "paper", "trials": 0}, "protocol: paper, not search"),
        ({"seed": 1}, "seed: 1, not 0"),
        ({"space": {"pool2": "avg"}}, "pool2: avg, not max,avg"),
    ],
)
def test_resuming_otherwise_is_refused_with_the_difference(
    run: Runner, changes: dict[str, Any], named: str
) -> None:
    run(replace(REQUEST, trials=0))
    before = run.trials()
    with pytest.raises(StudyError, match=named) as refused:
        run(replace(REQUEST, **changes))
    assert "--new" in str(refused.value)
    assert run.trials() == before


def test_options_left_out_are_as_the_study_was_made(run: Runner) -> None:
    run(replace(REQUEST, trials=1, space={"pool2": "avg"}, seed=5))
    run(replace(REQUEST, trials=2, epochs=None))
    assert state_counts(run.trials()) == {"COMPLETE": N_PAPER + 2}
    assert all(attributes.of(t)[trials.CONFIG]["pool2"] == "avg" for t in run.searched())


def test_new_takes_over_the_trials_that_fit(run: Runner) -> None:
    run(replace(REQUEST, trials=6))
    fitting = [t for t in run.searched() if attributes.of(t)[trials.CONFIG]["pool2"] == "avg"]
    assert 0 < len(fitting) < 6
    run.events.clear()
    run(replace(REQUEST, trials=6, space={"pool2": "avg"}, new=True))
    taken = [t for t in run.searched("s-2") if trials.TAKEN_FROM in attributes.of(t)]
    assert configs(taken) == configs(fitting)
    assert [t.value for t in taken] == [t.value for t in fitting]
    assert len(run.searched("s-2")) == 6
    started = [e for e in run.events if isinstance(e, TrialStarted)]
    assert len(started) == 6 - len(fitting)
    fixed = [t for t in run.trials("s-2") if trials.is_paper(t)]
    assert [t.user_attrs[trials.PAPER] for t in fixed] == list(paper.AUTOENCODER_RUN_ORDER)
    assert [t.value for t in fixed] == [t.value for t in run.trials("s")[:N_PAPER]]
    for trial in trials.ranked(taken, "minimize"):
        assert weights.load(run.opened("s-2"), trial)


def test_a_damaged_file_is_not_taken_over_with_its_result(run: Runner) -> None:
    run(replace(REQUEST, trials=1))
    (source,) = run.searched()
    (name,) = weights.artifact_ids(source)
    run.store.path(name).write_bytes(b"no weights")
    run(replace(REQUEST, trials=1, new=True))
    (taken,) = run.searched("s-2")
    assert taken.value == source.value
    assert not weights.is_kept(run.store, taken)
    (words,) = attributes.of(taken)[trials.LEFT_ASIDE]
    assert f"the weights of trial {source.number} of " in words


def test_new_with_another_budget_takes_nothing_over(run: Runner) -> None:
    run(replace(REQUEST, trials=2))
    run(replace(REQUEST, trials=2, epochs=1, new=True))
    assert not any(trials.TAKEN_FROM in attributes.of(t) for t in run.trials("s-2"))


def test_patience_ends_the_search_and_says_so(run: Runner) -> None:
    reason = run(replace(REQUEST, trials=30, patience=2))
    assert reason == "2 trials without a better one (--patience)"
    assert len(run.searched()) < 30
    assert runs.last_end(run.study())["reason"] == reason


def test_target_ends_the_search_and_says_so(run: Runner) -> None:
    reason = run(replace(REQUEST, trials=30, target=0.49))
    assert reason.startswith("target 0.4900 reached by trial")
    assert run.searched() == []


def test_timeout_starts_no_further_trial(run: Runner) -> None:
    assert run(replace(REQUEST, timeout_s=1e-6)) == "timeout reached"
    assert {t.state for t in run.trials()} == {TrialState.WAITING}
    run()
    assert state_counts(run.trials()) == {"COMPLETE": N_PAPER + 3}


@pytest.mark.parametrize("pruner", ["none", "promotion"])
def test_a_searched_trial_has_no_more_time_than_it_is_given(run: Runner, pruner: Any) -> None:
    run(replace(REQUEST, epochs=4, trial_timeout_s=1e-6, pruner=pruner))
    assert all(t.state == TrialState.COMPLETE for t in run.trials() if trials.is_paper(t))
    for trial in run.searched():
        assert (trial.state, len(trial.intermediate_values)) == (TrialState.PRUNED, 1)
        assert str(trial.user_attrs[trials.REASON]).startswith(trials.TOO_SLOW)
    run(replace(REQUEST, epochs=4, trial_timeout_s=1e6, pruner=pruner, trials=4))
    assert run.trials()[-1].state != TrialState.FAIL


def test_weights_are_those_of_the_papers_and_of_the_best(run: Runner) -> None:
    run(replace(REQUEST, trials=4, keep_weights=1))
    best = trials.ranked(run.searched(), "minimize")[0]
    kept = [t.number for t in run.trials() if weights.is_kept(run.store, t)]
    assert kept == sorted([*range(N_PAPER), best.number])
    assert n_networks(run.store) == 2 * (N_PAPER + 1), "weights and state of each"


@pytest.mark.parametrize(("keep", "n_kept"), [("none", 0), ("all", N_PAPER + 2), (0, N_PAPER)])
def test_weights_are_kept_as_asked(run: Runner, keep: Any, n_kept: int) -> None:
    run(replace(REQUEST, trials=2, keep_weights=keep))
    assert n_networks(run.store) == 2 * n_kept


def test_stored_weights_give_the_stored_loss(run: Runner) -> None:
    run(replace(REQUEST, trials=0))
    trial = run.trials()[0]
    config = AutoencoderConfig.from_dict(attributes.of(trial)[trials.CONFIG])
    settings = StudySettings("autoencoder")
    training = Training(config, run.split, seed=99, budget=settings.budget)
    training.network.load_state_dict(weights.load(run.opened(), trial))
    assert training.evaluate(run.split.validation).loss == trial.value


def test_promoted_trials_go_on_where_they_were_pruned_and_end_as_if_never_stopped(
    run: Runner,
) -> None:
    request = replace(REQUEST, trials=12, epochs=9, pruner="halving")
    run(request)
    best = trials.ranked(run.searched(), "minimize", TrialState.PRUNED)[:2]
    run.events.clear()
    run(replace(request, promote=2))
    promoted = [t for t in run.trials() if trials.PROMOTED in t.user_attrs]
    assert [t.user_attrs[trials.PROMOTED] for t in promoted] == [t.number for t in best]
    assert len(trials.searched_results(run.trials())) == 12, "they are besides the searched ones"
    for trial, pruned in zip(promoted, best, strict=True):
        n_epochs = trials.n_epochs_stored(pruned)
        assert attributes.of(trial)[trials.GOES_ON_FROM] == {
            "study": "s", "trial": pruned.number, "epochs": n_epochs,
        }  # fmt: skip
        assert_trained_through(run, "s", trial, 9)
    run(replace(request, promote=2))
    assert len([t for t in run.trials() if trials.PROMOTED in t.user_attrs]) == 2


def test_an_interrupted_promotion_is_made_up_for(run: Runner) -> None:
    request = replace(REQUEST, trials=12, epochs=9, pruner="halving")
    run(request)
    with pytest.raises(Interrupted):
        run(replace(request, promote=1), on_event=stop_at(len(run.trials()), 8))
    run(request)
    promoted = [t for t in run.trials() if trials.PROMOTED in t.user_attrs]
    assert [t.state for t in promoted] == [TrialState.FAIL, TrialState.COMPLETE]
    assert len({t.user_attrs[trials.PROMOTED] for t in promoted}) == 1


def rungs(all_trials: list[FrozenTrial]) -> dict[str, list[tuple[str, float]]]:
    """Who competes at each rung of successive halving, and with which value."""
    found: dict[str, list[tuple[str, float]]] = {}
    for trial in all_trials:
        if not trials.is_unfinished_failure(trial):  # as the pruner sees the study
            for name, value in trial.system_attrs.items():
                if name.startswith("completed_rung_"):
                    words = trial.user_attrs[trials.WORDS]
                    found.setdefault(name, []).append((words, value))
    return {name: sorted(values) for name, values in sorted(found.items())}


def test_each_configuration_competes_once_at_each_rung_however_it_was_trained(run: Runner) -> None:
    request = replace(REQUEST, trials=12, epochs=9, pruner="halving", checkpoint_every=1)
    run(request)
    competing = rungs(run.trials())
    assert len(competing) > 2, "more than one rung decides"
    run(replace(request, promote=2))
    assert rungs(run.trials()) == competing, "a promoted trial lost where it was pruned"
    run(replace(request, new=True))
    assert rungs(run.trials("s-2")) == competing, "what was taken over competes as there"
    with pytest.raises(Interrupted):
        run(replace(request, study="t"), stop_at(N_PAPER + 1, 1))
    run(replace(request, study="t"))
    assert rungs(run.trials("t")) == competing, "a retry that goes on from a state counts once"
    for values in competing.values():
        assert len({words for words, _ in values}) == len(values)


def test_more_epochs_go_on_from_the_stored_states(run: Runner) -> None:
    run(replace(REQUEST, trials=3, keep_weights=2))
    run.events.clear()
    run(replace(REQUEST, trials=4, epochs=5, new=True))
    by_paper = [t for t in run.trials("s-2") if trials.is_paper(t)]
    taken = [t for t in run.searched("s-2") if trials.TAKEN_FROM in attributes.of(t)]
    assert len(taken) == 2, "those whose state was kept"
    for trial in (*by_paper, *taken):
        assert attributes.of(trial)[trials.GOES_ON_FROM]["study"] == "s"
        assert_trained_through(run, "s-2", trial, 5)
    assert len(run.searched("s-2")) == 4


def test_a_schedules_training_is_not_gone_on_with_for_more_epochs(run: Runner) -> None:
    request = replace(REQUEST, trials=2, space_name="wide", space={"schedule": "cosine"})
    run(request)
    run(SearchRequest(trials=2, epochs=4, study="s", new=True))
    known = [attributes.of(trial) for trial in run.searched("s-2")]
    assert [attrs[trials.CONFIG]["schedule"] for attrs in known] == ["cosine"] * 2
    assert not any(trials.GOES_ON_FROM in attrs for attrs in known)
    assert not any(trials.TAKEN_FROM in attrs for attrs in known)


def test_new_takes_over_what_a_promoted_trial_came_to(run: Runner) -> None:
    request = replace(REQUEST, trials=12, epochs=9, pruner="halving")
    run(request)
    run(replace(request, promote=1))
    (promoted,) = (t for t in run.trials() if trials.PROMOTED in t.user_attrs)
    run(replace(request, new=True))
    assert promoted.value in [t.value for t in trials.completed(run.searched("s-2"))]


def test_new_typed_again_goes_on_with_the_study_that_it_made(run: Runner) -> None:
    run(replace(REQUEST, trials=2))
    request = replace(REQUEST, trials=4, epochs=3, new=True)
    with pytest.raises(Interrupted):
        run(request, on_event=lambda e: stop_at(run.trials("s-2")[-1].number, 1)(e))
    run(request)
    assert len(trials.searched_results(run.trials("s-2"))) == 4
    assert optuna.get_all_study_names(run.storage) == ["s", "s-2"]
    run(request)
    assert optuna.get_all_study_names(run.storage) == ["s", "s-2", "s-3"], "that one is finished"


def test_new_without_a_study_to_start_from_is_refused(run: Runner) -> None:
    run(replace(REQUEST, trials=1))
    with pytest.raises(StudyError, match=r"no study 'ae-epochs3'.*--study"):
        run(SearchRequest(trials=1, epochs=3, new=True))


def test_an_empty_study_made_for_the_other_direction_is_refused(run: Runner) -> None:
    optuna.create_study(study_name="s", storage=run.storage, direction="maximize")
    with pytest.raises(StudyError, match="other directions"):
        run(replace(REQUEST, trials=1))


def test_fewer_epochs_take_nothing_over_and_go_on_from_nothing(run: Runner) -> None:
    run(replace(REQUEST, trials=2, epochs=3))
    run(replace(REQUEST, trials=2, epochs=2, new=True))
    assert not any(trials.GOES_ON_FROM in attributes.of(t) for t in run.trials("s-2"))


def test_a_study_of_another_program_is_refused_and_left_alone(run: Runner) -> None:
    study = optuna.create_study(study_name="s", storage=run.storage)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    before = study.get_trials()
    with pytest.raises(StudyError, match="not made by fmnist-search"):
        run()
    assert study.get_trials() == before


def test_a_study_whose_creator_died_at_once_is_used(run: Runner) -> None:
    optuna.create_study(study_name="s", storage=run.storage)
    run(replace(REQUEST, trials=1))
    assert state_counts(run.trials()) == {"COMPLETE": N_PAPER + 1}


def test_nothing_can_be_searched_under_the_papers_protocol(run: Runner) -> None:
    with pytest.raises(ConfigurationError, match="--trials 0"):
        run(replace(REQUEST, protocol="paper"))
    assert run(replace(REQUEST, trials=None, protocol="paper")) == "nothing left to do"
    assert state_counts(run.trials()) == {"COMPLETE": N_PAPER}


def test_ended_events_say_how_far_the_study_is(run: Runner) -> None:
    run()
    ended = [event for event in run.events if isinstance(event, TrialEnded)]
    assert [event.state.n_searched for event in ended] == [0] * N_PAPER + [1, 2, 3]
    last = ended[-1].state
    assert (last.n_wanted, last.n_paper, last.n_paper_wanted) == (3, N_PAPER, N_PAPER)
    assert last.best is not None
    assert last.best.value == min(t.value for t in run.trials() if t.value is not None)


@pytest.mark.parametrize("method", ["state_dict", "outcome"])
def test_memory_that_runs_out_between_epochs_costs_the_trial_alone(
    run: Runner, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    whole = getattr(Training, method)
    refusals = iter([RuntimeError("could not create a primitive"), MemoryError()])

    def without_memory(training: Training, *arguments: Any) -> Any:
        for error in refusals:
            raise error
        return whole(training, *arguments)

    monkeypatch.setattr(Training, method, without_memory)
    request = replace(REQUEST, checkpoint_every=1)
    assert run(request) == "nothing left to do"
    failed = [t for t in run.trials() if t.state == TrialState.FAIL]
    assert failed
    assert {t.user_attrs[trials.REASON] for t in failed} == {trials.OUT_OF_MEMORY}
    assert len(trials.searched_results(run.trials())) == 3
    assert trials.missing_paper_trials(run.trials(), paper.AUTOENCODER_RUN_ORDER) == []
