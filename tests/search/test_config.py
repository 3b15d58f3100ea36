"""Defaults from a file and from the environment, and the command that shows them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from helpers.mutations import mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.app import main, whole_command_line
from search.defaults import FILE, options_of, read_defaults, subcommands_of
from spaces.errors import ConfigurationError


class Said(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Runs the command line in an empty folder, with no variables but those given."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("FMNIST_SEARCH_"):
            monkeypatch.delenv(name)
    for kind in ("CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / "home" / kind))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")

    def called(*words: str, **variables: str) -> Said:
        whole_command_line.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr("sys.argv", ["fmnist-search", *words])
            for name, value in variables.items():
                patch.setenv(f"FMNIST_SEARCH_{name}", value)
            with pytest.raises(SystemExit) as end:
                main()
        said = capsys.readouterr()
        return Said(int(end.value.code or 0), said.out, said.err)

    return called


def configured(call: Call, command: str, *words: str, **variables: str) -> dict[str, Any]:
    """Each option's value and source, as ``config --json`` tells them."""
    said = call(*words, "config", command, "--json", **variables)
    assert said.code == 0, said.err
    rows = json.loads(said.out)
    return {row["option"]: (row["value"], row["source"]) for row in rows}


def write(text: str, name: str = FILE) -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def test_without_file_and_variables_every_value_is_the_default(call: Call) -> None:
    options = configured(call, "ae")
    assert {source for _, source in options.values()} == {"default"}
    assert options["--sampler"] == ("tpe", "default")
    assert options["--epochs"] == ("30", "default"), "a default that only the help tells"
    assert options["--dropout"] == ("0:0.5", "default")


def test_environment_beats_the_commands_table_and_that_beats_what_stands_on_top(call: Call) -> None:
    write('epochs = 5\nseed = 1\n# words\n[ae]\nseed = 2\ntrials = 9\nkeep-weights = "all"\n')
    options = configured(call, "ae", TRIALS="7")
    assert options["--epochs"] == (5, f"{FILE}:1")
    assert options["--seed"] == (2, f"{FILE}:5")
    assert options["--trials"] == ("7", "FMNIST_SEARCH_TRIALS")
    assert options["--keep-weights"] == ("all", f"{FILE}:7")
    assert configured(call, "clf")["--seed"] == (1, f"{FILE}:2")
    assert configured(call, "clf")["--trials"][1] == "default"


def test_a_budget_that_was_not_typed_gives_way_to_repeat(call: Call) -> None:
    write('[train]\nprotocol = "paper"\n')
    given_way = call("train", "none.json", "--repeat", EPOCHS="1", SUBSET="600")
    assert "none.json: No such file" in given_way.err
    for option in ("epochs", "encoder"):
        typed = call("train", "none.json", "--repeat", f"--{option}", "1")
        assert f"leave out --{option}" in typed.err


def test_a_home_that_no_shell_has_replaced_is_the_home(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "full").mkdir(parents=True)
    (tmp_path / "home" / "full" / "mine.txt").touch()
    said = call("report", "--out=~/full")
    assert f"{tmp_path}/home/full is not empty" in said.err
    assert not Path("~").exists()


def test_the_command_line_beats_all_and_the_plan_is_made_of_all_sources(
    call: Call, tmp_path: Path
) -> None:
    write(
        "jobs = 1\nepochs = 1\nsubset = 600\n"
        '[ae]\ndropout = [0, 0.1]\nbatchnorm = true\nmax-params = 7000\nstorage = "mine.db"\n'
        'trials = 5\nstudy = "filed"\n'
    )
    words = ("--config", FILE, "ae", "--batchnorm", "false", "--dry-run")
    planned = call(*words, TRIALS="3", CONV1_CHANNELS="8")
    assert planned.code == 0, planned.err
    for words in (
        "new study 'filed' in ",
        "mine.db",
        "search protocol, 1 epoch, 600 images",
        "dropout 0,0.1, batchnorm false",
        "conv1-channels 8,",
        "limit: no more than 7,000 parameters",
        "to do: 3 searched trials",
    ):
        assert words in planned.out.replace("\n", " ")


def test_a_table_of_a_group_is_for_its_commands_too(call: Call) -> None:
    write('[studies]\nstorage = "a.db"\n[studies.show]\njson = true\n')
    assert configured(call, "studies", "--config", FILE)["--storage"] == ("a.db", f"{FILE}:2")
    assert configured(call, "studies", "--config", FILE)["--json"][1] == "default"
    assert configured(call, "studies show", "--config", FILE)["--storage"] == ("a.db", f"{FILE}:2")
    assert configured(call, "studies show", "--config", FILE)["--json"] == (True, f"{FILE}:4")


