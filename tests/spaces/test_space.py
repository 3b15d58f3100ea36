import random
from dataclasses import dataclass, fields, replace
from typing import Any

import optuna
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from optuna.trial import FixedTrial

from spaces import classifier, paper
from spaces.autoencoder import PAPER_SPACE, WIDE_SPACE, AutoencoderConfig
from spaces.classifier import PAPER_ENCODER, ClassifierConfig
from spaces.errors import ConfigurationError
from spaces.space import SearchSpace, architecture, fingerprint, values_of, with_values

SMALL = {
    "dropout": "0.1:0.2",
    "batchnorm": "true",
    "conv1_channels": "16,96",
    "conv2_channels": "32",
}

configs = st.builds(
    AutoencoderConfig,
    dropout=st.one_of(st.just(0), st.sampled_from((0.0, 0.05, 0.15, 0.2))),
    batchnorm=st.booleans(),
    pool1=st.sampled_from(("max", "avg")),
    conv1_channels=st.sampled_from((8, 16, 64)),
    learning_rate=st.sampled_from((1e-3, 0.001, 2e-3, 1)),
)


@settings(max_examples=200, deadline=None)
@given(configs, configs)
def test_fingerprints_are_equal_if_and_only_if_configurations_are(
    one: AutoencoderConfig, other: AutoencoderConfig
) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)
    assert fingerprint(AutoencoderConfig.from_dict(one.to_dict())) == fingerprint(one)


def test_a_space_is_cut_to_the_dimensions_that_are_named() -> None:
    named = ("dropout", "pool2", "nothing")
    assert [d.name for d in PAPER_SPACE.only(named).dimensions] == ["dropout", "pool2"]
    assert PAPER_SPACE.only(named).base == PAPER_SPACE.base


def test_classifiers_over_other_encoders_have_other_fingerprints() -> None:
    over = [AutoencoderConfig(), AutoencoderConfig(conv1_channels=8), PAPER_ENCODER]
    assert len({fingerprint(ClassifierConfig(encoder=encoder)) for encoder in over}) == 3


def test_all_configurations_of_the_paper_space_have_fingerprints_of_their_own() -> None:
    space = PAPER_SPACE.narrowed({"dropout": "0,0.15,0.5"})
    assert len({fingerprint(config) for config in space}) == space.size()


def test_fingerprints_do_not_change_between_versions() -> None:
    assert fingerprint(AutoencoderConfig()) == "44136fa355b3678a"
    best = AutoencoderConfig(batchnorm=True, pool2="avg", conv1_channels=64, conv2_channels=96)
    assert fingerprint(best) == "0f9dc22c949a8846"
    assert fingerprint(AutoencoderConfig(dropout=0.15)) == "2f5384b4060d0825"


def test_a_whole_number_and_the_same_real_number_are_one_configuration() -> None:
    assert fingerprint(AutoencoderConfig(dropout=0)) == fingerprint(AutoencoderConfig(dropout=0.0))
    whole, real = AutoencoderConfig(learning_rate=1), AutoencoderConfig(learning_rate=1.0)
    assert fingerprint(whole) == fingerprint(real)
    whole, real = AutoencoderConfig(weight_decay=0), AutoencoderConfig(weight_decay=0.0)
    assert fingerprint(whole) == fingerprint(real) != fingerprint(AutoencoderConfig())


def test_a_field_added_later_leaves_old_fingerprints_as_they_were() -> None:
    @dataclass(frozen=True)
    class Later(AutoencoderConfig):
        depth: str = "two"

    assert fingerprint(Later(dropout=0.1)) == fingerprint(AutoencoderConfig(dropout=0.1))
    assert fingerprint(Later(depth="three")) != fingerprint(AutoencoderConfig())


def test_the_space_counts_lists_and_holds_its_configurations() -> None:
    space = PAPER_SPACE.narrowed(SMALL)
    listed = list(space)
    assert space.size() == len(listed) == len(set(listed)) == 3 * 2 * 2 * 2
    assert all(config in space and config in PAPER_SPACE for config in listed)
    assert {config.dropout for config in listed} == {0.1, 0.15, 0.2}
    assert AutoencoderConfig() not in space
    outside = AutoencoderConfig(learning_rate=0.01)
    assert outside not in PAPER_SPACE  # a field that is no dimension, not at its default


