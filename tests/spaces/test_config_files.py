import json
import random
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import tomli_w
from helpers.mutations import mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.classifier import ClassifierConfig
from spaces.config_files import (
    MAX_BYTES,
    ConfigFile,
    TrainedWith,
    from_dict,
    json_schema,
    line_of,
    read_config,
    to_dict,
    write_config,
)
from spaces.errors import ConfigurationError
from spaces.stages import AUTOENCODER, CLASSIFIER, STAGES

SPACES = [(stage, space) for stage in STAGES.values() for space in stage.spaces.values()]
budgets = st.builds(
    Budget,
    epochs=st.integers(1, 100),
    subset=st.none() | st.integers(600, 60_000),
    protocol=st.sampled_from(["search", "paper"]),
)
trained = st.none() | st.builds(TrainedWith, st.integers(0, 2**31), budgets)
in_a_folder = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
)


def without_nothing(table: Any) -> Any:
    """The table as TOML can hold it, which has no null."""
    if isinstance(table, dict):
        return {k: without_nothing(v) for k, v in table.items() if v is not None}
    return table


@pytest.mark.parametrize("ending", ["json", "toml"])
@pytest.mark.parametrize(("stage", "space"), SPACES, ids=lambda s: s.name)
@given(seed=st.integers(0, 2**32), trained_with=trained)
@in_a_folder
def test_a_configuration_goes_through_a_file_and_back(
    tmp_path: Path,
    ending: str,
    stage: Any,
    space: Any,
    seed: int,
    trained_with: TrainedWith | None,
) -> None:
    written = ConfigFile(stage, space.sample(random.Random(seed)), trained_with)
    path = tmp_path / f"config.{ending}"
    write_config(path, written, "config.schema.json")
    assert read_config(path) == written
    assert "config.schema.json" in path.read_text().partition("stage")[0]


def test_what_is_left_out_takes_its_default() -> None:
    assert from_dict({"stage": "autoencoder"}) == ConfigFile(AUTOENCODER, AutoencoderConfig())
    table = {"stage": "classifier", "configuration": {"fc_width": 7}, "training": {"seed": 3}}
    trained_with = TrainedWith(3, Budget())
    assert from_dict(table) == ConfigFile(CLASSIFIER, ClassifierConfig(fc_width=7), trained_with)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "stage must be one of autoencoder, classifier; got None"),
        ({"stage": ["autoencoder"]}, r"stage must be one of .*; got \['autoencoder'\]"),
        ({"stage": "autoencoder", "config": {}}, "unknown field 'config'"),
        ({"stage": "autoencoder", "configuration": []}, "configuration must be a table"),
        ({"stage": "autoencoder", "configuration": {"fc_width": 1}}, "unknown field 'fc_width'"),
        ({"stage": "autoencoder", "configuration": {"dropout": 2}}, "dropout must be in"),
        ({"stage": "classifier", "configuration": {"encoder": 2}}, "encoder must be a table"),
        (
            {"stage": "classifier", "training": {}},
            "seed must be a whole number from 0 to 9,223,372,036,854,775,807; got None",
        ),
        ({"stage": "classifier", "training": {"seed": True}}, "seed must be"),
        ({"stage": "classifier", "training": {"seed": -1}}, "seed must be"),
        (
            {"stage": "classifier", "training": {"seed": 1, "lr": 1}},
            "unknown field 'lr'; there are epochs, subset, protocol, seed",
        ),
        ({"stage": "classifier", "training": {"seed": 1, "epochs": 0}}, "epochs must be"),
        ({"stage": "classifier", "training": {"seed": 1, "epochs": "x"}}, "epochs must be"),
        ({"stage": "classifier", "training": 3}, "training must be a table"),
    ],
)
def test_what_no_configuration_says_is_refused(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        from_dict(table)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", b"", "is not a .json or .toml file"),
        ("config", b"{}", "is not a .json or .toml file"),
        ("a.json", b"{", "Expecting property name"),
        ("a.json", b"[]", "contains no table of fields"),
        ("a.json", b"\xff", "can't decode byte"),
        ("a.json", b"[" * 200_000, "nested too deep$|recursion"),
        ("a.toml", b"a = ", r"line 1, column 5|end of document"),
        ("a.toml", b" " * (MAX_BYTES + 1), "larger than"),
        ("a.json", b'{"stage": "autoencoder", "configuration": {"pool1": "x"}}', "pool1 must be"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_name(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message) as refused:
        read_config(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert str(refused.value).count(str(path)) == 1


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none.toml: No such file or directory"):
        read_config(tmp_path / "none.toml")
    folder = tmp_path / "folder.json"
    folder.mkdir()
    with pytest.raises(ConfigurationError, match=r"folder.json: Is a directory"):
        read_config(folder)


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
) | st.sampled_from(["autoencoder", "classifier", "max", "adam", 1, 0.5])
names = st.sampled_from(
    ["stage", "configuration", "training", "encoder", "seed", "epochs", "pool1", "dropout", "x"]
)
tables = st.recursive(
    scalars, lambda inner: st.dictionaries(names, inner, max_size=4) | st.lists(inner, max_size=2)
)


@given(st.dictionaries(names, tables, max_size=4))
@in_a_folder
def test_any_table_is_a_configuration_or_refused(table: dict[str, Any]) -> None:
    try:
        file = from_dict(table)
    except ConfigurationError:
        return
    assert from_dict(to_dict(file)) == file


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_the_schema_names_every_field_with_its_bounds_and_nothing_else(stage: Any) -> None:
    schema = json.loads(json.dumps(json_schema(stage)))
    parts = schema["properties"]
    assert set(parts) == {"$schema", "stage", "configuration", "training"}
    assert schema["required"] == ["stage", "configuration"]
    assert parts["stage"] == {"const": stage.name}
    stated = parts["configuration"]["properties"]
    assert set(stated) == set(stage.paper[0].config.to_dict())
    assert stated["optimizer"]["enum"] == ["adam", "adamw", "sgd", "rmsprop"]
    assert stated["batch_size"].items() >= {"type": "integer", "maximum": 60_000}.items()
    assert stated["learning_rate"]["exclusiveMinimum"] == 0
    share = {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
    assert stated["weight_decay"]["anyOf"] == [share, {"type": "null"}]
    assert parts["training"]["required"] == ["seed"]
    assert set(parts["training"]["properties"]) == {"epochs", "subset", "protocol", "seed"}
    objects = [schema, parts["configuration"], parts["training"], *schema["$defs"].values()]
    assert not any(part["additionalProperties"] for part in objects)


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, True),
        ({"encoder": {"kernel1": 5}}, True),
        ({"encoder": {"kernel1": 4}}, False),
        ({"encoder": {"depth": 4}}, False),
        ({"shift": 9}, False),
        ({"dropout": 1.0}, False),
    ],
)
def test_the_schema_holds_what_is_accepted_and_nothing_else(
    change: dict[str, Any], holds: bool
) -> None:
    validator = jsonschema.Draft202012Validator(json_schema(CLASSIFIER))
    table = {"stage": "classifier", "configuration": change, "training": {"seed": 0, "epochs": 3}}
    assert validator.is_valid(table) == holds


