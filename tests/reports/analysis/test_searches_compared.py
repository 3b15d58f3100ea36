"""Searches are set beside each other by what they found in which time."""

from collections.abc import Sequence
from pathlib import Path

import optuna
import pytest
from helpers.made_up_studies import at, make
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial

from reports.analysis.chosen_studies import Source, choose
from reports.analysis.searches_compared import Searched, compare, wilson
from reports.document.texts import Texts
from reports.page.section_comparison import comparison_section
from spaces.budget import Budget
from spaces.errors import StudyError
from studies.records import trials
from studies.storage.artifacts import ArtifactFolder
from studies.storage.in_memory import copied


@pytest.fixture
def store(tmp_path: Path) -> ArtifactFolder:
    return ArtifactFolder(tmp_path)


def source(study: optuna.Study, store: ArtifactFolder) -> Source:
    return Source.at(copied(study), store)


def test_time_is_all_training_until_then_and_the_papers_trials_take_no_part(
    store: ArtifactFolder,
) -> None:
    study = source(make(InMemoryStorage(), n_trials=20), store)
    (found,) = compare([study]).searches
    own = [t for t in study.own() if not trials.is_paper(t)]
    assert found.n_trials == 20
    assert found.seconds == pytest.approx(sum(t.user_attrs[trials.SECONDS] for t in own))
    values = [value for _, value in found.steps]
    assert values == sorted(values, reverse=True)
    assert values[-1] == found.best == min(trials.value_of(t) for t in trials.completed(own))
    first = next(t for t in own if t.state.name == "COMPLETE")
    before = [t for t in own if t.number <= first.number]
    assert found.steps[0][0] == sum(t.user_attrs[trials.SECONDS] for t in before)


def of_lengths(n_epochs: Sequence[int]) -> list[FrozenTrial]:
    """Searched trials of so many epochs of 2 s, of which 6 are all."""
    drawn = make(InMemoryStorage(), "drawn", len(n_epochs), with_paper=False, lengths=n_epochs)
    return drawn.get_trials()


def searched(store: ArtifactFolder, own: Sequence[FrozenTrial]) -> Searched:
    """A search of just these trials, as it is compared."""
    study = make(InMemoryStorage(), n_trials=0, with_paper=False)
    study.add_trials(own)
    (found,) = compare([source(study, store)]).searches
    return found


@pytest.mark.parametrize("told", [100.0, None], ids=["told at the end", "still at rest"])
def test_training_of_trials_that_rest_counts_when_it_was_done(
    store: ArtifactFolder, told: float | None
) -> None:
    whole, *others = of_lengths([6, 2, 2, 2])
    rested = {trials.RESTS_AT: 2, trials.TRAINS_TO: 2}
    resting = [at(trial, 10.0 * n, told, **rested) for n, trial in enumerate(others)]
    found = searched(store, [*resting, at(whole, 30, 50)])
    assert found.steps == [(3 * 4.0 + 12.0, trials.value_of(whole))]
    assert found.seconds == 3 * 4.0 + 12.0


def test_a_trial_that_returned_was_trained_once_before_it_rested_and_once_after(
    store: ArtifactFolder,
) -> None:
    better, worse = sorted(of_lengths([6, 6]), key=trials.value_of)
    returned = at(better, 0, 100, **{trials.RESTS_AT: 2, trials.TRAINS_TO: 6})
    found = searched(store, [returned, at(worse, 10, 30)])
    assert found.steps == [
        (4.0 + 12.0, trials.value_of(worse)),
        (4.0 + 12.0 + 8.0, trials.value_of(better)),
    ]


def test_what_another_search_chose_takes_no_part(store: ArtifactFolder) -> None:
    own, *others = of_lengths([6, 6, 2, 6])
    origin = {trials.TAKEN_FROM: {"study": "old", "trial": 3}}
    taken, pruned = (at(trial, 0, 1, **origin) for trial in others[:2])
    promoted = gone_on_with(others[2], pruned, number=2)
    found = searched(store, [own, taken, pruned, promoted])
    assert (found.n_trials, found.seconds) == (1, 12.0)
    assert found.values == [trials.value_of(own)]


