import math

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import FixedTrial

from spaces.dimensions import Choices, Dimension, FloatRange, LogRange, When, format_value
from spaces.errors import ConfigurationError

DROPOUT = FloatRange("dropout", "", 0.0, 0.5, step=0.05)
CHANNELS = Choices("conv1_channels", "", (8, 16, 32, 48, 64, 96))
POOL = Choices("pool1", "", ("max", "avg"))
BATCHNORM = Choices("batchnorm", "", (False, True))
RATES = Choices("rate", "", (1e-05, 0.0012345678, 0.5))
RATE = LogRange("learning_rate", "", 1e-4, 0.05)
DIMENSIONS: tuple[Dimension, ...] = (DROPOUT, CHANNELS, POOL, BATCHNORM, RATES, RATE)


@st.composite
def narrowings(draw: st.DrawFn) -> tuple[Dimension, str]:
    """A dimension, and a text that names a part of it."""
    dimension = draw(st.sampled_from(DIMENSIONS))
    values = draw(st.lists(st.sampled_from(dimension.grid()), min_size=1, max_size=4))
    if draw(st.booleans()) and not isinstance(values[0], bool | str):
        return dimension, f"{format_value(min(values))}:{format_value(max(values))}"
    return dimension, draw(st.sampled_from((",", ", "))).join(map(format_value, values))


@settings(max_examples=150, deadline=None)
@given(narrowings())
def test_a_narrowed_dimension_is_a_part_that_its_own_text_names(
    case: tuple[Dimension, str],
) -> None:
    dimension, text = case
    narrowed = dimension.narrowed(text)
    assert set(narrowed.grid()) <= set(dimension.grid())
    assert all(value in dimension and value in narrowed for value in narrowed.grid())
    again = dimension.narrowed(str(narrowed))
    assert again == narrowed
    assert str(again) == str(narrowed)
    assert narrowed.narrowed(str(narrowed)).grid() == narrowed.grid()


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 50), st.integers(1, 40), st.sampled_from((0.05, 0.1, 0.01, 1e-5, 1 / 64)))
def test_every_range_is_named_by_its_text(start: int, n_steps: int, step: float) -> None:
    low, high = round(start * step, 10), round((start + n_steps) * step, 10)
    dimension = FloatRange("rate", "", low, high, step=step)
    assert dimension.narrowed(str(dimension)) == dimension
    assert len(dimension.grid()) == n_steps + 1
    assert all(value in dimension for value in dimension.grid())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(DIMENSIONS), st.text(max_size=12))
def test_any_text_is_narrowed_to_a_part_or_refused_by_name(dimension: Dimension, text: str) -> None:
    try:
        narrowed = dimension.narrowed(text)
    except ConfigurationError as error:
        refusal = str(error)
    else:
        refusal = ""
        assert all(value in dimension for value in narrowed.grid())
    assert not refusal or dimension.name in refusal