def test_a_files_text_is_for_people_and_its_seed_may_be_0(tmp_path: Path) -> None:
    file = ConfigFile(CLASSIFIER, CLASSIFIER.paper[0].config, TrainedWith(0, Budget(2)))
    write_config(tmp_path / "a.json", file, "config.schema.json")
    assert '\n  "stage": "classifier",\n' in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert read_config(tmp_path / "a.json") == file


TOML = """
# trials = 1
trials = 2
"quoted key" = 3  # x

[ ae ]   # here
  trials=4
max-params = 5
storage = "sqlite:///a=b.db"
[studies.show]
json = true
[studies."odd"]
"""


@pytest.mark.parametrize(
    ("table", "key", "line"),
    [
        ((), "trials", 3),
        ((), "quoted key", 4),
        (("ae",), "trials", 7),
        (("ae",), "max-params", 8),
        ((), "max-params", None),
        ((), "ae", 6),
        (("ae",), "storage", 9),
        (("studies", "show"), "json", 11),
        (("studies",), "show", 10),
        (("studies",), "odd", 12),
        (("ae",), "nothing", None),
    ],
)
def test_the_line_of_a_key_is_found(table: tuple[str, ...], key: str, line: int | None) -> None:
    tomllib.loads(TOML)
    assert line_of(TOML, table, key) == line


WHOLE = to_dict(
    ConfigFile(CLASSIFIER, CLASSIFIER.paper[0].config, TrainedWith(1, Budget(2, 600, "paper")))
)
TEXTS = {"json": json.dumps(WHOLE, indent=1), "toml": tomli_w.dumps(without_nothing(WHOLE))}


def is_read_or_refused(path: Path) -> bool:
    """Whether what was read is something that can be written and read again."""
    try:
        file = read_config(path)
    except ConfigurationError as error:
        return str(error).startswith(f"{path}: ")
    return from_dict(json.loads(json.dumps(to_dict(file), allow_nan=False))) == file


@pytest.mark.parametrize("ending", TEXTS)
@given(data=st.data())
@in_a_folder
def test_a_file_with_slips_in_it_is_a_configuration_or_refused_with_its_name(
    tmp_path: Path, ending: str, data: st.DataObject
) -> None:
    path = tmp_path / f"config.{ending}"
    path.write_text(data.draw(mutated(TEXTS[ending])), encoding="utf-8", newline="")
    assert is_read_or_refused(path)


@pytest.mark.parametrize("ending", TEXTS)
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@in_a_folder
def test_any_bytes_are_a_configuration_or_refused_with_the_files_name(
    tmp_path: Path, ending: str, content: bytes
) -> None:
    path = tmp_path / f"config.{ending}"
    path.write_bytes(content)
    assert is_read_or_refused(path)