NARROW_WIDE = {
    **dict.fromkeys(("dropout", "shift", "erasing", "weight_decay"), "0"),
    **dict.fromkeys(("batchnorm", "flip"), "false"),
    **{"conv1_channels": "8", "conv2_channels": "16", "kernel1": "3", "kernel2": "3"},
    **{"pool1": "max", "pool2": "max", "activation": "relu", "optimizer": "adam"},
    "convs_per_block": "1",
    **{"learning_rate": "0.001", "schedule": "constant", "batch_size": "100"},
}


@pytest.mark.parametrize(
    ("space", "narrowing", "size"),
    [
        # Three ways to freeze, and gradual by four epochs.
        (classifier.PAPER_SPACE, {"fc_width": "0,32", "dropout": "0"}, 2 * (3 + 4) * 2 * 4),
        # Unpadded, padded with two blocks, and with three: four widths and two poolings.
        (WIDE_SPACE, NARROW_WIDE, 1 + 1 + 4 * 2),
        (WIDE_SPACE, {**NARROW_WIDE, "padding": "valid"}, 1),
    ],
    ids=["freeze", "blocks", "condition never met"],
)
def test_a_dimension_counts_only_where_its_condition_is_met(
    space: SearchSpace[Any], narrowing: dict[str, str], size: int
) -> None:
    narrowed = space.narrowed(narrowing)
    listed = list(narrowed)
    assert narrowed.size() == len(listed) == len(set(listed)) == size
    assert all(config in narrowed for config in listed)


def test_samples_are_of_the_space_and_repeat_with_their_generator() -> None:
    space = PAPER_SPACE.narrowed(SMALL)
    samples = [space.sample(random.Random(seed)) for seed in range(20)]
    assert all(config in space for config in samples)
    assert len(set(samples)) > 5
    assert samples == [space.sample(random.Random(seed)) for seed in range(20)]


def test_a_space_is_made_again_from_its_description() -> None:
    space = PAPER_SPACE.narrowed(SMALL)
    assert PAPER_SPACE.narrowed(space.describe()) == space
    assert PAPER_SPACE.narrowed({}) == PAPER_SPACE
    assert PAPER_SPACE.narrowed(PAPER_SPACE.describe()) == PAPER_SPACE


def test_an_unknown_dimension_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown dimension 'depth'.*dropout, batchnorm"):
        PAPER_SPACE.narrowed({"depth": "3"})


def test_suggested_configurations_are_what_the_trial_has_recorded() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    space = PAPER_SPACE.narrowed(SMALL)
    for _ in range(20):
        trial = study.ask()
        config = space.suggest(trial)
        assert config in space
        assert set(trial.params) == {dimension.name for dimension in space.dimensions}
        assert trial.params == pytest.approx(
            {name: config.to_dict()[name] for name in trial.params}
        )


def test_fixed_parameters_give_their_configuration() -> None:
    params: dict[str, Any] = PAPER_SPACE.params(paper.BEST_AUTOENCODER.config)
    assert PAPER_SPACE.suggest(FixedTrial(params)) == paper.BEST_AUTOENCODER.config


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("row", paper.AUTOENCODERS, ids=lambda row: row.name)
def test_a_known_configuration_is_recorded_as_far_as_a_narrowed_space_holds_it(
    row: paper.PaperModel[AutoencoderConfig],
) -> None:
    space = PAPER_SPACE.narrowed(SMALL)
    study = optuna.create_study()
    study.enqueue_trial(space.params(row.config))
    trial = study.ask()
    space.suggest_known(trial, row.config)
    study.tell(trial, 0.5)
    recorded = study.trials[0].params
    fields = row.config.to_dict()
    assert recorded == {
        dimension.name: fields[dimension.name]
        for dimension in space.dimensions
        if fields[dimension.name] in dimension
    }
    assert set(recorded) < {dimension.name for dimension in space.dimensions}