@pytest.mark.parametrize(
    ("dimension", "text", "named"),
    [
        (CHANNELS, "17", ["'17'", "8, 16, 32, 48, 64, 96"]),
        (CHANNELS, "16,17", ["'17'", "8, 16"]),
        (CHANNELS, "17:31", ["'17:31'", "8, 16"]),
        (CHANNELS, "64:16", ["'64:16'", "8, 16"]),
        (CHANNELS, "64:", ["'64:'", "8, 16"]),
        (CHANNELS, "true", ["'true'", "8, 16"]),
        (CHANNELS, "nan", ["'nan'", "8, 16"]),
        (POOL, "min", ["'min'", "max, avg"]),
        (BATCHNORM, "1", ["'1'", "false, true"]),
        (DROPOUT, "0.6", ["'0.6'", "0:0.5", "steps of 0.05"]),
        (DROPOUT, "-0.1", ["'-0.1'", "0:0.5"]),
        (DROPOUT, "0.07", ["'0.07'", "0:0.5", "steps of 0.05"]),
        (DROPOUT, "0.07:0.27", ["'0.07'", "0:0.5", "steps of 0.05"]),
        (DROPOUT, "0:0.33", ["'0.33'", "0:0.5", "steps of 0.05"]),
        (DROPOUT, "nan", ["'nan'", "0:0.5"]),
        (DROPOUT, "0:inf", ["'inf'", "0:0.5"]),
        (DROPOUT, "0.3:0.1", ["0.3:0.1", "low to high"]),
        (DROPOUT, "0:0.1,0.3", ["'0:0.1'", "0:0.5"]),
        (DROPOUT, "much", ["'much'", "0:0.5"]),
        (DROPOUT, "0,,1", ["'0,,1'", "commas"]),
        (DROPOUT, "", ["''"]),
        (RATE, "0.06", ["'0.06'", "0.0001:0.05"]),
        (RATE, "1e-5:0.01", ["'1e-5'", "0.0001:0.05"]),
        (RATE, "0.01:1e-3", ["0.01:0.001", "low above 0 to high"]),
        (RATE, "fast", ["'fast'", "0.0001:0.05"]),
    ],
)
def test_a_refusal_names_dimension_value_and_what_is_allowed(
    dimension: Dimension, text: str, named: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        dimension.narrowed(text)
    for part in (dimension.name, *named):
        assert part in str(refusal.value)


def test_the_order_in_which_values_are_named_makes_no_other_space() -> None:
    assert CHANNELS.narrowed("96,64,96") == CHANNELS.narrowed("64,96")
    assert DROPOUT.narrowed("0.25,0") == DROPOUT.narrowed("0,0.25")


def test_a_range_within_choices_takes_all_between_its_ends() -> None:
    assert CHANNELS.narrowed("16:64").grid() == (16, 32, 48, 64)
    assert CHANNELS.narrowed("8,60:100").grid() == (8, 64, 96)


def test_a_range_of_one_value_fixes_the_dimension() -> None:
    assert DROPOUT.narrowed("0.2:0.2").grid() == (0.2,)


def test_texts_are_taken_with_spaces_and_in_capitals() -> None:
    assert BATCHNORM.narrowed(" TRUE ").grid() == (True,)
    assert POOL.narrowed("Max").grid() == ("max",)


def test_a_part_of_a_logarithmic_range_is_a_range_or_the_named_values() -> None:
    condition = When("optimizer", ("sgd", "adam"))
    rate = LogRange("learning_rate", "", 1e-4, 0.05, when=condition)
    assert rate.narrowed("0.001:0.02") == LogRange("learning_rate", "", 0.001, 0.02, when=condition)
    assert rate.narrowed("0.02,1e-3") == Choices("learning_rate", "", (0.001, 0.02), condition)
    assert rate.narrowed("0.0123:0.0123").grid() == (0.0123,)
    assert str(condition) == "optimizer is sgd or adam"
    assert str(When("n_blocks", (3,))) == "n-blocks is 3"


@pytest.mark.parametrize(
    ("low", "high", "grid"),
    [
        (1e-4, 1e-2, (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)),
        (0.003, 0.4, (0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)),
        (3, 40, (3, 5, 10, 20, 40)),
        (0.11, 0.12, (0.11, 0.12)),
    ],
)
def test_a_logarithmic_range_lists_1_2_and_5_of_every_decade_and_its_ends(
    low: float, high: float, grid: tuple[float, ...]
) -> None:
    assert LogRange("learning_rate", "", low, high).grid() == grid


@pytest.mark.parametrize(
    ("drawn", "value"), [(0.00123456, 0.0012), (0.0126, 0.013), (1.24e-4, 1.24e-4), (0.356, 0.356)]
)
def test_a_value_of_a_logarithmic_range_has_two_digits_and_stays_inside(
    drawn: float, value: float
) -> None:
    rate = LogRange("rate", "", 1.24e-4, 0.356)
    assert rate.suggest(FixedTrial({"rate": drawn})) == value


@pytest.mark.parametrize(
    ("dimension", "distribution"),
    [
        (RATE, FloatDistribution(1e-4, 0.05, log=True)),
        (DROPOUT, FloatDistribution(0.0, 0.5, step=0.05)),
        (POOL, CategoricalDistribution(("max", "avg"))),
    ],
    ids=["log", "steps", "choices"],
)
def test_optuna_draws_from_what_the_dimension_says(
    dimension: Dimension, distribution: BaseDistribution
) -> None:
    trial = optuna.create_study().ask()
    assert dimension.suggest(trial) in dimension
    assert trial.distributions == {dimension.name: distribution}


def test_values_belong_by_what_they_are() -> None:
    assert True not in CHANNELS.narrowed("8")
    assert 1 not in BATCHNORM
    assert 0 in DROPOUT
    assert 0 in DROPOUT.narrowed("0,0.1")
    assert False not in DROPOUT
    assert False not in DROPOUT.narrowed("0")
    assert 0.15000000000000002 in DROPOUT
    assert 0.51 not in DROPOUT
    assert 0.35 in FloatRange("dropout", "", 0.1, 0.6, step=0.25)
    assert 0.4 not in FloatRange("dropout", "", 0.1, 0.6, step=0.25)
    assert math.nan not in DROPOUT
    assert "0.1" not in DROPOUT
    assert {1e-4, 0.0123, 0.05} == {value for value in (1e-4, 0.0123, 0.05) if value in RATE}
    assert not any(value in RATE for value in (9e-5, 0.051, math.nan, "0.01", True, None))
    assert 1 in LogRange("rate", "", 0.5, 2)
    assert True not in LogRange("rate", "", 0.5, 2)


def test_impossible_dimensions_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one value"):
        Choices("pool1", "", ())
    with pytest.raises(ConfigurationError, match="low to high"):
        FloatRange("dropout", "", 0.5, 0.5, step=0.05)
    with pytest.raises(ConfigurationError, match=r"steps of 0\.2 from 0; 0\.5 is not"):
        FloatRange("dropout", "", 0.0, 0.5, step=0.2)
    for low, high in ((0.0, 1.0), (-1.0, 1.0), (0.1, 0.1), (0.2, 0.1), (0.1, math.inf)):
        with pytest.raises(ConfigurationError, match="low above 0 to high; got"):
            LogRange("learning_rate", "", low, high)


@pytest.mark.parametrize("text", ["0:0.5", "0.05:0.45", "0.15:0.3"])
def test_what_optuna_suggests_is_a_value_of_the_grid_to_the_last_bit(text: str) -> None:
    dimension = DROPOUT.narrowed(text)
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(sampler=sampler)
    suggested = {dimension.suggest(study.ask()) for _ in range(120)}
    assert suggested == set(dimension.grid())
    assert 0.15000000000000002 not in suggested


def test_rounding_noise_of_a_stored_value_is_cleared() -> None:
    assert DROPOUT.suggest(FixedTrial({"dropout": 0.15000000000000002})) == 0.15


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (0.0, "0"), (0.05, "0.05"), (64, "64"), ("max", "max"), (1e-5, "1e-05")],
)
def test_values_are_written_as_the_command_line_takes_them(
    value: bool | int | float | str, text: str
) -> None:
    assert format_value(value) == text
