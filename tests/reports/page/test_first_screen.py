from collections.abc import Callable
from dataclasses import replace

import optuna
import pytest
from helpers.made_up_studies import ORIGIN, make

from reports.analysis.chosen_studies import Sources
from reports.document.parts import Answer, Code, Table, Text
from reports.document.texts import Language, Texts
from reports.page.final_tables import final_blocks
from reports.page.first_screen import first_screen
from reports.page.making import build
from spaces.budget import Budget
from spaces.space import Configuration
from spaces.stages import AUTOENCODER, CLASSIFIER
from studies.final.results import FinalResult, SeedResult
from studies.records import trials
from studies.records.origins import best_found

Read = Callable[..., Sources]

CONFIG = AUTOENCODER.paper[-1].config


def result(
    source: str, losses: list[float], budget: Budget, config: Configuration = CONFIG
) -> FinalResult:
    """What ``fmnist-search train`` leaves of an autoencoder."""
    seeds = tuple(
        SeedResult(seed, loss, None, None, loss, None, 1.0, {}, "w")
        for seed, loss in enumerate(losses)
    )
    return FinalResult(
        source, source, "autoencoder", config.to_dict(), config.in_words(), budget, "test images",
        None, 1, {}, seeds,
    )  # fmt: skip


def result_of_the_best(read: Sources) -> FinalResult:
    """What it leaves of the best classifier, with one seed."""
    best = read.searches[0].best()
    assert best is not None
    config = read.searches[0].config_of(best)
    seed = SeedResult(0, 0.3, 0.9, None, 0.3, 0.9, 1.0, {}, "w")
    return FinalResult(
        "c", f"clf#{best.number}", "classifier", config.to_dict(), config.in_words(),
        Budget(protocol="final"), "test images", ORIGIN, 1, {}, (seed,),
    )  # fmt: skip


def answer(sources: Sources, language: Language = "en") -> Answer:
    """The autoencoders'."""
    first = first_screen(sources, None, Texts(language))[0]
    assert isinstance(first, Answer)
    return first


def said(found: Answer) -> str:
    return " ".join(claim.text for claim in found.claims)


@pytest.mark.parametrize(
    ("language", "value"), [("en", "0.0140 ± 0.0002"), ("es", "0,0140 ± 0,0002")]
)
def test_the_test_figure_comes_first_then_the_papers_trained_alike(
    storage: optuna.storages.BaseStorage, sources: Read, language: Language, value: str
) -> None:
    make(storage, "ae", 6, budget=Budget())
    read = sources()
    best = read.searches[0].best()
    assert best is not None
    final = Budget(protocol="final")
    losses = [0.0139, 0.0140, 0.0141, 0.0140]
    results = [
        result("other.toml", [0.001], final),
        result(f"ae#{best.number}", losses, final, read.searches[0].config_of(best)),
        result("paper:channels", [0.0151, 0.0152], final),
    ]
    found = answer(read._replace(results=results), language)
    assert found.value.startswith(value[:6])
    spread = Texts(language).number(0.00013, "loss")
    assert found.value == f"{value[:6]} ± {spread}"
    published = Texts(language).number(0.0175, "loss")
    assert published in said(found)
    assert Texts(language).number(0.01515, "loss") in said(found)


def test_with_less_training_only_what_was_trained_alike_stands_beside_the_answer(
    storage: optuna.storages.BaseStorage, sources: Read
) -> None:
    short = Budget(epochs=6, subset=6000)
    make(storage, "ae", 6, budget=short)
    read = sources()
    config = AUTOENCODER.paper_row(read.searches[0].trials()[3].user_attrs[trials.PAPER]).config
    results = [result("ae#3", [0.05, 0.06], replace(short, protocol="final"), config)]
    for own in (read, read._replace(results=results)):
        words = said(answer(own))
        assert "6 epochs, 6,000 images" in words
        assert "published" not in words
        paper = min(t.values[0] for t in own.searches[0].completed() if trials.is_paper(t))
        drawn = best_found(own.searches[0].own(), "minimize")
        assert drawn is not None
        assert f"{drawn.values[0]:.4f} (#{drawn.number}), against {paper:.4f} for" in words
        assert "one seed each" in words


def test_the_test_figure_of_another_storages_search_is_not_this_ones(
    storage: optuna.storages.BaseStorage, sources: Read
) -> None:
    make(storage, "ae", 6)
    other = result("elsewhere#3", [0.01, 0.02], Budget(protocol="final"))
    assert answer(sources()._replace(results=[other])).value == answer(sources()).value


