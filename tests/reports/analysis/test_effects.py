import math
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import optuna
import pytest
from helpers.made_up_studies import EFFECTS, ORIGIN, make

from reports.analysis.chosen_studies import Sources
from reports.analysis.comparisons import claims_of, published_step, warm_against_scratch
from reports.analysis.effects import estimate, verdict
from reports.document.parts import Figure, Table
from reports.document.texts import Texts
from reports.page.effect_tables import claims_blocks
from studies.records import trials


def test_known_effects_lie_in_their_intervals(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=150)
    found = {row.name: row for row in claims_of(sources().searches[0])}
    true = {
        "dropout": math.expm1(0.2 * EFFECTS["dropout"]),
        "batchnorm": math.expm1(EFFECTS["batchnorm"]),
        "max-avg": math.expm1(EFFECTS["pool2=avg"]),
        "channels": math.expm1(EFFECTS["doubling"] * math.log2(3)),
    }
    for name, value in true.items():
        final = found[name].final
        assert final is not None
        assert final.low < value < final.high, name
        assert final.high - final.low < 0.1, name
        assert found[name].verdict == "held", name
    assert found["dropout"].shown == "hurts"
    assert found["channels"].shown == "helps"


def test_pruned_trials_change_no_final_effect(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    study = make(storage, n_trials=60)
    before = claims_of(sources().searches[0])
    bad = next(t for t in study.get_trials() if t.state == optuna.trial.TrialState.PRUNED)
    for _ in range(20):
        bad.values = [9.0]
        bad.intermediate_values = {2: 9.0}
        study.add_trial(bad)
    after = claims_of(sources().searches[0])
    assert [row.final for row in after] == [row.final for row in before]


def test_where_few_came_to_the_end_effects_are_those_after_the_first_epoch_without_a_verdict(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, n_trials=60, lengths=[1] * 11 + [6])
    source = sources().searches[0]
    assert {(row.final, row.verdict) for row in claims_of(source)} == {(None, "not varied")}
    table, figure = claims_blocks(source, "ae", Texts("en"))
    assert isinstance(table, Table)
    assert isinstance(figure, Figure)
    assert "after epoch 1, in all dimensions, over the 64 trials" in table.note
    assert "dropout 0.2 against none" in figure.alt
    assert "not verdicts" in figure.caption


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = Random(0)
    n_inside = 0
    for _ in range(400):
        rows = [{"a": float(rng.random() < 0.5), "b": rng.random()} for _ in range(24)]
        # The noise is not the same everywhere, as it is with losses.
        outcomes = [0.5 * r["a"] - r["b"] + rng.gauss(0, 0.1 + 0.3 * r["b"]) for r in rows]
        found = estimate(rows, outcomes, {"a": 1.0})
        assert found is not None
        n_inside += found.low <= 0.5 <= found.high
    assert 0.92 <= n_inside / 400 <= 0.98


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([{"a": 1.0}] * 30, "it never varies"),
        ([{"a": float(i % 2)} for i in range(6)], "there are too few trials"),
        ([{"a": float(i % 2), "b": 1.0 - i % 2} for i in range(30)], "another always goes with it"),
        ([{"a": float(i == 0), "b": float(i % 2)} for i in range(30)], "one trial stands alone"),
        ([], "there are none"),
    ],
)
def test_what_trials_cannot_tell_is_not_estimated(rows: list[dict[str, float]], why: str) -> None:
    rng = Random(0)
    found = estimate(rows, [rng.random() for _ in rows], {"a": 1.0})
    assert found is None, why
    assert verdict(found, raises=True) == "not varied"


def test_an_effect_that_may_be_none_is_undecided_and_one_against_the_claim_has_not_held() -> None:
    rng = Random(3)
    rows = [{"a": float(i % 2)} for i in range(40)]
    nothing = estimate(rows, [rng.gauss(0, 1) for _ in rows], {"a": 1.0})
    clear = estimate(rows, [r["a"] + rng.gauss(0, 0.1) for r in rows], {"a": 1.0})
    assert verdict(nothing, raises=True) == "undecided"
    assert verdict(clear, raises=True) == "held"
    assert verdict(clear, raises=False) == "not held"


