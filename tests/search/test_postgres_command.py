"""The installed command on a PostgreSQL server, and where its password must not be found."""

import os
import subprocess
from pathlib import Path

import pytest
from helpers.installed_command import called
from helpers.postgres import SECRET, Postgres

from spaces.paper import AUTOENCODERS

AE = "ae-epochs1-subset600"
BUDGET = ("--epochs", "1", "--subset", "600", "--jobs", "1")

pytestmark = pytest.mark.slow


class Command:
    """The installed command in a folder of its own, and all it ever said."""

    def __init__(self, home: Path, data_dir: Path) -> None:
        self.home = home
        self.said = ""
        self.environment = {
            **os.environ,
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "FMNIST_SEARCH_DATA": str(data_dir),
            "COLUMNS": "100",
        }

    def __call__(self, *words: str) -> "subprocess.CompletedProcess[str]":
        done = called(words, self.environment, self.home)
        self.said += done.stdout + done.stderr
        return done


@pytest.fixture
def command(tmp_path: Path, data_dir: Path) -> Command:
    return Command(tmp_path, data_dir)


def test_a_search_on_a_server_shows_and_stores_no_password(
    command: Command, postgres: Postgres
) -> None:
    url = postgres.database()
    first = command("ae", "--trials", "1", *BUDGET, "--storage", url)
    assert first.returncode == 0, first.stdout + first.stderr
    n_paper = len(AUTOENCODERS)
    counts = f"1 of 1 searched trials (1 to the end), {n_paper} of {n_paper} of the paper's"
    assert counts in first.stdout
    assert "me:***@127.0.0.1" in first.stdout
    again = command("ae", "--trials", "1", *BUDGET, "--storage", url)
    assert "nothing left to do" in again.stdout
    assert command("studies", "--storage", url).returncode == 0
    assert command("studies", "show", "none", "--storage", url).returncode == 1
    command.environment["FMNIST_SEARCH_STORAGE"] = url
    for words in (
        ("studies", "show", AE, "--json"),
        ("report", "--out", "report"),
        ("export", AE, "--out", "exported"),
        ("train", "exported/config.json", "--repeat", "--out", "final"),
        ("gc", "--dry-run", "--verbose"),
        ("config",),
    ):
        done = command(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    assert SECRET not in command.said
    dumped = postgres.dump(url)
    assert "fmnist_search" in dumped, "the study's settings are in it"
    assert SECRET not in dumped
    for path in command.home.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in postgres.log()


def test_what_cannot_be_reached_is_one_line_without_the_password(
    command: Command, postgres: Postgres
) -> None:
    url = postgres.database()
    for wrong in (
        url.replace("me:", "you:"),
        url.replace(str(postgres.port), "1"),
        url.rsplit("/", 1)[0] + "/nothing",
        url.replace("127.0.0.1", "no.such.host.invalid"),
        url.replace("127.0.0.1", "127.0.0.1:x"),
        f"postgresql://127.0.0.1:{postgres.port}/nothing?user=me&password={SECRET}",
        f"{url}?sslmode=nonsense",
        f"{url}?nonsense={SECRET}&password={SECRET}",
        url.replace("postgresql:", "postgresql+nosuch:"),
    ):
        refused = command("ae", *BUDGET, "--storage", wrong)
        assert refused.returncode == 1, wrong
        assert refused.stderr.startswith("error: "), refused.stderr
        assert refused.stderr.count("\n") == 1, refused.stderr
    assert SECRET not in command.said
