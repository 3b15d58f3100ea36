"""What follows from what a request's fields say of themselves."""

from dataclasses import fields
from typing import Any

import pytest

from spaces.budget import Budget
from spaces.errors import ConfigurationError
from studies.final.final_request import FinalRequest
from studies.records.fields import fields_of, names_of
from studies.records.request import Machine, SearchRequest
from studies.records.runs import DECIDING, NOTED
from studies.records.settings import StudySettings


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("trials", -1, "trials must be at least 0; got -1"),
        ("threads", 0, "threads must be at least 1; got 0"),
        ("jobs", 1025, "jobs must be at most 1024; got 1025"),
        ("subset", 599, "subset must be at least 600; got 599"),
        ("timeout_s", 0.0, "timeout_s must be above 0 seconds; got 0.0"),
        ("max_latency_ms", float("nan"), "max_latency_ms must be above 0 milliseconds; got nan"),
        ("keep_weights", -1, "keep_weights must be at least 0; got -1"),
        ("study", " ", "--study must be a name"),
    ],
)
def test_a_request_refuses_what_is_out_of_bounds(field: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        SearchRequest(**{field: value})


def test_a_final_request_refuses_it_as_a_search_does() -> None:
    with pytest.raises(ConfigurationError, match="seeds must be at least 1; got 0"):
        FinalRequest("ae", seeds=0)
    with pytest.raises(ConfigurationError, match="threads must be at least 1; got 0"):
        FinalRequest("ae", threads=0)


def test_a_study_stores_what_it_is_to_remember_by_the_names_of_the_request() -> None:
    stored = {field.name for record in (StudySettings, Budget) for field in fields(record)}
    assert {*names_of(SearchRequest, "study")} <= stored


def test_the_machine_is_the_same_to_searches_and_final_trainings() -> None:
    for request in (SearchRequest, FinalRequest):
        assert names_of(request, "machine") == [*fields_of(Machine)]


def test_a_run_notes_no_place_and_no_address() -> None:
    assert {*NOTED} & {"storage", "artifacts", "data_dir", "dask", "dask_key"} == set()
    assert {*DECIDING} == {"sampler", "pruner", "promote", "trial_timeout_s", "threads"}
