import io

import pytest
from rich.console import Console
from test_console import PLAN, state

from search.whole_run import WholeRun

# Four epochs each: one of the paper's trials for 60 s in all, two searched for 200 s likely each.


def test_a_run_is_as_far_as_the_expected_time_of_what_it_trained() -> None:
    run = WholeRun(PLAN)
    assert run.share == 0.0
    assert run.left_s(0.0) == 460.0
    for _ in range(4):
        run.add_epoch(of_paper=True)
    assert run.share == pytest.approx(60 / 460)
    assert run.left_s(120.0) == pytest.approx(2 * 400), "it took twice as long as foretold"


def test_a_run_that_prunes_less_than_foretold_has_more_left() -> None:
    run = WholeRun(PLAN)
    for _ in range(4):
        run.add_epoch(of_paper=False)
    run.trial_ended(state(1))
    assert run.share == pytest.approx(450 / 650)
    run.trial_ended(state(2))
    assert run.share < 1


def test_a_run_that_takes_longer_than_foretold_says_so() -> None:
    run = WholeRun(PLAN)
    for _ in range(40):
        run.add_epoch(of_paper=False)
    console = Console(file=io.StringIO(), width=80)
    console.print(run.bar(console))
    assert isinstance(console.file, io.StringIO)
    assert "100 %  0 s so far, longer than estimated" in console.file.getvalue()


def test_on_a_dask_cluster_nothing_is_said_of_what_is_left_until_its_pace_is_known() -> None:
    run = WholeRun(PLAN._replace(n_jobs=None))
    assert run.left_s(1.0) is None
    console = Console(file=io.StringIO(), width=80)
    console.print(run.bar(console))
    run.add_epoch(of_paper=True)
    assert run.left_s(3.0) == pytest.approx(3 / 15 * 445)
    console.print(run.bar(console))
    assert isinstance(console.file, io.StringIO)
    first, second = console.file.getvalue().splitlines()
    assert first.rstrip().endswith("0 %  0 s so far")
    assert second.rstrip().endswith(" left")


def test_a_run_with_nothing_to_do_has_nothing_left() -> None:
    none = PLAN.estimate._replace(
        paper_s=0.0, searched_s=0.0, searched_at_most_s=0.0, searched_epochs=0.0
    )
    run = WholeRun(PLAN._replace(n_searched=2, paper_missing=(), estimate=none))
    assert (run.share, run.left_s(3.0)) == (0.0, 0.0)
