from collections.abc import Callable
from dataclasses import replace
from typing import Any

import optuna
import pytest
from helpers.made_up_studies import make

from reports.analysis.chosen_studies import Sources
from reports.analysis.reproduction import beside_paper
from reports.analysis.tables import best_trials
from reports.document.parts import Table, Text
from reports.document.texts import Texts
from reports.page.final_tables import final_blocks
from reports.page.paper_tables import table_2, table_of_results
from reports.page.section_summary import summary
from spaces.budget import Budget
from spaces.stages import AUTOENCODER, CLASSIFIER
from studies.final.results import FinalResult, SeedResult
from studies.records import trials
from studies.records.origins import IN_WORDS

ENGLISH = Texts("en")


def test_table_2_is_the_network_as_built_with_the_printed_padding_beside_it() -> None:
    table = table_2(ENGLISH)
    assert list(table.frame["output"][:6]) == [
        "26×26×16", "13×13×16", "11×11×32", "5×5×32", "13×13×16", "28×28×1",
    ]  # fmt: skip
    assert list(table.frame["printed"][:6]) == [0, 0, 0, 0, 2, 1]
    assert list(table.frame["padding"][:6]) == [0, 0, 0, 0, 0, 1]
    assert table.frame["parameters"].iloc[-1] == 18_193
    assert "padding 0" in table.note


def test_rows_nobody_has_run_say_so(sources: Callable[..., Sources]) -> None:
    empty = sources()
    both = (*AUTOENCODER.paper, *CLASSIFIER.paper)
    assert empty.not_run() == [row.name for row in both]
    for table, n_rows in ((3, 5), (4, 3), (5, 3)):
        shown = table_of_results(table, empty, ENGLISH).shown()
        assert len(shown) == n_rows + 1
        assert all(row.count("not run") == 4 for row in shown[:-1])


