"""The command that is printed to go on, read again as a shell and the command line read it."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from search.output import Output
from search.search_options import (
    SearchOptions,
    in_force,
    with_options,
    with_search_options,
)
from spaces.recipe import MOST_PARAMETERS
from spaces.stages import AUTOENCODER, CLASSIFIER, Stage
from studies.records.commands import command_to_go_on
from studies.records.request import PrunerName, SamplerName, SearchRequest

STORED = ("epochs", "subset", "protocol", "seed", "space_name", "max_params", "max_latency_ms")
"""Fields that the study knows, and that only a default in force makes the command name."""

texts = st.text(st.characters(blacklist_categories=("C", "Z")), min_size=1, max_size=12)
names = st.text(min_size=1, max_size=12).filter(lambda n: bool(n.strip()) and n.isprintable())
positive = st.floats(1e-9, 1e9, allow_nan=False)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def requests_of(stage: Stage) -> st.SearchStrategy[SearchRequest]:
    space = {"dropout": st.sampled_from(["0:0.2", "0", "0,0.1"]), "batchnorm": st.just("true")}
    own: dict[str, Any] = {}
    if stage is CLASSIFIER:
        metrics = st.sampled_from(["accuracy", "loss"])
        own = {"encoder": maybe(texts), "metric": maybe(metrics)}
    return st.builds(
        SearchRequest,
        **own,
        space=st.fixed_dictionaries({}, optional=space),
        sampler=st.sampled_from(get_args(SamplerName)),
        pruner=st.sampled_from(get_args(PrunerName)),
        promote=st.integers(0, 9),
        timeout_s=maybe(positive),
        patience=maybe(st.integers(1, 99)),
        target=maybe(st.floats(-1e9, 1e9, allow_nan=False)),
        keep_weights=st.sampled_from(["all", "none", 0, 10]),
        checkpoint_every=maybe(st.integers(1, 99)),
        jobs=maybe(st.integers(1, 99)),
        threads=st.integers(1, 99),
        storage=maybe(texts.map(lambda name: f"{name}.db")),
        artifacts=maybe(texts),
        data_dir=maybe(texts.map(Path)),
        epochs=maybe(st.integers(1, 99)),
        subset=maybe(st.integers(600, 60_000)),
        protocol=st.sampled_from([None, "search", "paper"]),
        seed=maybe(st.integers(0, 99)),
        space_name=st.sampled_from([None, "paper", "wide"]),
        max_params=maybe(st.integers(1, MOST_PARAMETERS)),
        max_latency_ms=maybe(positive),
    )


def understood(command: str, stage: Stage, file: dict[str, Any]) -> SearchRequest:
    """What the command line makes of the command, with a file's defaults in force."""
    app, heard = typer.Typer(), []

    @app.command()
    @with_search_options(stage)
    def search(options: SearchOptions) -> None:
        heard.append(SearchRequest(**options.request))

    program, name, *words = shlex.split(command)
    assert (program, name) == ("fmnist-search", stage.short)
    result = CliRunner().invoke(app, words, default_map=file)
    assert result.exit_code == 0, (command, result.output)
    return heard[0]


@pytest.mark.parametrize("stage", [AUTOENCODER, CLASSIFIER])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_printed_command_asks_for_the_same_again(stage: Stage, data: st.DataObject) -> None:
    name = data.draw(names)
    wanted = data.draw(requests_of(stage))
    command = command_to_go_on(name, wanted, SearchRequest(), stage, ("trials", 7))
    stored = dict.fromkeys((*STORED, "encoder", "metric"))  # the study knows them
    expected = replace(wanted, study=name, trials=7, space={}, **stored)
    assert understood(command, stage, {}) == expected


FILE = {"sampler": "random", "timeout_s": "2h", "threads": 3, "epochs": 5, "dropout": "0:0.1"}
IN_FORCE = SearchRequest(
    sampler="random", timeout_s=7200, threads=3, epochs=5, space={"dropout": "0:0.1"}
)


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ({}, ()),
        ({"sampler": "tpe"}, ("--sampler", "tpe")),
        ({"threads": 1}, ("--threads", "1")),
        ({"timeout_s": 60.0}, ("--timeout", "60")),
        ({"epochs": 2}, ("--epochs", "2")),
        ({"seed": 4}, ()),
        ({"space": {"dropout": "0"}}, ("--dropout", "0")),
        ({"space": {"dropout": "0:0.1", "batchnorm": "true"}}, ()),
    ],
)
def test_what_a_file_says_is_named_where_the_run_was_asked_for_something_else(
    typed: dict[str, Any], named: tuple[str, ...]
) -> None:
    wanted = replace(IN_FORCE, **typed)
    command = command_to_go_on("ae", wanted, IN_FORCE, AUTOENCODER, ("trials", 7))
    words = ["fmnist-search", "ae", "--study", "ae", "--trials", "7", *named]
    assert shlex.split(command) == words
    again = understood(command, AUTOENCODER, FILE)
    for name in ("sampler", "threads", "timeout_s", "epochs"):
        assert getattr(again, name) == getattr(wanted, name)
    assert again.space["dropout"] == wanted.space["dropout"]


@pytest.mark.parametrize(
    ("stage", "file", "typed"),
    [
        (AUTOENCODER, "loss,params", ("loss",)),
        (AUTOENCODER, "loss,params", ("loss", "macs")),
        (CLASSIFIER, "accuracy,params", ("accuracy",)),
        (CLASSIFIER, "accuracy,params", ("loss", "params")),
    ],
)
def test_other_objectives_than_a_file_says_are_named(
    stage: Stage, file: str, typed: tuple[str, ...]
) -> None:
    metric, *costs = file.split(",")
    now = SearchRequest(metric=metric, objectives=tuple(costs))
    wanted = SearchRequest(metric=typed[0], objectives=typed[1:])
    command = command_to_go_on("s", wanted, now, stage, ("trials", 7))
    again = understood(command, stage, {"objectives": file})
    assert (again.metric, again.objectives) == (wanted.metric, wanted.objectives)


def test_the_command_knows_what_is_in_force_where_nothing_is_typed() -> None:
    app, heard = typer.Typer(), []

    @app.command()
    @with_search_options(AUTOENCODER)
    def search(options: SearchOptions) -> None:
        heard.append(SearchRequest(**options.in_force()))

    words = ["--sampler", "tpe", "--epochs", "2", "--patience", "3"]
    result = CliRunner().invoke(app, words, default_map=FILE)
    assert result.exit_code == 0, result.output
    assert heard == [IN_FORCE]


def test_a_command_over_both_stages_goes_on_by_the_command_of_one() -> None:
    app, heard = typer.Typer(), []

    @app.command()
    @with_search_options(AUTOENCODER)
    def ae(options: SearchOptions) -> None:
        """Search."""

    @app.command()
    @with_options("sampler", "threads")
    def run(request: dict[str, Any], output: Output, context: typer.Context) -> None:
        heard.append((request, SearchRequest(**in_force(context, AUTOENCODER))))

    file = {"ae": {"threads": 3, "epochs": 5}, "run": {"sampler": "random", "threads": 2}}
    result = CliRunner().invoke(app, ["run", "--sampler", "gp"], default_map=file)
    assert result.exit_code == 0, result.output
    ((asked, now),) = heard
    assert now == SearchRequest(threads=3, epochs=5)
    command = command_to_go_on("ae", SearchRequest(**asked), now, AUTOENCODER, ("more", 10))
    assert command == "fmnist-search ae --study ae --more 10 --sampler gp --threads 2"
