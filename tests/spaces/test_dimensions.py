import math

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FixedTrial

from spaces.dimensions import Choices, Dimension, FloatRange, format_value
from spaces.errors import ConfigurationError

DROPOUT = FloatRange("dropout", "", 0.0, 0.5, step=0.05)
CHANNELS = Choices("conv1_channels", "", (8, 16, 32, 48, 64, 96))
POOL = Choices("pool1", "", ("max", "avg"))
BATCHNORM = Choices("batchnorm", "", (False, True))
RATES = Choices("rate", "", (1e-05, 0.0012345678, 0.5))
DIMENSIONS: tuple[Dimension, ...] = (DROPOUT, CHANNELS, POOL, BATCHNORM, RATES)


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
        assert set(narrowed.grid()) <= set(dimension.grid())
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


def test_values_belong_by_what_they_are() -> None:
    assert True not in CHANNELS.narrowed("8")
    assert 1 not in BATCHNORM
    assert 0 in DROPOUT
    assert 0 in DROPOUT.narrowed("0,0.1")
    assert False not in DROPOUT
    assert False not in DROPOUT.narrowed("0")
    assert 0.15000000000000002 in DROPOUT
    assert 0.51 not in DROPOUT
    assert math.nan not in DROPOUT
    assert "0.1" not in DROPOUT


def test_impossible_dimensions_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one value"):
        Choices("pool1", "", ())
    with pytest.raises(ConfigurationError, match="low to high"):
        FloatRange("dropout", "", 0.5, 0.5, step=0.05)
    with pytest.raises(ConfigurationError, match=r"steps of 0\.2 from 0; 0\.5 is not"):
        FloatRange("dropout", "", 0.0, 0.5, step=0.2)


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
