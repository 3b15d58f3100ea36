"""Limits on costs, several objectives and configurations given by hand, on a few real images."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
import torch
from helpers.opened import run_search
from optuna.trial import FrozenTrial, TrialState

from spaces.autoencoder import AutoencoderConfig
from spaces.classifier import ClassifierConfig
from spaces.errors import ConfigurationError, StudyError
from spaces.stages import AUTOENCODER, CLASSIFIER, Stage
from studies.engine.launch import SearchResult, make_plan
from studies.engine.progress import Event, Notice
from studies.engine.samplers import make_sampler
from studies.networks import evaluation
from studies.networks.latency import Latency
from studies.records import attributes, trials
from studies.records.costs import constrain, latency_of
from studies.records.request import SearchRequest
from studies.records.settings import StudySettings, with_space

pytestmark = pytest.mark.slow

Launch = Callable[..., SearchResult]

TINY = {"conv1_channels": "8,16", "conv2_channels": "16,32", "batchnorm": "false"}
"""A space whose models have from 4,313 to 18,193 parameters."""


@pytest.fixture
def request_in(tmp_path: Path) -> SearchRequest:
    """Three searched trials of one epoch, without the paper's."""
    return SearchRequest(
        trials=3,
        epochs=1,
        subset=600,
        jobs=1,
        sampler="random",
        pruner="none",
        only_paper=(),
        space=TINY,
        study="s",
        storage=str(tmp_path / "s.db"),
    )


@pytest.fixture
def run(data_dir: Path) -> Launch:
    def launched(
        request: SearchRequest, told: list[Event] | None = None, stage: Stage = AUTOENCODER
    ) -> SearchResult:
        n_threads = torch.get_num_threads()
        try:
            listen = (lambda _: None) if told is None else told.append
            return run_search(request, stage, data_dir, listen)
        finally:
            torch.set_num_threads(n_threads)

    return launched


def searched(finished: SearchResult) -> list[FrozenTrial]:
    return trials.searched_results(finished.study.get_trials(deepcopy=False))


def test_models_above_the_limit_are_counted_and_not_trained_and_never_the_best(
    run: Launch, request_in: SearchRequest
) -> None:
    request = replace(request_in, trials=8, max_params=10_000, only_paper=("dropout",))
    finished = run(request)
    paper, *rest = finished.study.trials
    assert len(rest) == finished.state.n_searched == 8
    refused = [t for t in rest if t.user_attrs[trials.N_PARAMETERS] > 10_000]
    assert 0 < len(refused) < 8
    for trial in refused:
        assert trial.state == TrialState.PRUNED
        assert trials.is_too_costly(trial)
        assert trials.EPOCHS not in attributes.of(trial)
        assert trial.constraints == {"n_parameters": trial.user_attrs["n_parameters"] - 10_000}
    for trial in (t for t in rest if t not in refused):
        assert trial.state == TrialState.COMPLETE
        assert trials.is_feasible(trial)
    assert paper.state == TrialState.COMPLETE
    assert not trials.is_feasible(paper)
    assert finished.state.best is not None
    assert finished.state.best.user_attrs[trials.N_PARAMETERS] <= 10_000
    before = finished.study.trials
    assert run(request).study.trials == before


def test_models_that_are_too_slow_are_refused_before_their_first_epoch(
    run: Launch, request_in: SearchRequest
) -> None:
    finished = run(replace(request_in, trials=2, max_latency_ms=0.001))
    for trial in searched(finished):
        assert trial.state == TrialState.PRUNED
        assert trial.user_attrs[trials.REASON].startswith("infeasible: latency_ms ")
        assert trials.EPOCHS not in attributes.of(trial)
    assert finished.state.best is None


def measured_as(monkeypatch: pytest.MonkeyPatch, *found: Latency) -> list[Latency]:
    """Have each measurement find the next of these; what is left tells how many there were."""
    left = list(found)
    monkeypatch.setattr(evaluation, "latency", lambda _: left.pop(0))
    return left