def test_the_test_figure_of_a_study_that_had_the_name_before_is_not_this_ones(
    storage: optuna.storages.BaseStorage, sources: Read
) -> None:
    make(storage, "ae", 6, share_pruned=0.0)
    read, final = sources(), Budget(protocol="final")
    best = read.searches[0].best()
    assert best is not None
    other = replace(read.searches[0].config_of(best), dropout=0.45)
    for number in (best.number, 0, 99):
        former = read._replace(results=[result(f"ae#{number}", [0.01, 0.02], final, other)])
        assert former.judged(AUTOENCODER) is None
        assert answer(former).value == answer(read).value


def test_a_test_figure_over_another_encoder_is_not_the_trials(
    storage: optuna.storages.BaseStorage, sources: Read
) -> None:
    make(storage, "clf", 6, stage="classifier", share_pruned=0.0)
    read = sources()
    same = result_of_the_best(read)
    other = replace(same, encoder=replace(ORIGIN, sha256="another"))
    assert read._replace(results=[other]).judged(CLASSIFIER) is None
    assert read._replace(results=[other, same]).judged(CLASSIFIER) is same


def test_the_papers_best_is_trained_alike_only_from_the_same_encoder(
    storage: optuna.storages.BaseStorage, sources: Read
) -> None:
    make(storage, "clf", 6, stage="classifier", share_pruned=0.0)
    read, row = sources(), CLASSIFIER.best_of_paper
    found = result_of_the_best(read)
    (seed,) = found.seeds
    source, papers = f"paper:{row.name}", row.config.to_dict()
    same = replace(found, source=source, configuration=papers)
    scratch = replace(ORIGIN, source="scratch", sha256="")
    other = replace(same, encoder=scratch, seeds=(seed, replace(seed, seed=1)))
    for results, words in (
        ([found, other], "with the same budget, but from another encoder: 90.00"),
        ([found, other, same], "trained the same way: 90.00"),
    ):
        shown = first_screen(read._replace(results=results), None, Texts("en"))[1]
        assert isinstance(shown, Answer)
        assert words in said(shown)
    (table,) = final_blocks(read._replace(results=[found, other]), Texts("en"))
    assert isinstance(table, Table)
    assert list(table.frame["encoder"]) == [str(ORIGIN), "random weights"]


def test_every_claim_leads_to_something_in_the_report(
    storage: optuna.storages.BaseStorage, sources: Read
) -> None:
    make(storage, "ae study", 6, budget=Budget())
    make(storage, "clf", 6, stage="classifier", budget=Budget())
    results = [result("paper:channels", [0.01, 0.02], Budget(protocol="final"))]
    read = sources()._replace(results=[*results, replace(results[0], source="mine.toml")])
    document = build(read, "en")
    anchors = {block.anchor for block in (*document.figures(), *document.tables())}
    anchors |= {inner.name for section in document.sections for inner in section.sections}
    claims = [c for a in document.blocks if isinstance(a, Answer) for c in a.claims]
    links = [claim.evidence.to for claim in claims if claim.evidence]
    assert len(links) >= 5
    assert set(links) <= anchors


def test_one_thing_to_do_next_is_the_first_that_is_missing(
    storage: optuna.storages.BaseStorage, sources: Read
) -> None:
    def command() -> str:
        (code,) = (b for b in first_screen(sources(), "s.db", Texts("en")) if isinstance(b, Code))
        return code.text

    assert command() == "fmnist-search ae --trials 50 --storage s.db"
    make(storage, "ae-short", 3, share_pruned=0.0)
    assert command() == "fmnist-search clf --trials 50 --encoder ae-short --epochs 6 --storage s.db"
    make(storage, "clf-short", 3, stage="classifier", share_pruned=0.0)
    assert command() == "fmnist-search ae --trials 50 --storage s.db"
    make(storage, "ae", 3, budget=Budget())
    make(storage, "clf", 3, stage="classifier", budget=Budget())
    best = sources().searches[0].best()
    assert best is not None
    assert command() == f"fmnist-search train 'ae#{best.number}' --seeds 5 --storage s.db"


@pytest.mark.parametrize(("share_pruned", "said"), [(0.0, "stopped none"), (0.5, "used ")])
def test_what_a_search_took_says_whether_it_stopped_any_trial(
    storage: optuna.storages.BaseStorage, sources: Read, share_pruned: float, said: str
) -> None:
    make(storage, n_trials=8, share_pruned=share_pruned)
    assert said in " ".join(
        text.text for text in build(sources(), "en").sections[0].blocks if isinstance(text, Text)
    )
