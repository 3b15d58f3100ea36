"""A marked password, looked for in all that every command says and writes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.installed_command import called
from helpers.postgres import SECRET

from search.app import whole_command_line
from search.defaults import FILE, options_of, subcommands_of

DATABASE = f"postgresql://me:{SECRET}@127.0.0.1:9/d?connect_timeout=1&passwrd={SECRET}"
BUCKET = f"s3://key:{SECRET}@bucket/prefix?secret={SECRET}"
ADDRESS = f"tcp://me:{SECRET}@127.0.0.1:9"
GIVEN = {"storage": DATABASE, "also": DATABASE, "artifacts": BUCKET, "dask": ADDRESS}
ARGUMENTS = {"train": ["ae"], "export": ["ae"], "predict": ["ae", "boot.png"], "show": ["ae"]}


class Place:
    """A home and a working folder of their own, and all that was said there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.said = ""
        homes = {f"XDG_{kind}_HOME": str(home / kind) for kind in ("DATA", "CONFIG", "STATE")}
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "COLUMNS": "200",
            **homes,
        }

    def run(self, *words: str, **variables: str) -> int:
        done = called(words, {**self.environment, **variables}, self.home)
        self.said += done.stdout + done.stderr
        return done.returncode

    def told(self) -> Iterator[str]:
        """Where the password is."""
        if SECRET in self.said:
            yield next(line for line in self.said.splitlines() if SECRET in line)
        for path in self.home.rglob("*"):
            if path.is_file() and path.name != FILE and SECRET.encode() in path.read_bytes():
                yield str(path)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def commands() -> Iterator[tuple[str, ...]]:
    for name, command in subcommands_of(whole_command_line()).items():
        yield (name,)
        yield from ((name, below) for below in subcommands_of(command))


def options(words: tuple[str, ...]) -> set[str]:
    command: Any = whole_command_line()
    for word in words:
        command = subcommands_of(command)[word]
    return set(options_of(command))


every_command = pytest.mark.parametrize("words", [*commands()], ids=" ".join)


@pytest.mark.slow
@every_command
def test_a_password_that_is_typed_is_never_repeated(place: Place, words: tuple[str, ...]) -> None:
    own = ARGUMENTS.get(words[-1], [])
    for key in options(words) & set(GIVEN):
        value = GIVEN[key]
        assert place.run(*words, *own, f"--{key}", value) in (1, 2, 3)
        assert place.run(f"--{key}={value}", *words) == 2
        assert place.run(*words, *own, f"--{key}s", value) == 2
    assert place.run(*words, *own, DATABASE, BUCKET, DATABASE) in (1, 2)
    assert place.run(DATABASE, *words) == 2
    assert list(place.told()) == []


@every_command
def test_a_password_in_the_place_of_a_number_is_never_repeated(
    place: Place, words: tuple[str, ...]
) -> None:
    for key in options(words) & {"trials", "jobs", "port", "top", "sampler", "timeout", "lang"}:
        assert place.run(*words, f"--{key}", DATABASE) == 2
        assert place.run(*words, **{f"FMNIST_SEARCH_{key.upper()}": DATABASE}) == 2
    for key in ("trials", "jobs", "port", "top", "nonsense"):
        (place.home / FILE).write_text(f'{key} = "{DATABASE}"\n')
        assert place.run(*words) == 2
    assert place.run("--config", DATABASE, *words) == 2
    assert list(place.told()) == []


def test_config_shows_that_a_password_is_there_and_not_which(place: Place) -> None:
    lines = [f'{key} = "{value}"' for key, value in GIVEN.items()]
    (place.home / FILE).write_text("\n".join(lines) + f'\nenqueue = ["me:{SECRET}@h", "b.toml"]\n')
    for words in ([], ["--json"], ["--verbose"], ["--trust"]):
        assert place.run("config", *words) == 0
    variables = {f"FMNIST_SEARCH_{key.upper()}": value for key, value in GIVEN.items()}
    assert place.run("config", "--json", **variables) == 0
    assert "me:***@127.0.0.1" in place.said
    assert "key:***@bucket" in place.said
    assert place.run("studies") == 1
    assert list(place.told()) == []


def test_a_bug_is_told_without_the_password(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(_: object) -> None:
        raise RuntimeError(f"cannot parse {SECRET!r} of {DATABASE}")

    monkeypatch.setattr("studies.records.references.all_studies", bug)
    assert place.run("studies", FMNIST_SEARCH_STORAGE=DATABASE) == 1
    assert place.run("studies", PGPASSWORD=SECRET) == 70
    assert "cannot parse '***'" in place.said
    assert list(place.told()) == []