def test_reproductions_are_means_over_seeds_of_the_full_budget_alone(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    full = Budget(protocol="paper")
    seeds = [make(storage, f"p{s}", 0, budget=full, seed=s) for s in range(2)]
    make(storage, "short", 0, budget=Budget(epochs=2, protocol="paper"))
    make(storage, "ae", 5, budget=Budget())
    read = sources()
    assert [s.name for s in read.reduced] == ["short"]
    (row, *_) = table_of_results(3, read, ENGLISH).frame.to_dict("records")
    values = [s.get_trials()[0].user_attrs[trials.METRICS]["validation_loss"] for s in seeds]
    assert row["seeds"] == 2
    assert row["paper_validation"] == pytest.approx(sum(values) / 2)
    assert row["difference"] == pytest.approx(sum(values) / 2 - 0.0726)
    assert read.not_run() == [row.name for row in CLASSIFIER.paper]


def test_the_best_found_is_the_last_row_and_stands_against_every_other(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, "clf", 30, stage="classifier", budget=Budget())
    read = sources()
    rows = table_of_results(4, read, ENGLISH).frame.to_dict("records")
    best = read.searches[0].best()
    assert best is not None
    assert rows[-1]["search_validation"] == trials.value_of(best)
    for row in rows[:-1]:
        assert row["best_against"] == pytest.approx(
            trials.value_of(best) - row["search_validation"]
        )


@pytest.mark.parametrize(
    ("attrs", "headline", "row", "terminal"),
    [
        ({}, "The search found it", "best found", "one that the search found"),
        (
            {trials.PAPER: "channels"},
            "the paper's own configuration, channels: the search has found nothing better",
            "best: the paper's own",
            "the paper's own: the search found none better",
        ),
        (
            {trials.ENQUEUED: True},
            "A person gave it to the search, which has found nothing better",
            "best: given by a person",
            "given by a person: the search found none better",
        ),
        (
            {trials.TAKEN_FROM: {"study": "old", "trial": 1}},
            "taken over from the study that this one was made from",
            "best: taken over",
            "taken over from an earlier study: this search found none better",
        ),
    ],
)
def test_the_best_is_called_found_only_where_the_search_found_it(
    storage: optuna.storages.BaseStorage,
    sources: Callable[..., Sources],
    attrs: dict[str, Any],
    headline: str,
    row: str,
    terminal: str,
) -> None:
    study = make(storage, "ae", 5, budget=Budget(), with_paper=False, share_pruned=0.0)
    drawn = min(trials.value_of(trial) for trial in study.get_trials())
    config = AUTOENCODER.paper[-1].config
    own = {trials.CONFIG: config.to_dict(), trials.FINGERPRINT: "best", trials.METRICS: {}, **attrs}
    study.add_trial(optuna.trial.create_trial(value=0.001, user_attrs=own))
    read = sources()
    words = " ".join(block.text for block in summary(read, ENGLISH) if isinstance(block, Text))
    assert headline in words
    best_drawn = f"The best that it drew itself has {100 * drawn:.2f}\N{NO-BREAK SPACE}%"
    assert (best_drawn in words) == bool(attrs)
    assert table_of_results(3, read, ENGLISH).frame["name"].iloc[-1] == row
    (best, *_) = best_trials(study)
    assert IN_WORDS[best.origin] == terminal


@pytest.mark.parametrize(
    ("metric", "published", "values", "says"),
    [
        ("validation_loss", 0.0175, [0.0144], "one run each"),
        ("validation_loss", 0.0175, [0.0144, 0.0145, 0.0146], "lower"),
        ("validation_loss", 0.0312, [0.0310, 0.0312, 0.0315], "agrees"),
        ("validation_loss", 0.0312, [0.0290, 0.0312, 0.0350], "wide spread"),
        ("validation_accuracy", 0.9083, [0.9196, 0.9190, 0.9200], "higher"),
        ("validation_accuracy", 0.9127, [0.9092, 0.9140, 0.9127], "wide spread"),
        ("validation_accuracy", 0.9127, [], "not run"),
    ],
)
def test_a_verdict_on_the_paper_takes_two_seeds_and_their_spread(
    metric: str, published: float, values: list[float], says: str
) -> None:
    assert beside_paper(metric, published, values).says == says


def test_nothing_is_said_of_verdicts_where_nothing_was_run_in_the_papers_protocol(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, "ae", 5, budget=Budget())
    before = table_of_results(3, sources(), ENGLISH)
    make(storage, "p0", 0, budget=Budget(protocol="paper"))
    after = table_of_results(3, sources(), ENGLISH)
    titles = [[column.title for column in table.columns] for table in (before, after)]
    assert [title for title in titles[1] if title not in titles[0]] == [
        "Seeds",
        "Difference from published, points",
        "Here, against published",
    ]
    for of_verdicts in ("95 % interval", "Differences are in percentage points"):
        assert [of_verdicts in table.note for table in (before, after)] == [False, True]


def test_less_training_than_the_papers_has_no_verdict() -> None:
    found = beside_paper("validation_loss", 0.0312, [0.05, 0.05, 0.051], same_budget=False)
    assert (found.verdict, found.why) == ("cannot say", "less training")


def test_one_seed_of_the_papers_protocol_is_no_verdict_in_table_and_summary(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, "ae", 5, budget=Budget())
    for seed in range(3):
        make(storage, f"p{seed}", 0, budget=Budget(protocol="paper"), seed=seed)
        read = sources()
        (first, *_) = table_of_results(3, read, ENGLISH).frame.to_dict("records")
        words = " ".join(block.text for block in summary(read, ENGLISH) if isinstance(block, Text))
        can_say = "cannot say" not in first["verdict"] and "cannot be told" not in words
        assert can_say == (seed > 0)
        assert ("One more run here would lie between" in words) == (seed > 0)


def test_final_results_are_means_with_intervals_over_their_seeds(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    config = AUTOENCODER.paper[0].config
    result = FinalResult(
        "mine", "ae#3", "autoencoder", config.to_dict(), config.in_words(),
        Budget(protocol="final"), "test", None,
        1, {},
    )  # fmt: skip
    for seed, loss in enumerate((0.030, 0.032, 0.031)):
        result = result.with_seed(SeedResult(seed, loss, None, None, 0.03, None, 9.0, {}, "w"))
    repeated = replace(result, budget=Budget())
    for nothing in ([], [repeated]):
        (none,) = final_blocks(sources()._replace(results=nothing), ENGLISH)
        assert isinstance(none, Text), "validation images are no test images"
    (table,) = final_blocks(sources()._replace(results=[result]), ENGLISH)
    assert isinstance(table, Table)
    (row,) = table.frame.to_dict("records")
    # Half the interval: t(0.975, 2) · s / √3 = 4.3027 · 0.001 / 1.7321.
    assert row["mean"] == pytest.approx(0.031)
    assert row["high"] - row["mean"] == pytest.approx(0.002484, rel=1e-3)
    assert table.shown()[0][2] == "3.10\N{NO-BREAK SPACE}%"
