"""Commands that repeat a search, worked out from what its runs were asked for."""

import shlex
from collections.abc import Callable

import optuna
import pytest
from helpers.made_up_studies import make
from hypothesis import given
from hypothesis import strategies as st

from reports.analysis.chosen_studies import Source, Sources
from reports.document.parts import Table
from reports.document.texts import Texts
from reports.page import repeating
from reports.page.section_origin import origin_section
from spaces.autoencoder import AutoencoderConfig
from studies.records import trials
from studies.records.request import SearchRequest
from studies.records.runs import Record, of


def run(study: optuna.Study, request: SearchRequest, reason: str | None = "done") -> None:
    """What a run leaves in its study that makes one trial."""
    record = Record(study, request)
    there = study.get_trials()
    record.begin(there, len(there), request.jobs or 1)
    config = AutoencoderConfig().to_dict()
    study.add_trial(optuna.trial.create_trial(value=0.5, user_attrs={trials.CONFIG: config}))
    if reason is not None:
        record.end(reason)


def source(sources: Callable[..., Sources]) -> Source:
    (only,) = sources("ae").searches
    return only


def test_runs_that_were_asked_for_the_same_are_one_command(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    study = make(storage, n_trials=0)
    for request in (
        SearchRequest(trials=1, timeout_s=60),
        SearchRequest(trials=2),
        SearchRequest(trials=3, sampler="random", threads=2),
        SearchRequest(trials=4, sampler="random", threads=2, patience=3),
    ):
        run(study, request)
    first, second = map(shlex.split, repeating.search_commands(source(sources)))
    assert first[:5] == ["fmnist-search", "ae", "--study", "ae", "--trials"]
    assert (first[5], second[5]) == ("2", "4")
    assert "--sampler tpe --pruner promotion --threads 1" in " ".join(first)
    assert "--sampler random --pruner promotion --threads 2" in " ".join(second)
    assert not {"--timeout", "--patience"} & {*first, *second}, "they would end it elsewhere"


def test_what_a_study_of_an_earlier_version_was_asked_for_is_said_not_to_be_known(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    study = make(storage, n_trials=2)
    (command,) = repeating.search_commands(source(sources))
    assert "--trials 2" in command
    assert "--sampler" not in command
    assert "An earlier version did not record" in page(sources)
    run(study, SearchRequest(trials=3))
    assert "An earlier version did not record" in page(sources), "still of the first of them"


def test_a_run_of_a_sampler_that_is_gone_is_told_as_it_was(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    study = make(storage, n_trials=0)
    run(study, SearchRequest(trials=1, sampler="cmaes"))  # type: ignore[arg-type]
    assert of(study)[0].in_words()["sampler"] == "cmaes"
    (command,) = repeating.search_commands(source(sources))
    assert "--sampler cmaes" in command
    assert command in page(sources)


def page(sources: Callable[..., Sources]) -> str:
    section = origin_section(sources(), None, Texts("en"))
    return " ".join(str(getattr(block, "text", "")) for block in section.blocks)


def test_a_runs_times_are_shown_by_the_minute_and_kept_whole(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    study = make(storage, n_trials=0)
    run(study, SearchRequest(trials=1))
    (known,) = of(study)
    section = origin_section(sources(), None, Texts("en"))
    (table,) = (b for b in section.blocks if isinstance(b, Table) and b.name == "runs")
    assert list(table.frame["begun"]) == [known.begun]
    assert table.shown(Texts("en"))[0][1] == f"{known.begun[:10]} {known.begun[11:16]}"


def test_a_run_that_was_killed_is_not_said_to_have_ended(
    storage: optuna.storages.BaseStorage,
) -> None:
    study = make(storage, n_trials=0)
    run(study, SearchRequest(trials=1), reason=None)
    run(study, SearchRequest(trials=2), reason="interrupted")
    killed, stopped = of(study)
    assert (killed.ended, killed.how_it_ended()) == (None, "it still runs, or was killed")
    assert stopped.ended is not None
    assert stopped.how_it_ended() == "interrupted"


def test_versions_are_said_of_the_trials_that_were_made_with_them(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    study = make(storage, n_trials=0, with_paper=False)
    for version in ("2.13.0", "2.13.0", "2.13.1"):
        attrs = {trials.MADE_WITH: {"torch": version}, trials.N_THREADS: 1}
        study.add_trial(optuna.trial.create_trial(value=0.5, user_attrs=attrs))
    section = origin_section(sources(), None, Texts("en"))
    (versions,) = (b for b in section.blocks if getattr(b, "name", "") == "versions")
    assert list(versions.frame["torch"]) == ["2.13.0 (#0–#1), 2.13.1 (#2)"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], None),
        ([(0, "a"), (3, "a")], "a"),
        ([(0, "a"), (1, "a"), (2, "b")], "a (#0–#1), b (#2)"),
        ([(0, "a"), (1, "b"), (2, "a")], "a (#0), b (#1), a (#2)"),
        ([(n, "ab"[n % 2]) for n in range(9)], "a (5×), b (4×)"),
    ],
)
def test_values_are_said_by_ranges_of_numbers(
    values: list[tuple[int, str]], words: str | None
) -> None:
    assert repeating.in_ranges(values) == words


@given(st.lists(st.sampled_from("abc"), max_size=20))
def test_every_value_is_named_and_no_other(values: list[str]) -> None:
    said = repeating.in_ranges(list(enumerate(values))) or ""
    assert {word for word in said.replace(",", "").split() if word.isalpha()} - {"trials"} == set(
        values
    )


def test_a_runs_options_are_said_as_the_command_line_calls_them(
    storage: optuna.storages.BaseStorage,
) -> None:
    study = make(storage, n_trials=0)
    request = SearchRequest(
        trials=1, timeout_s=3600, trial_timeout_s=600, checkpoint_every=2, promote=0
    )
    run(study, request)
    (noted,) = of(study)
    assert noted.in_words() == {
        "sampler": "tpe",
        "pruner": "promotion",
        "threads": 1,
        "keep-weights": 10,
        "trials": 1,
        "timeout": "3600s",
        "trial-timeout": "600s",
        "checkpoint-every": 2,
    }
