"""What holds for every configuration of every space of both stages."""

import json
import random
import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FixedTrial

from spaces.autoencoder import AutoencoderConfig
from spaces.classifier import ClassifierConfig, searches_encoder, with_encoder
from spaces.dimensions import is_active
from spaces.errors import ConfigurationError
from spaces.space import SearchSpace, fingerprint, values_of
from spaces.stages import AUTOENCODER, CLASSIFIER, STAGES, Stage
from studies.networks.plain import build

SPACES = [(stage, space) for stage in STAGES.values() for space in stage.spaces.values()]
every_space = pytest.mark.parametrize(
    ("stage", "space"), SPACES, ids=[f"{stage.short}-{space.name}" for stage, space in SPACES]
)
every_stage = pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.short)
seeds = st.integers(0, 2**32)


def drawn(space: SearchSpace[Any], seed: int) -> Any:
    """A configuration of the space; a classifier's over an encoder that is drawn too."""
    rng = random.Random(seed)
    if space.config_type is ClassifierConfig and not searches_encoder(space):
        space = with_encoder(space, STAGES["autoencoder"].spaces["wide"].sample(rng))
    return space.sample(rng)


@every_space
@given(seed=seeds)
@settings(max_examples=40, deadline=None)
def test_torch_counts_the_parameters_that_a_configuration_says(
    stage: Stage, space: SearchSpace[Any], seed: int
) -> None:
    config = drawn(space, seed)
    network = build(config).eval()
    assert sum(p.numel() for p in network.parameters()) == config.n_parameters()
    images = torch.zeros(2, 1, 28, 28)
    with torch.inference_mode():
        shape = tuple(network(images).shape)
    assert shape == ((2, 1, 28, 28) if stage.name == "autoencoder" else (2, 10))


@every_space
@given(seed=seeds)
@settings(max_examples=100, deadline=None)
def test_a_configuration_goes_through_json_and_back(
    stage: Stage, space: SearchSpace[Any], seed: int
) -> None:
    config = drawn(space, seed)
    again = space.config_type.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert fingerprint(again) == fingerprint(config)
    assert again.in_words() == config.in_words()
    assert config.n_multiply_adds() > 0


@every_space
@given(seed=seeds)
@settings(max_examples=100, deadline=None)
def test_a_drawn_configuration_lies_in_its_space_and_can_be_suggested_again(
    stage: Stage, space: SearchSpace[Any], seed: int
) -> None:
    config = space.sample(random.Random(seed))
    assert config in space
    params = space.params(config)
    active = [d.name for d in space.dimensions if is_active(d, values_of(config))]
    assert list(params) == active
    assert space.suggest(FixedTrial(params)) == config
    for dimension in space.dimensions:
        if not is_active(dimension, values_of(config)):
            assert values_of(config)[dimension.name] == values_of(space.base)[dimension.name]


@every_space
def test_every_dimension_is_a_field_and_its_condition_stands_before_it(
    stage: Stage, space: SearchSpace[Any]
) -> None:
    names = [dimension.name for dimension in space.dimensions]
    assert len(set(names)) == len(names)
    assert set(names) <= set(values_of(space.base))
    for position, dimension in enumerate(space.dimensions):
        assert dimension.help.endswith(".")
        if dimension.when is not None:
            parent = names.index(dimension.when.name)
            assert parent < position
            assert set(dimension.when.values) <= set(space.dimensions[parent].grid())


@every_space
@given(seed=seeds)
@settings(max_examples=40, deadline=None)
def test_a_space_narrowed_by_its_own_description_is_the_same(
    stage: Stage, space: SearchSpace[Any], seed: int
) -> None:
    assert space.narrowed(space.describe()).describe() == space.describe()
    config = space.sample(random.Random(seed))
    fixed = space.narrowed({name: str(v).lower() for name, v in space.params(config).items()})
    assert config in fixed


@every_stage
def test_the_wide_space_has_every_dimension_of_the_papers_and_all_its_values(stage: Stage) -> None:
    wide = {dimension.name: dimension for dimension in stage.spaces["wide"].dimensions}
    for dimension in stage.spaces["paper"].dimensions:
        assert all(value in wide[dimension.name] for value in dimension.grid())


@every_stage
def test_the_papers_rows_are_known_by_name_and_each_is_run_once(stage: Stage) -> None:
    assert sorted(stage.run_order) == sorted(row.name for row in stage.paper)
    assert stage.best_of_paper in stage.paper
    for row in stage.paper:
        assert stage.paper_row(row.name) is row
        assert row.config in stage.spaces["paper"]
        assert isinstance(row.config, AutoencoderConfig | ClassifierConfig)
    with pytest.raises(KeyError):
        stage.paper_row("best")


@every_stage
def test_metrics_are_what_an_epoch_tells(stage: Stage) -> None:
    from studies.training.metrics import EpochMetrics

    for name, metric in stage.metrics.items():
        assert metric.key in EpochMetrics._fields
        assert metric.direction == ("maximize" if name == "accuracy" else "minimize")


@pytest.mark.parametrize(
    ("stage", "name", "target", "message"),
    [
        (AUTOENCODER, "loss", 0.0, "--target 0.0000: no trial's loss is 0 or less"),
        (
            AUTOENCODER,
            "loss",
            1.75,
            "--target 1.7500 would stop at the first trial: one grey for every pixel gives "
            "0.4978 without learning anything; did you mean 1.75%?",
        ),
        (CLASSIFIER, "loss", 2.4, "ten classes alike gives 2.3026"),
        (CLASSIFIER, "accuracy", 91.5, "above 100 %; did you mean 91.5%?"),
        (CLASSIFIER, "accuracy", 0.1, "one class for every image gives 10.00 %"),
    ],
)
def test_targets_beyond_reach_or_met_by_all_are_refused_with_the_bound(
    stage: Stage, name: str, target: float, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        stage.metrics[name].check_target(target)


def test_targets_that_a_search_may_reach_are_taken() -> None:
    AUTOENCODER.metrics["loss"].check_target(0.0175)
    CLASSIFIER.metrics["accuracy"].check_target(1.0)
    CLASSIFIER.metrics["loss"].check_target(0.25)
