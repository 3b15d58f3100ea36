"""What the console shows, as text; what is behind it is tested where it is computed."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from rich.console import Console
from rich.progress import TaskID

from search.console import SearchView, busy, ended, print_plan, style_of
from search.live_view import Training
from search.result_tables import print_results
from spaces.budget import Budget
from studies.engine.estimate import Estimate
from studies.engine.launch import Plan
from studies.engine.progress import (
    Ending,
    EpochDone,
    Event,
    Notice,
    SearchState,
    TrialEnded,
    TrialStarted,
)
from studies.records import settings as study_settings
from studies.records.settings import StudySettings, with_space
from studies.records.tally import Tally
from studies.training.metrics import EpochMetrics

SETTINGS = with_space(StudySettings("autoencoder", Budget(epochs=4, subset=6000)), {})
PLAN = Plan(
    study_name="ae",
    settings=SETTINGS,
    created=True,
    storage="sqlite:///x.db",
    n_searched=0,
    n_wanted=2,
    n_given=0,
    paper_missing=("dropout",),
    n_jobs=1,
    n_threads=2,
    estimate=Estimate(60, 400, 900, searched_epochs=8 * 400 / 900),
)


def state(n_searched: int, best: optuna.trial.FrozenTrial | None = None) -> SearchState:
    ways = Tally(n_pruned=n_searched)
    return SearchState(n_searched, 2, 1, 1, 5, 5, best, tally=ways)


def best_trial(value: float) -> optuna.trial.FrozenTrial:
    trial = optuna.trial.create_trial(value=value)
    trial.number = 7
    return trial


WORDS = "16/32 ch, max/max"
EPOCH = EpochDone(8, EpochMetrics(1, 0.05, 0.04, 10.0, 1.0))
EVENTS: Sequence[Event] = (
    Notice("trial #3 was left running"),
    TrialStarted(8, "#8", WORDS, 4),
    EPOCH,
    TrialEnded(8, "#8", WORDS, "pruned", 0.04, 10.0, "", state(1, best_trial(0.02))),
)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_without_a_terminal_what_matters_becomes_plain_lines() -> None:
    console = Console(file=io.StringIO(), width=80)
    with SearchView(console, PLAN) as view:
        for event in EVENTS:
            view(event)
    assert shown(console).splitlines() == [
        "trial #3 was left running",
        "#8 started: 16/32 ch, max/max",
        "#8 0.0400 pruned after 10 s: 16/32 ch, max/max",
    ]


def test_without_a_terminal_a_long_trial_speaks_up_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("search.live_view.PLAIN_PROGRESS_S", 0.0)
    console = Console(file=io.StringIO(), width=80)
    with SearchView(console, PLAN) as view:
        for event in EVENTS[:3]:
            view(event)
    assert shown(console).splitlines()[-1] == "#8  epoch 1/4  loss 0.0400  ≤ 30 s left"


def test_verbose_every_epoch_has_its_line() -> None:
    console = Console(file=io.StringIO(), width=80)
    with SearchView(console, PLAN, verbose=True) as view:
        for event in EVENTS[1:3]:
            view(event)
    assert shown(console).splitlines()[-1] == "#8  epoch 1/4  loss 0.0400  ≤ 30 s left"


def test_on_a_terminal_the_running_trial_and_the_study_are_in_view() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with SearchView(console, PLAN) as view:
        for event in (*EVENTS, EVENTS[1], EVENTS[2]):
            view(event)
    text = shown(console)
    assert "1 of 2 searched trials (1 pruned), 5 of 5 of the paper's, 1 failed" in text
    assert "best 0.0200 (#7)" in text
    assert "epoch 1/4 loss 0.0400 ≤ 30 s left" in text
    assert "whole run" in text
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l"), "the cursor is given back"


def test_before_a_trial_has_ended_the_view_says_how_many_there_are() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with SearchView(console, PLAN._replace(n_searched=1, best=best_trial(0.0509))):
        pass
    assert "1 of 2 searched trials, best 0.0509 (#7)" in shown(console)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_running_trial_stays_one_line_with_a_bar_at_every_width(width: int) -> None:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, no_color=True)
    wide = TrialStarted(4, "#4 paper:channels", ", ".join(["conv1-stride 2"] * 20), 4)
    with SearchView(console, PLAN) as view:
        for event in (wide, EPOCH._replace(number=4)):
            view(event)
    lines = [line for line in shown(console).splitlines() if "epoch 1/4" in line]
    assert "━━━" in lines[-1]
    assert "≤ 30 s left" in lines[-1]
    assert ("conv1-stride 2" in lines[-1]) == (width > 100)


@pytest.mark.parametrize(
    ("outcome", "reason", "words", "style"),
    [
        ("complete", "", "#8 0.0400 complete after 10 s", "green"),
        ("rests", "", "#8 0.0400 rests at epoch 1 after 10 s", "dim"),
        ("reused", "same as #2", "#8 0.0400 repeat after 10 s: 16/32 ch, max/max (same", "dim"),
        ("failed", "out of memory", "#8 0.0400 failed after 10 s: 16/32 ch, max/max (out", "red"),
        ("failed", "interrupted", "#8 0.0400 paused at epoch 1 of 4 after 10 s", "yellow"),
        ("failed", "interrupted: disk full", "paused at epoch 1 of 4", "yellow"),
    ],
)
def test_a_trial_that_was_stopped_reads_as_paused_and_not_as_failed(
    outcome: Ending, reason: str, words: str, style: str
) -> None:
    event = TrialEnded(8, "#8", WORDS, outcome, 0.04, 10.0, reason, state(1), n_epochs=1)
    assert words in ended(event, "validation_loss", Training("#8", 4, TaskID(0), 1))
    assert style_of(event) == style


def test_a_trial_that_goes_on_begins_where_it_rested() -> None:
    console = Console(file=io.StringIO(), width=80)
    with SearchView(console, PLAN) as view:
        view(TrialStarted(8, "#8", WORDS, 4, n_done=1))
    assert shown(console) == f"#8 goes on after epoch 1 of 4: {WORDS}\n"


def test_a_trial_stopped_before_its_first_epoch_says_so() -> None:
    event = TrialEnded(8, "#8", WORDS, "failed", None, 3.0, "interrupted", state(1))
    training = Training("#8", 4, TaskID(0), 0)
    assert ended(event, "validation_loss", training).startswith("#8 paused in its first epoch")
    assert ended(event, "validation_loss", None).startswith("#8 paused after 3 s")


def test_on_a_terminal_an_ended_trial_keeps_to_its_line() -> None:
    console = Console(file=io.StringIO(), width=40, force_terminal=True)
    with SearchView(console, PLAN) as view:
        for event in EVENTS:
            view(event)
    assert "#8 0.0400 pruned after 10 s: 16/32 ch, …" in shown(console)


@pytest.mark.parametrize(
    ("load", "n_wanted", "n_cores", "is_said"),
    [
        (0.2, 2, 2, False),
        (2.3, 2, 2, True),
        (5.0, 2, 8, False),
        (8.0, 1, 8, True),
        (0.9, 4, 8, False),
    ],
)
def test_a_busy_machine_is_named_with_what_it_means(
    load: float, n_wanted: int, n_cores: int, is_said: bool
) -> None:
    words = busy(load, n_wanted, n_cores)
    assert bool(words) == is_said
    assert "trials take longer" in words or not is_said


def test_a_study_that_goes_on_says_what_it_has() -> None:
    console = Console(file=io.StringIO(), width=80)
    print_plan(console, PLAN._replace(created=False, n_searched=1, best=best_trial(0.0509)), 9.5)
    assert "study 'ae' in x.db\n" in shown(console)
    assert "so far: 1 of 2 searched trials, best 0.0509 (#7)" in shown(console)
    assert "busy (load 9.5 on" in shown(console)


def test_the_plan_says_what_will_be_done_and_how_long_it_takes() -> None:
    console = Console(file=io.StringIO(), width=200)
    print_plan(console, PLAN)
    text = shown(console)
    assert "new study 'ae' in x.db\n" in text
    assert "search protocol, 4 epochs, 6,000 images; seed 0, 2 threads" in text
    assert "to do: 2 searched trials, 1 of the paper's (dropout)" in text
    assert "about 7 min 40 s, 16 min 00 s if nothing is pruned" in text
    assert "limit" not in text
    assert "objectives" not in text


def test_the_plan_says_limits_objectives_and_configurations_given() -> None:
    limited = replace(SETTINGS, objectives=("macs",), max_params=20_000, max_latency_ms=7.5)
    console = Console(file=io.StringIO(), width=200)
    print_plan(console, PLAN._replace(settings=limited, n_given=1))
    for words in (
        "objectives: loss, macs; Optuna cannot prune with several",
        "limit: no more than 20,000 parameters",
        "limit: no more than 7.5 ms for 100 images on one thread",
        "to do: 2 searched trials (1 of them added by you), 1 of the paper's",
    ):
        assert words in shown(console)


def test_the_plan_of_a_grid_says_how_many_points_it_has() -> None:
    console = Console(file=io.StringIO(), width=200)
    print_plan(console, PLAN._replace(n_grid_points=2640))
    assert "grid: 2,640 points, 2,640 distinct configurations" in shown(console)


def test_a_plan_with_nothing_to_do_promises_no_time() -> None:
    console = Console(file=io.StringIO(), width=200)
    print_plan(console, PLAN._replace(n_searched=2, paper_missing=()))
    assert "to do: 0 searched trials, none of the paper's" in shown(console)
    assert "measured" not in shown(console)


def test_the_plan_for_a_dask_cluster_says_how_long_one_worker_would_take() -> None:
    console = Console(file=io.StringIO(), width=200)
    print_plan(console, PLAN._replace(n_jobs=None))
    assert "seed 0, one trial at a time on each Dask worker, with 2 threads" in shown(console)
    assert "measured on this machine, for one worker like it: about 7 min 40 s" in shown(console)


def test_the_plan_counts_promoted_trials_among_what_is_to_do() -> None:
    console = Console(file=io.StringIO(), width=200)
    print_plan(console, PLAN._replace(n_searched=2, paper_missing=(), n_promoted=3))
    assert "none of the paper's, 3 promoted to train further\n" in shown(console)
    assert "measured on this machine: about" in shown(console)


def test_accuracies_that_images_cannot_tell_apart_are_tied_and_losses_are_of_one_seed() -> None:
    words = words_of_best(SETTINGS, 0.02, 0.03)
    assert "The first: found by the search. One seed each: how much of a difference is" in words
    classifiers = StudySettings(
        "classifier", Budget(subset=6_000), metric="validation_accuracy", direction="maximize"
    )
    words = words_of_best(classifiers, 0.911, 0.910, 0.870)
    assert "Standard error over 1,000 images: 0.90 points; =: cannot be told apart" in words
    assert "= 91.00 %" in words
    assert "= 87.00 %" not in words
    assert "=" not in words_of_best(classifiers, 0.911, 0.870)


def words_of_best(settings: StudySettings, *values: float) -> str:
    """What is printed of a study's best trials, with single spaces."""
    study = optuna.create_study(direction=settings.direction)
    study_settings.write(study, settings)
    for value in values:
        attrs = {"configuration": "some", "metrics": {}}
        study.add_trial(optuna.trial.create_trial(value=value, user_attrs=attrs))
    console = Console(file=io.StringIO(), width=120)
    print_results(console, study, n_best=9)
    return " ".join(shown(console).split())


@pytest.mark.parametrize("width", [60, 80, 120])
def test_results_of_an_empty_study_are_tables_without_values(tmp_path: Path, width: int) -> None:
    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 's.db'}")
    study_settings.write(study, SETTINGS)
    console = Console(file=io.StringIO(), width=width)
    print_results(console, study, n_best=3)
    lines = shown(console).splitlines()
    assert max(map(len, lines)) <= width
    assert any("(8.58)" in line for line in lines) == (width > 60), "gives way"
    assert any("baseline" in line and "(7.26)" in line and "–" in line for line in lines)
    assert "4 epochs, 6,000 images" in " ".join(" ".join(lines).split())