def test_an_architecture_is_measured_once_whatever_drops_out_in_its_training(
    run: Launch, request_in: SearchRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = measured_as(monkeypatch, Latency(5.0, 0.5), Latency(9.0, 0.1))
    one = {**TINY, "conv1_channels": "16", "conv2_channels": "32", "pool1": "max", "pool2": "max"}
    finished = run(replace(request_in, trials=2, space=one, only_paper=("dropout", "baseline")))
    attrs = [trial.user_attrs for trial in finished.study.trials]
    assert [(a["latency_ms"], a["latency_spread_ms"]) for a in attrs] == [(5.0, 0.5)] * 4
    assert left == [Latency(9.0, 0.1)]
    run(replace(request_in, trials=3, space=one, only_paper=("dropout", "baseline")))
    assert left, "nor in a later run"


def test_what_is_above_a_limit_by_no_more_than_its_spread_is_trained_and_said(
    run: Launch, request_in: SearchRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed = {**TINY, "conv1_channels": "16", "conv2_channels": "32"}
    for spread, state in ((5.0, TrialState.COMPLETE), (1.0, TrialState.PRUNED)):
        measured_as(monkeypatch, Latency(44.0, spread))
        told: list[Event] = []
        request = replace(request_in, trials=1, study=f"s{spread}", space=fixed, max_latency_ms=40)
        (trial,) = searched(run(request, told))
        assert trial.state == state
        assert trials.is_feasible(trial) == (state == TrialState.COMPLETE)
        notices = [event.text for event in told if isinstance(event, Notice)]
        words = "#0: 44.0 ms (44.0–49.0) exceeds the limit of 40 ms by less than its spread"
        assert any(text.startswith(words) for text in notices) == trials.is_feasible(trial)
    refusal = "infeasible: latency_ms 44 above 40 by more than its spread of 1"
    assert trial.user_attrs[trials.REASON] == refusal


def test_what_an_earlier_version_measured_is_not_taken_for_sure(
    run: Launch, request_in: SearchRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed = {**TINY, "conv1_channels": "16", "conv2_channels": "32"}
    first = run(replace(request_in, trials=1, space=fixed))
    (trial,) = first.study.trials
    with sqlite3.connect(request_in.storage or "") as database:
        database.execute(
            "DELETE FROM trial_user_attributes WHERE key IN (?, ?)",
            (trials.LATENCY_SPREAD_MS, trials.ARCHITECTURE),
        )
    database.close()
    measured_as(monkeypatch, Latency(44.0, 2.0))
    second = run(replace(request_in, trials=2, space=fixed))
    assert latency_of(second.study.trials[0].user_attrs) == (trial.user_attrs["latency_ms"], None)
    assert latency_of(second.study.trials[1].user_attrs) == (44.0, 2.0)


def test_what_a_limit_refused_is_tried_when_the_limit_is_gone(
    run: Launch, request_in: SearchRequest
) -> None:
    narrow = {**TINY, "conv1_channels": "16", "conv2_channels": "32", "dropout": "0"}
    strict = replace(request_in, trials=1, space=narrow, max_params=10_000)
    assert searched(run(strict))[0].state == TrialState.PRUNED
    loose = replace(strict, max_params=20_000, new=True)
    (trial,) = searched(run(loose))
    assert trial.state == TrialState.COMPLETE
    assert trials.TAKEN_FROM not in attributes.of(trial)


def test_a_result_taken_over_is_held_to_the_new_studys_limits(
    run: Launch, request_in: SearchRequest
) -> None:
    first = run(request_in)
    largest = max(t.user_attrs[trials.N_PARAMETERS] for t in searched(first))
    slow = run(replace(request_in, new=True, max_latency_ms=0.001))
    taken = [t for t in slow.study.trials if trials.TAKEN_FROM in attributes.of(t)]
    assert [t.state for t in taken] == [TrialState.COMPLETE] * 3
    assert not any(map(trials.is_feasible, taken))
    small = run(replace(request_in, study="small", max_params=largest - 1))
    assert all(
        t.user_attrs[trials.N_PARAMETERS] < largest for t in trials.completed(searched(small))
    )


def test_tpe_learns_to_keep_to_a_limit_though_larger_models_are_better() -> None:
    settings = with_space(StudySettings("autoencoder", max_params=30_000), {})
    space = settings.search_space()

    def share_refused(limited: bool) -> float:
        study, refused = optuna.create_study(), []
        for number in range(60):
            study.sampler = make_sampler("tpe", space, 0, number)
            trial = study.ask()
            n_parameters = space.suggest(trial).n_parameters()
            if limited and constrain(trial, settings, trials.N_PARAMETERS, n_parameters):
                study.tell(trial, state=TrialState.PRUNED)
            else:
                study.tell(trial, 1 / n_parameters)
            refused.append(n_parameters > 30_000)
        return sum(refused[30:]) / 30

    assert share_refused(limited=True) < 0.5
    assert share_refused(limited=False) > 0.9


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp", "grid", "qmc"])
def test_a_study_of_several_objectives_has_a_value_for_each_and_prunes_nothing(
    run: Launch, request_in: SearchRequest, sampler: str
) -> None:
    costs = ("params", "macs", "latency")
    request = replace(
        request_in, objectives=costs, sampler=sampler, pruner="halving", only_paper=("dropout",)
    )
    finished = run(request)
    assert [d.name for d in finished.study.directions] == ["MINIMIZE"] * 4
    assert len(finished.study.trials) == 4
    for trial in finished.study.trials:
        assert trial.state == TrialState.COMPLETE
        attrs = attributes.of(trial)
        costs_of_trial = [attrs[name] for name in ("n_parameters", "n_multiply_adds", "latency_ms")]
        assert trial.values == [attrs["metrics"]["validation_loss"], *costs_of_trial]
    more = run(replace(request, objectives=None, trials=None, more=1))
    assert len(more.study.trials) == 5, "options left out are as the study was made"


def test_what_several_objectives_cannot_do_is_refused(
    run: Launch, request_in: SearchRequest
) -> None:
    run(replace(request_in, trials=0))
    with pytest.raises(StudyError, match="objectives: params, not none"):
        run(replace(request_in, objectives=("params",)))


def test_the_estimate_of_several_objectives_knows_that_nothing_is_pruned(
    request_in: SearchRequest,
) -> None:
    request = replace(request_in, objectives=("params",), pruner="halving")
    times = make_plan(request, AUTOENCODER).estimate
    assert times.searched_s == times.searched_at_most_s


OUTSIDE = AutoencoderConfig(dropout=0.33, conv1_channels=12, conv2_channels=20)
INSIDE = AutoencoderConfig(conv1_channels=8, conv2_channels=16)


def test_given_configurations_are_trained_as_searched_trials_once(
    run: Launch, request_in: SearchRequest
) -> None:
    request = replace(request_in, enqueue=(OUTSIDE, INSIDE, INSIDE))
    plan = make_plan(request, AUTOENCODER)
    assert (plan.n_wanted, plan.n_given) == (3, 2)
    told: list[Event] = []
    finished = run(request, told)
    given = [t for t in finished.study.trials if trials.ENQUEUED in t.user_attrs]
    assert [attributes.of(t)[trials.CONFIG] for t in given] == [OUTSIDE.to_dict(), INSIDE.to_dict()]
    assert [t.state for t in given] == [TrialState.COMPLETE] * 2
    assert finished.state.n_searched == 3
    said = [event.text for event in told if isinstance(event, Notice)]
    assert said == [
        "12/20 ch, max/max, dropout 0.33: queued as #0",
        "8/16 ch, max/max: queued as #1",
        "8/16 ch, max/max: is #1 already",
    ]
    before = finished.study.trials
    assert run(request).study.trials == before
    assert make_plan(request, AUTOENCODER).n_given == 0


def test_a_given_configuration_is_trained_though_the_study_has_all_it_wanted(
    run: Launch, request_in: SearchRequest
) -> None:
    run(request_in)
    request = replace(request_in, enqueue=(OUTSIDE,))
    assert make_plan(request, AUTOENCODER).n_wanted == 4
    finished = run(request)
    assert (finished.state.n_searched, finished.state.n_wanted) == (4, 4)


def test_a_given_configuration_of_the_papers_is_the_papers_trial(
    run: Launch, request_in: SearchRequest
) -> None:
    row = AUTOENCODER.paper_row("dropout")
    request = replace(request_in, trials=0, only_paper=("dropout",), enqueue=(row.config,))
    assert make_plan(request, AUTOENCODER).n_given == 0
    assert len(run(request).study.trials) == 1


def test_a_given_classifier_takes_the_studys_encoder_and_says_so(
    run: Launch, request_in: SearchRequest
) -> None:
    config = ClassifierConfig(fc_width=48, encoder=INSIDE)
    request = replace(
        request_in, trials=1, encoder="scratch", space={}, enqueue=(config,), subset=700
    )
    told: list[Event] = []
    (trial,) = run(request, told, CLASSIFIER).study.trials
    assert attributes.of(trial)[trials.CONFIG]["fc_width"] == 48
    assert attributes.of(trial)[trials.CONFIG]["encoder"]["conv1_channels"] == 64
    assert any("over the study's encoder scratch" in str(event) for event in told)


def test_nothing_is_given_to_the_papers_protocol(run: Launch, request_in: SearchRequest) -> None:
    with pytest.raises(ConfigurationError, match="no --enqueue"):
        run(replace(request_in, trials=0, protocol="paper", enqueue=(OUTSIDE,)))
