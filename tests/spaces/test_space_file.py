import random
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from helpers.mutations import mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaces.dimensions import Choices
from spaces.errors import ConfigurationError
from spaces.space_file import SpaceFile, read_space
from spaces.stages import AUTOENCODER, CLASSIFIER, STAGES

in_a_folder = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def written(folder: Path, text: str) -> Path:
    path = folder / "space.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_says_what_the_options_say(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'space = "wide"\ndropout = "0:0.2"\nbatchnorm = true\noptimizer = ["adamw", "adam"]\n'
        "conv1-channels = [8, 16]\nweight_decay = 0.001\nlearning-rate = 1e-3\n",
    )
    assert read_space(path, AUTOENCODER) == SpaceFile(
        "wide",
        {
            "dropout": "0:0.2",
            "batchnorm": "true",
            "optimizer": "adam,adamw",
            "conv1_channels": "8,16",
            "weight_decay": "0.001",
            "learning_rate": "0.001",
        },
    )


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert read_space(written(tmp_path, ""), CLASSIFIER) == SpaceFile(None, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pool1 = 'max'\ndropot = 0.1", ":2: 'dropot' is not a dimension; did you mean dropout?"),
        ("fc_width = 3", ":1: 'fc_width' is not a dimension; there are dropout, batchnorm, "),
        ("space = 'paper'\nkernel1 = 3", ":2: 'kernel1' is not a dimension of the paper space; "),
        ("space = 'huge'", ":1: space must be one of paper, wide; got 'huge'"),
        ("space = ['wide']", ":1: space must be one of paper, wide; got ['wide']"),
        ("\n\ndropout = 0.7", ":3: dropout cannot be '0.7'; give a number"),
        ("dropout = nan", ":1: dropout cannot be 'nan'"),
        ("dropout = []", ":1: dropout needs values"),
        ("pool1 = true", ":1: pool1 cannot be 'true'; choose from max, avg"),
        ("pool1 = 2020-01-01", ":1: pool1: must be text, a number, true or false, or a list"),
        ("[pool1]\nx = 1", ":1: pool1: must be text"),
        ("pool1 = [['max']]", ":1: pool1: a list must contain single values"),
        ("n-blocks = 3\nn_blocks = 2", ":2: n_blocks is given twice"),
        ("dropout = ", ": Invalid value (at "),
    ],
)
def test_what_the_options_would_refuse_is_refused_with_file_line_and_key(
    tmp_path: Path, text: str, message: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as refused:
        read_space(path, AUTOENCODER)
    assert str(refused.value).startswith(f"{path}{message}")


def test_the_likely_dimension_is_found_whichever_dashes_stand_in_a_key(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"'fc-w' is not a dimension; did you mean fc_width"
    ):
        read_space(written(tmp_path, "fc-w = 32"), CLASSIFIER)


def test_a_key_whose_line_is_not_found_is_refused_with_its_file(tmp_path: Path) -> None:
    path = written(tmp_path, "dropuot.high = 0.2")
    assert str(refusal(path)).startswith(
        f"{path}: 'dropuot' is not a dimension; did you mean dropout?"
    )


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "space.json"
    path.write_text("{}")
    with pytest.raises(ConfigurationError, match=r"ends in \.toml"):
        read_space(path, AUTOENCODER)


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.short)
@given(data=st.data(), seed=st.integers(0, 2**32))
@in_a_folder
def test_any_part_of_a_space_written_out_is_read_as_it_was(
    tmp_path: Path, stage: Any, data: st.DataObject, seed: int
) -> None:
    rng = random.Random(seed)
    space = stage.spaces["wide"]
    chosen = data.draw(st.lists(st.sampled_from(space.dimensions), unique_by=lambda d: d.name))
    values = {d.name: rng.sample(d.grid(), k=rng.randint(1, len(d.grid()))) for d in chosen}
    file = read_space(written(tmp_path, tomli_w.dumps(values)), stage)
    narrowed = space.narrowed(file.narrowed)
    for dimension in narrowed.dimensions:
        if dimension.name in values:
            assert isinstance(dimension, Choices)
            assert set(dimension.values) == set(values[dimension.name])


keys = [d.name for d in AUTOENCODER.spaces["wide"].dimensions] + ["space", "what", ""]
anything = st.recursive(
    st.booleans() | st.integers(-9, 2**70) | st.floats() | st.text(max_size=6) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys), inner),
    max_leaves=4,
)


def refusal(path: Path) -> str | None:
    try:
        read_space(path, AUTOENCODER)
    except ConfigurationError as error:
        return str(error)
    return None


@given(table=st.dictionaries(st.sampled_from(keys), anything, max_size=3))
@in_a_folder
def test_any_table_is_a_space_or_refused_with_the_files_name(
    tmp_path: Path, table: dict[str, Any]
) -> None:
    path = written(tmp_path, tomli_w.dumps(table))
    said = refusal(path)
    assert said is None or said.startswith(str(path))


@given(content=st.binary(max_size=50) | st.text(max_size=50).map(str.encode))
@in_a_folder
def test_any_bytes_are_a_space_or_refused_with_the_files_name(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "space.toml"
    path.write_bytes(content)
    said = refusal(path)
    assert said is None or said.startswith(str(path))


VALID = (
    'space = "wide"\ndropout = "0:0.2"\nbatchnorm = true\noptimizer = ["adam", "adamw"]\n'
    "conv1-channels = [8, 16]\nlearning_rate = 1e-3\n"
)


@given(text=mutated(VALID))
@in_a_folder
def test_a_file_with_slips_in_it_is_a_space_or_refused_with_its_name(
    tmp_path: Path, text: str
) -> None:
    said = refusal(written(tmp_path, text))
    assert said is None or said.startswith(str(tmp_path))