@pytest.mark.parametrize("row", paper.AUTOENCODERS, ids=lambda row: row.name)
def test_a_known_configuration_is_recorded_whole_in_the_default_space(
    row: paper.PaperModel[AutoencoderConfig],
) -> None:
    study = optuna.create_study()
    study.enqueue_trial(PAPER_SPACE.params(row.config))
    trial = study.ask()
    PAPER_SPACE.suggest_known(trial, row.config)
    assert PAPER_SPACE.suggest(FixedTrial(trial.params)) == row.config


def test_what_only_training_needs_makes_no_other_architecture() -> None:
    plain = AutoencoderConfig(conv1_channels=8)
    trained_otherwise = replace(plain, dropout=0.5, learning_rate=0.01, flip=True, shift=1)
    assert architecture(plain) == architecture(trained_otherwise)
    others = [{"batchnorm": True}, {"pool1": "avg"}, {"activation": "gelu"}, {"kernel1": 5}]
    assert len({architecture(replace(plain, **other)) for other in [{}, *others]}) == 5


def test_an_architecture_of_a_classifier_knows_neither_its_freezing_nor_its_encoders_dropout() -> (
    None
):
    head = ClassifierConfig(fc_width=64)
    encoder = replace(head.encoder, dropout=0.3)
    other = replace(head, freeze="gradual", unfreeze_epoch=1, dropout=0.5, encoder=encoder)
    assert architecture(replace(other, optimizer="sgd", label_smoothing=0.1)) == architecture(head)
    assert architecture(replace(head, fc_width=32)) != architecture(head)
    assert architecture(replace(head, batchnorm=True)) != architecture(head)


@pytest.mark.parametrize("space", [WIDE_SPACE, classifier.WIDE_SPACE], ids=lambda s: type(s.base))
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_two_that_differ_never_read_alike(space: SearchSpace[Any], data: st.DataObject) -> None:
    of = [field for field in fields(space.base) if field.name != "encoder"]
    one, third = (space.sample(random.Random(data.draw(st.integers(0, 10**6)))) for _ in range(2))
    changed = data.draw(st.lists(st.sampled_from(of), min_size=1, max_size=3))
    values = {field.name: data.draw(st.from_type(field.type)) for field in changed}
    try:
        other = replace(one, **values)
    except ConfigurationError:  # infinite, too large for any memory, or without a pixel
        reject()
    again = data.draw(st.sampled_from([one, third]))
    differ = fingerprint(again) != fingerprint(other)
    assert (again.in_words() != other.in_words()) == differ, (again, other)


def test_a_field_of_a_configuration_within_goes_by_both_names() -> None:
    config = ClassifierConfig(fc_width=64, encoder=AutoencoderConfig(pool1="avg"))
    values = values_of(config)
    assert (values["fc_width"], values["encoder_pool1"]) == (64, "avg")
    assert values == values_of(config.to_dict()) | {"encoder": config.encoder}
    changed = with_values(config, {"fc_width": 0, "encoder_pool2": "avg"})
    assert changed == ClassifierConfig(encoder=AutoencoderConfig(pool1="avg", pool2="avg"))
    assert with_values(config, {}) == config


def test_the_whole_space_has_the_encoders_dimensions_under_their_conditions() -> None:
    space = classifier.WHOLE_SPACE.narrowed({"encoder_padding": "same", "encoder_n_blocks": "3"})
    encoders = [space.sample(random.Random(seed)).encoder for seed in range(50)]
    assert {encoder.n_blocks for encoder in encoders} == {3}
    assert len({encoder.conv3_channels for encoder in encoders}) > 1
    unpadded = classifier.WHOLE_SPACE.narrowed({"encoder_padding": "valid"})
    encoders = [unpadded.sample(random.Random(seed)).encoder for seed in range(50)]
    assert {encoder.n_blocks for encoder in encoders} == {2}, "three mean nothing without padding"
    assert "freeze" not in space.describe(), "random weights are not worth keeping"


def test_the_encoder_is_told_where_it_is_searched() -> None:
    config = ClassifierConfig(fc_width=64)
    assert classifier.WIDE_SPACE.in_words(config) == "FC 64, adam"
    words = "encoder 64/96 ch, max/avg, batch norm; FC 64, adam"
    assert classifier.WHOLE_SPACE.in_words(config) == words
