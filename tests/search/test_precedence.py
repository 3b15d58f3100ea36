"""What is typed beats variables, those the file that was named, that the working folder's, …."""

import os
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import typer
from helpers.installed_command import Command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.core import TyperOption

from search.app import fmnist_search, whole_command_line
from search.defaults import FILE, name_variables, options_of, subcommands_of, variables_of

SOURCES = ("own", "folder", "variable", "typed")
"""Each beats those before it; a file that was named stands in the place of the folder's."""
TEXTS = (
    *("600", "601", "602", "2", "3", "4", "0.1", "0.2", "true", "false", "true", "max", "avg"),
    *("tpe", "random", "gp", "median", "none", "search", "paper", "wide", "loss,params", "loss"),
    *("accuracy", "accuracy,macs", "relu", "gelu", "adam", "sgd", "constant", "cosine", "conv1"),
    *("8", "16", "32", "64", "5", "0.9", "0.95", "adamw", "valid", "same"),
    *("0.001", "0.002", "0.0001", "100", "200", "1", "0", "all", "local", "tcp://h:1"),
    *("json", "toml", "en", "es", "final", "a.toml", "b.toml", "c.toml"),
    *(str(Path(__file__).with_name(name)) for name in ("test_config.py", "test_trust.py")),
)


def takes(option: TyperOption, text: str) -> bool:
    try:
        option.process_value(typer.Context(whole_command_line()), spelt(option, text))
    except typer.BadParameter:
        return False
    return not option.is_flag or text in ("true", "false")


def spelt(option: TyperOption, text: str) -> Any:
    """The value as the command line has it before it is read."""
    return [text] if option.multiple else text


def filed(option: TyperOption, text: str) -> Any:
    kind = option.type_descriptor.annotation
    if option.is_flag:
        return text == "true"
    plain = option.type_descriptor.parameter_info.parser is None and kind in (int, float)
    return kind(text) if plain else text


ALL = [
    (name, key)
    for name, command in subcommands_of(whole_command_line()).items()
    for key in options_of(command)
]


@given(data=st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
    max_examples=150,
)
def test_the_nearest_to_the_user_wins(
    data: st.DataObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, key = data.draw(st.sampled_from(ALL))
    command = subcommands_of(whole_command_line())[name]
    option = options_of(command)[key]
    texts = [text for text in TEXTS if takes(option, text)]
    assert texts, key
    said = data.draw(st.dictionaries(st.sampled_from(SOURCES), st.sampled_from(texts), min_size=1))
    if option.is_flag and said.get("typed") == "false":
        del said["typed"]  # a flag is typed or it is not
    is_named = data.draw(st.booleans())
    own, folder = tmp_path / "settings" / "fmnist-search" / FILE, tmp_path / FILE
    for source, path in (("own", own), ("folder", tmp_path / "named.toml" if is_named else folder)):
        path.parent.mkdir(parents=True, exist_ok=True)
        table = {name: {key: filed(option, said[source])}} if source in said else {}
        path.write_text(tomli_w.dumps(table))
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
        for variable in [v for v in os.environ if v.startswith("FMNIST_SEARCH_")]:
            patch.delenv(variable)
        if "variable" in said:
            patch.setenv(data.draw(st.sampled_from(variables_of(key))), said["variable"])
        root = typer.Context(whole_command_line(), info_name="fmnist-search")
        fmnist_search(root, False, tmp_path / "named.toml" if is_named else None)
        words = [f"--{key.replace('_', '-')}", said["typed"]] if "typed" in said else []
        arguments = ["x"] * sum(not isinstance(p, TyperOption) for p in command.params)
        for other in command.params:
            if isinstance(other, TyperOption) and other.required and other is not option:
                arguments += [other.opts[0], "x"]
        read = command.make_context(
            name, [*arguments, *(words[:1] if option.is_flag else words)], root
        )
    nearest = next((said[source] for source in reversed(SOURCES) if source in said), None)
    if nearest is not None:
        expected = option.process_value(read, spelt(option, nearest))
        assert read.params[str(option.name)] == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "variables", "filed", "expected"),
    [
        ("--space-file s.toml", {"DROPOUT": "0.2"}, "", "dropout 0.1,"),
        ("--space-file s.toml --dropout 0.3", {"DROPOUT": "0.2"}, "", "dropout 0.3,"),
        ("", {"DROPOUT": "0.2", "SPACE_FILE": "s.toml"}, "", "dropout 0.2,"),
        ("", {"SPACE_FILE": "s.toml"}, "dropout = 0.2", "dropout 0.1,"),
    ],
)
def test_a_spaces_file_stands_where_the_option_does_that_names_it(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    variables: dict[str, str],
    filed: str,
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text("dropout = 0.1\n")
    Path(FILE).write_text(f"{filed}\n")
    command.environment |= {f"FMNIST_SEARCH_{name}": value for name, value in variables.items()}
    said = command.run("ae", "--dry-run", "--epochs", "1", "--subset", "600", *words.split())
    assert said.returncode == 0, said.stderr
    assert f"space: {expected}" in said.stdout


@pytest.mark.slow
def test_final_figures_say_loudly_what_of_them_nobody_typed(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(FILE).write_text("[train]\nsubset = 600\n")
    command.environment["FMNIST_SEARCH_EPOCHS"] = "1"
    words = ("train", "paper:dropout", "--seeds", "1", "--jobs", "1")
    done = command.run(*words, "--json")
    assert done.returncode == 0, done.stderr
    said = "--epochs was not typed: FMNIST_SEARCH_EPOCHS sets it to 1, which affects the figures"
    assert said in done.stderr
    assert done.stderr.index(said) < done.stderr.index("verified"), "before it trains"
    import json

    not_typed = {"epochs": "FMNIST_SEARCH_EPOCHS", "subset": f"{FILE}:2"}
    assert json.loads(done.stdout)["not_typed"] == not_typed
    typed = command.run(*words, "--epochs", "1", "--subset", "600", "--quiet")
    assert "was not typed" not in typed.stderr


def test_one_folder_of_data_has_one_option_whatever_its_variable_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("DATA", "older"), ("DATA_DIR", "newer")):
        monkeypatch.setenv(f"FMNIST_SEARCH_{name}", value)
        name_variables(whole_command_line())
        command = subcommands_of(whole_command_line())["data"]
        read = command.make_context("data", [], typer.Context(whole_command_line()))
        assert read.params["data_dir"] == Path(value)