def test_a_warm_start_is_compared_with_random_weights_of_the_same_shape(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, "warm", stage="classifier")
    assert warm_against_scratch(sources()) is None
    make(storage, "scratch", stage="classifier", encoder=replace(ORIGIN, source="scratch"))
    found = warm_against_scratch(sources())
    assert found is not None
    assert found.final is not None
    assert found.final.low < 0 < found.final.high, "both were made by one formula"
    assert (found.shown, found.verdict) == ("nothing", "no claim"), "the paper compares no such two"


def test_one_trial_that_stands_alone_in_something_else_does_not_hinder_an_estimate() -> None:
    rng = Random(1)
    rows = [{"a": float(i % 2), "b": float(i == 0)} for i in range(30)]
    found = estimate(rows, [r["a"] + rng.gauss(0, 0.1) for r in rows], {"a": 1.0})
    assert found is not None
    assert found.low < 1 < found.high


def test_freezing_random_weights_is_no_effect_of_the_start(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    make(storage, "warm", 80, stage="classifier")
    other = replace(ORIGIN, source="scratch")
    frozen_costs = make(storage, "made", 80, stage="classifier", encoder=other).get_trials()
    optuna.delete_study(study_name="made", storage=storage)
    scratch = make(storage, "scratch", 0, stage="classifier", encoder=other, with_paper=False)
    for trial in frozen_costs:
        if trial.user_attrs[trials.CONFIG]["freeze"] == "encoder" and trial.values:
            trial.values = [trial.values[0] - 0.1]
        scratch.add_trial(trial)
    found = warm_against_scratch(sources())
    assert found is not None
    assert found.final is not None
    assert found.final.low < 0 < found.final.high
    assert abs(found.final.value) < 0.002


@pytest.mark.parametrize(
    ("stage", "metric", "direction"),
    [
        ("autoencoder", "validation_loss", "minimize"),
        ("classifier", "validation_accuracy", "maximize"),
        ("classifier", "validation_loss", "minimize"),
    ],
)
def test_what_a_table_is_said_to_show_is_the_sign_of_its_step(
    storage: optuna.storages.BaseStorage,
    sources: Callable[..., Sources],
    stage: Any,
    metric: str,
    direction: Any,
) -> None:
    make(storage, n_trials=2, stage=stage, metric=metric, direction=direction)
    (source,) = sources().searches
    for row in claims_of(source):
        step = published_step(row.name, metric)
        is_better = step is not None and (step > 0) == (direction == "maximize")
        assert row.shown == ("nothing" if step is None else "helps" if is_better else "hurts")


@pytest.mark.parametrize(
    ("language", "table", "text"),
    [
        ("en", "hurts (Table 4)", "lower loss and higher precision"),
        ("es", "perjudica (Tabla 4)", "menor pérdida y mayor precisión"),
    ],
)
def test_where_the_papers_text_and_table_disagree_both_are_said(
    storage: optuna.storages.BaseStorage,
    sources: Callable[..., Sources],
    language: Any,
    table: str,
    text: str,
) -> None:
    make(storage, "clf", stage="classifier")
    (source,) = sources().searches
    (shown, *_) = claims_blocks(source, "clf", Texts(language))
    assert isinstance(shown, Table)
    hidden_layer = shown.shown(Texts(language))[0]
    assert hidden_layer[1] == table
    assert hidden_layer[2].startswith(text)


def test_the_papers_own_steps_come_from_its_tables() -> None:
    assert published_step("dropout", "validation_loss") == pytest.approx(7.26 / 3.12 - 1)
    assert published_step("channels", "validation_loss") == pytest.approx(1.75 / 2.31 - 1)
    assert published_step("sgd", "validation_accuracy") == pytest.approx(0.9148 - 0.9083)
    assert published_step("frozen", "validation_accuracy") is None