def test_another_file_can_be_named_by_option_and_by_variable(call: Call) -> None:
    write("seed = 1")
    other = str(write("seed = 2", "other.toml"))
    assert configured(call, "ae", "--config", other)["--seed"] == (2, "other.toml:1")
    assert configured(call, "ae", CONFIG=other)["--seed"] == (2, "other.toml:1")
    said = call("--config", "none.toml", "config")
    assert (said.code, said.err) == (2, "error: none.toml: No such file or directory\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trials = 5\ntrails = 5", "2: 'trails' is no option of any command; did you mean trials?"),
        ("[ae]\nencoder = 1", "2: 'encoder' is no option of ae"),
        ("[aee]\ntrials = 1", "1: 'aee' is no option of any command; did you mean ae?"),
        ("[studies.shwo]\n", "1: 'shwo' is no option of studies; did you mean show?"),
        ('\n\ntrials = "5"', "3: trials: must be a whole number; got '5'"),
        ("trials = 5.0", "1: trials: must be a whole number; got 5.0"),
        ("trials = true", "1: trials: must be a whole number; got True"),
        ("target = 'low'", "1: target: 'low' is not a value; write it as 0.0175, 1.75% or 91.5%"),
        ("new = 1", "1: new: must be true or false; got 1"),
        ("study = 1", "1: study: must be text, in quotes; got 1"),
        ("sampler = 'magic'", "1: sampler: "),
        ("epochs = 0", "1: epochs: Input should be greater than or equal to 1"),
        ("[ae]\n'dropout' = 0.7", "2: dropout: dropout cannot be '0.7'; give a number"),
        ("dropout = 1979-05-27", "1: dropout: must be text, a number, true or false, or a list"),
        ("dropout = [[0.1]]", "1: dropout: a list must contain single values"),
        ("timeout = 'soon'", "1: timeout: 'soon' is not a time"),
        ("enqueue = [1]", "1: enqueue: must be text or a list of texts; got [1]"),
        ("ae = 3", "1: 'ae' is no option of any command"),
        ("a = ", "Invalid value (at "),
        ("seed = 1\nseed = 2", "Cannot overwrite a value (at "),
    ],
)
def test_what_cannot_be_is_one_line_with_file_and_line(call: Call, text: str, message: str) -> None:
    write(text)
    said = call("ae", "--dry-run")
    assert said.code == 2
    assert said.err.startswith(f"error: {FILE}:")
    assert message in said.err
    assert said.err.count("\n") == 1


def test_a_wrong_variable_is_named(call: Call) -> None:
    said = call("ae", "--dry-run", TRIALS="many")
    assert said.code == 2
    assert "FMNIST_SEARCH_TRIALS" in said.err


def test_config_names_the_file_and_variables_that_nothing_reads(call: Call) -> None:
    write("trials = 4")
    said = call("config", TRAILS="4", DATA="somewhere")
    assert said.code == 0
    assert f"configuration file: {FILE}" in said.out
    assert "--trials" in said.out
    assert "no option reads the environment variable FMNIST_SEARCH_TRAILS" in said.err
    assert "FMNIST_SEARCH_DATA " not in said.err


def test_config_of_an_unknown_command_names_the_nearest_or_those_there_are(call: Call) -> None:
    said = call("config", "aee")
    assert (said.code, said.err) == (2, "error: no command 'aee'; did you mean 'ae'?\n")
    said = call("config", "xyz")
    assert said.code == 2
    assert "no command 'xyz'; there are " in said.err
    assert "studies show" in said.err


def test_the_help_names_a_variable_where_it_is_set(call: Call) -> None:
    assert "FMNIST_SEARCH_PATIENCE" not in call("ae", "--help-all").out
    assert "FMNIST_SEARCH_PATIENCE" in call("ae", "--help-all", PATIENCE="4").out


def test_every_option_can_be_given_its_own_default_by_a_file(tmp_path: Path) -> None:
    root = whole_command_line()
    for name, command in subcommands_of(root).items():
        for key, option in options_of(command).items():
            if option.is_flag:
                path = tmp_path / FILE
                path.write_text(f"[{name}]\n{key} = true\n")
                read = read_defaults(path, root)
                assert read.as_default_map()[name][option.name] is True
                assert read.stated[name, key].origin.line == 2


def refusal(path: Path) -> str | None:
    try:
        read_defaults(path, whole_command_line())
    except ConfigurationError as error:
        return str(error)
    return None


values = st.one_of(
    st.booleans(),
    st.integers(-(2**40), 2**70),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.lists(st.integers() | st.sampled_from(["a.toml", "0.1", "max"]), max_size=3),
)


@given(data=st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
def test_any_table_is_read_or_refused_with_the_files_name(
    data: st.DataObject, tmp_path: Path
) -> None:
    import tomli_w

    commands = subcommands_of(whole_command_line())
    keys = sorted({key for command in commands.values() for key in options_of(command)})
    table = st.dictionaries(st.sampled_from([*keys, "nonsense", ""]), values, max_size=3)
    written = data.draw(st.dictionaries(st.sampled_from(sorted(commands)), table, max_size=2))
    path = tmp_path / FILE
    path.write_text(tomli_w.dumps({**data.draw(table), **written}), encoding="utf-8")
    said = refusal(path)
    assert said is None or said.startswith(str(path))


@given(content=st.binary(max_size=60))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
def test_any_bytes_are_read_or_refused_with_the_files_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(content)
    said = refusal(path)
    assert said is None or said.startswith(str(path))


VALID = (
    'jobs = 2\nstorage = "studies.db"\n[ae]\ntrials = 100\ndropout = [0, 0.1]\n'
    'timeout = "8h"\nenqueue = ["a.toml"]\n[studies.show]\nverbose = true\n'
)


@given(text=mutated(VALID))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
def test_a_file_with_slips_in_it_is_read_or_refused_with_its_name(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / FILE
    path.write_text(text, encoding="utf-8", newline="")
    said = refusal(path)
    assert said is None or said.startswith(str(path))
