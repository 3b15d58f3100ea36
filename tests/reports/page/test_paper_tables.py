import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import optuna
import pytest
from helpers.made_up_studies import ORIGIN, make

from reports.analysis.chosen_studies import Sources
from reports.analysis.reproduction import beside_paper
from reports.analysis.tables import best_trials
from reports.document.parts import Table, Text
from reports.document.texts import Texts
from reports.page.final_tables import final_blocks
from reports.page.making import build
from reports.page.paper_tables import table_2, table_of_results
from reports.page.section_findings import findings_section
from spaces.budget import Budget
from spaces.stages import AUTOENCODER, CLASSIFIER
from studies.final.results import FinalResult, SeedResult
from studies.records import attributes, trials
from studies.records.origins import IN_WORDS

ENGLISH = Texts("en")


def said(sources: Sources) -> str:
    """What the section of findings says in sentences."""
    blocks = findings_section(sources, ENGLISH).blocks
    return " ".join(block.text for block in blocks if isinstance(block, Text))


def titles(table: Table) -> list[str]:
    return [column.title for column in table.columns]


def test_table_2_is_the_network_as_built_with_the_printed_padding_beside_it() -> None:
    table = table_2(ENGLISH)
    assert list(table.frame["output"][:6]) == [
        "26×26×16", "13×13×16", "11×11×32", "5×5×32", "13×13×16", "28×28×1",
    ]  # fmt: skip
    assert list(table.frame["printed"][:6]) == [0, 0, 0, 0, 2, 1]
    assert list(table.frame["padding"][:6]) == [0, 0, 0, 0, 0, 1]
    assert table.frame["parameters"].iloc[-1] == 18_193
    assert "padding 0" in table.note


def test_columns_of_what_nobody_has_run_are_left_out(sources: Callable[..., Sources]) -> None:
    empty = sources()
    both = (*AUTOENCODER.paper, *CLASSIFIER.paper)
    assert empty.not_run() == [row.name for row in both]
    for number, n_rows in ((3, 5), (4, 3), (5, 3)):
        table = table_of_results(number, empty, ENGLISH)
        assert titles(table) == [
            "Name", "Validation, published", "Training, published", "Change from the row before",
        ]  # fmt: skip
        assert len(table.shown(ENGLISH)) == n_rows


def test_with_less_training_the_published_figures_stand_apart_and_behind(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, "ae", 5, budget=Budget(epochs=6, subset=6000))
    table = table_of_results(3, sources(), ENGLISH)
    faint = [column.title for column in table.columns if column.is_faint]
    assert titles(table)[1] == "Validation here, 6 epochs, 6,000 images"
    assert faint == ["Validation, published", "Training, published"]
    assert titles(table)[-3:-1] == faint
    assert "cannot be compared with what was trained here (6 epochs, 6,000 images)" in table.note
    make(storage, "p", 0, budget=Budget(protocol="paper"))
    reproduced = table_of_results(3, sources(), ENGLISH)
    assert not any(column.is_faint for column in reproduced.columns)
    assert titles(reproduced)[1:3] == ["Validation, published", "Validation, paper's protocol"]


def test_only_the_papers_tables_of_losses_are_in_percent_and_each_says_so_once(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, "ae", 5, budget=Budget())
    make(storage, "clf", 5, stage="classifier", budget=Budget())
    document = build(sources(), "en")
    losses = ("table-3", "table-5")
    for table in document.tables():
        assert table.note.count("In percent, as the paper prints them") == (table.name in losses)
    best = next(table for table in document.tables() if table.name == "ae-best")
    assert re.fullmatch(r"0\.\d{4}", best.shown(ENGLISH)[0][1])


def test_more_training_than_the_papers_is_not_called_less(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, "long", 5, budget=Budget(epochs=60))
    make(storage, "p60", 0, budget=Budget(epochs=60, protocol="paper"))
    words = said(sources())
    assert "Trained for longer than in the paper (60 epochs, all images" in words
    assert "their budget is not the paper's: p60" in words
    assert "less" not in words.replace("less training", "")


