from dataclasses import fields
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from search.command import OwnCommand
from search.search_options import SearchOptions, with_search_options
from spaces.stages import AUTOENCODER, CLASSIFIER, STAGES
from studies.records.request import SearchRequest


@pytest.fixture
def given() -> list[SearchOptions]:
    """What the command was called with."""
    return []


def call(given: list[SearchOptions], *arguments: str, stage: str = "ae") -> Result:
    app = typer.Typer(rich_markup_mode=None)  # as the whole command line is

    @app.command(cls=OwnCommand)
    @with_search_options(CLASSIFIER if stage == "clf" else AUTOENCODER)
    def ae(options: SearchOptions) -> None:
        """Search."""
        given.append(options)

    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "TERM": "dumb"})


def request(given: list[SearchOptions], *arguments: str) -> SearchRequest:
    result = call(given, *arguments)
    assert result.exit_code == 0, result.output
    return SearchRequest(**given[-1].request)


def test_without_options_the_request_is_the_default_one(given: list[SearchOptions]) -> None:
    assert request(given) == SearchRequest()
    assert given[-1].dry_run is False


def test_every_field_of_the_request_has_one_option(given: list[SearchOptions]) -> None:
    names = {field.name for field in fields(SearchRequest)}
    assert call(given).exit_code == 0
    assert set(given[0].request) <= names
    assert call(given, stage="clf").exit_code == 0
    assert set(given[0].request) | set(given[1].request) == names - {"only_paper"}
    for stage in STAGES.values():
        for space in stage.spaces.values():
            assert not names & {dimension.name for dimension in space.dimensions}


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        ("--trials 0", "trials", 0),
        ("--more 7", "more", 7),
        ("--sampler qmc", "sampler", "qmc"),
        ("--pruner none", "pruner", "none"),
        ("--timeout 15m", "timeout_s", 900.0),
        ("--patience 4", "patience", 4),
        ("--target 0.016", "target", 0.016),
        ("--target 1.75%", "target", 0.0175),
        ("--threads 2", "threads", 2),
        ("--epochs 3", "epochs", 3),
        ("--subset 600", "subset", 600),
        ("--protocol paper", "protocol", "paper"),
        ("--seed 5", "seed", 5),
        ("--study mine", "study", "mine"),
        ("--new", "new", True),
        ("--storage a.db", "storage", "a.db"),
        ("--keep-weights all", "keep_weights", "all"),
        ("--keep-weights 3", "keep_weights", 3),
        ("--dropout 0:0.2", "space", {"dropout": "0:0.2"}),
        ("--dropout 0.10,0", "space", {"dropout": "0,0.1"}),
        ("--conv2-channels 96,64", "space", {"conv2_channels": "64,96"}),
        ("--batchnorm TRUE --pool1 avg", "space", {"batchnorm": "true", "pool1": "avg"}),
    ],
)
def test_an_option_sets_its_field_and_no_other(
    given: list[SearchOptions], arguments: str, field: str, value: Any
) -> None:
    asked = request(given, *arguments.split())
    assert getattr(asked, field) == value
    default = SearchRequest()
    changed = [f.name for f in fields(asked) if getattr(asked, f.name) != getattr(default, f.name)]
    assert changed == [field]


def test_a_dry_run_is_no_part_of_the_request(given: list[SearchOptions]) -> None:
    assert request(given, "--dry-run") == SearchRequest()
    assert given[-1].dry_run is True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--dropout 0.9", ["--dropout", "0.9", "0:0.5"]),
        ("--conv1-channels 17", ["--conv1-channels", "17", "8, 16, 32, 48, 64, 96, 128"]),
        ("--pool1 min", ["--pool1", "min", "max, avg"]),
        ("--sampler magic", ["--sampler", "magic", "tpe", "qmc"]),
        ("--timeout soon", ["--timeout", "soon", "90s, 15m or 2h"]),
        ("--timeout 0", ["--timeout", "'0'"]),
        ("--timeout -5m", ["--timeout", "-5m"]),
        ("--keep-weights some", ["--keep-weights", "some", "all, none nor a number"]),
        ("--keep-weights -1", ["--keep-weights", "-1"]),
        ("--trials -1", ["--trials", "greater than or equal to 0"]),
        ("--more 0", ["--more", "greater than or equal to 1"]),
        ("--subset 599", ["--subset", "greater than or equal to 600"]),
        ("--seed -1", ["--seed", "greater than or equal to 0"]),
        ("--depth 3", ["--depth"]),
    ],
)
def test_a_wrong_value_is_refused_with_option_value_and_what_is_allowed(
    given: list[SearchOptions], arguments: str, words: list[str]
) -> None:
    result = call(given, *arguments.split())
    assert result.exit_code == 2, result.output
    assert given == []
    said = " ".join(result.output.replace("│", " ").split())
    for word in words:
        assert word in said


def test_the_help_shows_every_dimension_with_what_it_takes(given: list[SearchOptions]) -> None:
    result = call(given, "--help-all")
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    for dimension in AUTOENCODER.spaces["wide"].dimensions:
        assert f"--{dimension.name.replace('_', '-')}" in said
        assert dimension.help in said
        values = str(dimension).replace(",", ", ")
        assert f"[default: {values}]" in said or f"; wide: {values}]" in said
        assert dimension.when is None or f"Only where {dimension.when}." in said
    assert "[default: tpe]" in said