def test_a_configuration_that_was_promoted_later_is_one(store: ArtifactFolder) -> None:
    pruned, whole = of_lengths([2, 6])
    found = searched(store, [pruned, gone_on_with(whole, pruned, number=0)])
    assert (found.n_trials, found.seconds, len(found.values)) == (1, 12.0, 1)
    assert found.share_at(found.values[0], less_is_better=True).share == 1.0


def gone_on_with(whole: FrozenTrial, pruned: FrozenTrial, number: int) -> FrozenTrial:
    """A trial that trained a pruned one of that number to the end."""
    state = {"study": "ae", "trial": number, "epochs": trials.n_epochs_stored(pruned)}
    key = pruned.user_attrs[trials.FINGERPRINT]
    return at(
        whole, 50, 60,
        **{trials.PROMOTED: number, trials.GOES_ON_FROM: state, trials.FINGERPRINT: key},
    )  # fmt: skip


def test_the_value_is_the_best_that_all_reach_and_shares_are_of_all_searched_trials(
    store: ArtifactFolder,
) -> None:
    storage = InMemoryStorage()
    sources = [source(make(storage, name, n_trials=n), store) for name, n in (("a", 9), ("b", 30))]
    found = compare(sources)
    bests = [search.best for search in found.searches if search.best is not None]
    assert found.value == max(bests)
    for search in found.searches:
        assert search.seconds_to(found.value, less_is_better=True) is not None
        good = [value for value in search.values if value <= found.value]
        share = search.share_at(found.value, less_is_better=True)
        assert share.share == len(good) / search.n_trials
        assert share.low < share.share < share.high
    assert found.differences == []


def test_accuracies_are_compared_the_other_way_round(store: ArtifactFolder) -> None:
    study = make(InMemoryStorage(), "clf", n_trials=12, stage="classifier")
    (found,) = compare([source(study, store)]).searches
    assert [value for _, value in found.steps] == sorted(value for _, value in found.steps)
    assert found.best == max(found.values)


def test_another_seed_is_no_difference_and_another_budget_is_said(store: ArtifactFolder) -> None:
    storage = InMemoryStorage()
    one = source(make(storage, "a", n_trials=2), store)
    seed = source(make(storage, "b", n_trials=2, seed=1), store)
    short = source(make(storage, "c", n_trials=2, budget=Budget(2)), store)
    assert compare([one, seed]).differences == []
    assert compare([one, short]).differences == ["c: epochs: 2, not 6 as in a"]


def test_searches_of_different_stages_are_refused(store: ArtifactFolder) -> None:
    storage = InMemoryStorage()
    ae = source(make(storage, n_trials=1), store)
    clf = source(make(storage, "clf", n_trials=1, stage="classifier"), store)
    with pytest.raises(StudyError, match="only searches that are judged alike"):
        compare([ae, clf])


def test_wilsons_interval_is_as_published() -> None:
    """The example of a success in ten: 0.0179 to 0.4042."""
    assert wilson(1, 10) == pytest.approx((0.1, 0.0179, 0.4042), abs=1e-4)


def test_a_report_sets_a_further_search_beside_those_of_its_stage(store: ArtifactFolder) -> None:
    storage = InMemoryStorage()
    names = {"ae": "autoencoder", "ae-2": "autoencoder", "clf": "classifier", "ae-3": "autoencoder"}
    studies = [make(storage, n, n_trials=3, stage=s) for n, s in names.items()]  # type: ignore[arg-type]
    sources = choose(studies, ["ae-3", "clf"], store, compare=["ae"])
    assert [each.name for each in sources.compared] == ["ae-3", "ae"]
    assert [each.name for each in sources.searches] == ["ae", "clf", "ae-3"]
    for language in ("en", "es"):
        section = comparison_section(sources.compared, Texts(language))
        (table,) = section.tables()
        assert [row["study"] for row in table.frame.to_dict("records")] == ["ae-3", "ae"]
        assert len(section.figures()) == 2


def test_a_search_that_found_nothing_yet_is_shown_without_figures(store: ArtifactFolder) -> None:
    storage = InMemoryStorage()
    empty = source(make(storage, "a", n_trials=0), store)
    section = comparison_section(
        [empty, source(make(storage, "b", n_trials=0), store)], Texts("en")
    )
    assert section.figures() == []
    assert len(section.tables()) == 1