def test_a_training_loss_of_smoothed_labels_stands_beside_no_other(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    study = make(storage, "clf", 5, stage="classifier", budget=Budget(), share_pruned=0)
    plain = table_of_results(5, sources(), ENGLISH)
    best = study.best_trial
    best.user_attrs[trials.CONFIG]["label_smoothing"] = 0.1
    best.values = [0.99]
    study.add_trial(best)
    smoothed, accuracies = (table_of_results(n, sources(), ENGLISH) for n in (5, 4))
    assert "smoothed" not in plain.note
    assert isinstance(plain.frame["search_train"].iloc[-1], float)
    assert smoothed.frame["search_train"].iloc[-1] == ""
    assert "smoothed labels" in smoothed.note
    assert isinstance(accuracies.frame["search_train"].iloc[-1], float)


def test_what_is_set_beside_a_study_does_not_take_its_place(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, "ae", 5)
    make(storage, "more", 40, budget=Budget())
    for read in (sources("ae", compare=["more"]), sources("ae", compare=["ae", "more"])):
        main = read.main(AUTOENCODER)
        assert main is not None
        assert main.name == "ae"
        assert [s.name for s in read.compared] == ["ae", "more"]
    alone = sources(compare=["ae", "more"]).main(AUTOENCODER)
    assert alone is not None
    assert alone.name == "more"


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
    values = [attributes.of(s.get_trials()[0])[trials.METRICS]["validation_loss"] for s in seeds]
    assert row["seeds"] == 2
    assert row["paper_validation"] == pytest.approx(sum(values) / 2)
    assert row["difference"] == pytest.approx(sum(values) / 2 - 0.0726)
    assert read.not_run() == [row.name for row in CLASSIFIER.paper]


def test_a_seed_of_the_papers_protocol_counts_once_however_many_studies_have_it(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    full, row = Budget(protocol="paper"), CLASSIFIER.paper[0]
    make(storage, "p", 0, "classifier", full)
    optuna.copy_study(
        from_study_name="p", from_storage=storage, to_storage=storage, to_study_name="backup"
    )
    assert len(sources().paper_trials(CLASSIFIER, row.name)) == 1
    other = replace(ORIGIN, sha256="bb")
    make(storage, "another encoder", 0, "classifier", full, encoder=other)
    assert len(sources().paper_trials(CLASSIFIER, row.name)) == 2


def test_classifiers_from_random_weights_are_none_of_the_papers_rows(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    full, row = Budget(protocol="paper"), CLASSIFIER.paper[0]
    scratch = replace(ORIGIN, source="scratch", sha256="")
    make(storage, "from scratch", 0, "classifier", full, encoder=scratch)
    assert not sources().reproduced(CLASSIFIER)
    warm = make(storage, "warm", 0, "classifier", full)
    (found,) = sources().paper_trials(CLASSIFIER, row.name)
    assert found.values == warm.get_trials()[0].values
    caption = next(
        figure.caption
        for figure in build(sources(), "en").figures()
        if figure.name == "figure-8-curves"
    )
    assert "warm" in caption


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
        ({}, "The search found this", "best found", "found by the search"),
        (
            {trials.PAPER: "channels"},
            "the paper's own configuration, channels; the search has found nothing better",
            "best found",
            "the paper's own; the search found none better",
        ),
        (
            {trials.ENQUEUED: True},
            "was added by a person; the search has found nothing better",
            "best: added by hand",
            "added by a person; the search found none better",
        ),
        (
            {trials.TAKEN_FROM: {"study": "old", "trial": 1}},
            "taken over from an earlier study; this search has found nothing better",
            "best: taken over",
            "taken over from an earlier study; this search found none better",
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
    words = said(read)
    assert headline in words
    best_drawn = f"The best configuration that the search drew itself reaches {drawn:.4f}"
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
    assert [title for title in titles(after) if title not in titles(before)] == [
        "Validation, paper's protocol",
        "Here, against published",
        "Seeds",
        "Difference from published, points",
        "Training, paper's protocol",
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
        words = said(read)
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
    assert row["loss"] == pytest.approx(0.031)
    assert row["high"] - row["loss"] == pytest.approx(0.002484, rel=1e-3)
    assert table.shown(ENGLISH)[0][1] == "0.0310"
