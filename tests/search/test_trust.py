"""What a configuration file of the working folder may decide, and what needs the user's word."""

import os
import pty
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from helpers import ROOT
from helpers.installed_command import called
from helpers.warm import Warm

from search.app import whole_command_line
from search.defaults import FILE, Command, options_of, subcommands_of
from search.trust import HARMLESS

STATE = Path("state/fmnist-search/trusted")
SETTINGS = Path("settings/fmnist-search")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A folder to work in and a home, both empty."""
    monkeypatch.chdir(tmp_path)
    homes = {"DATA": "data", "STATE": "state", "CONFIG": "settings", "CACHE": "cache"}
    return {
        "PATH": os.environ["PATH"],
        "NO_COLOR": "1",
        **{f"XDG_{name}_HOME": str(tmp_path / folder) for name, folder in homes.items()},
    }


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Somebody's server; whoever connects to it has been lured."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def lured(server: socket.socket) -> bool:
    with suppress(BlockingIOError):
        server.accept()[0].close()
        return True
    return False


def lure(server: socket.socket, path: Path = Path(FILE)) -> None:
    port = server.getsockname()[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'trials = 3\nstorage = "postgresql://me@127.0.0.1:{port}/x?connect_timeout=2"\n'
        f'dask = "tcp://127.0.0.1:{port}"\n'
    )
    path.chmod(0o644)


def every_option() -> set[str]:
    def within(command: Command) -> set[str]:
        below = (within(sub) for sub in subcommands_of(command).values())
        return set(options_of(command)).union(*below)

    return within(whole_command_line())


def test_every_option_that_names_a_place_or_settles_a_question_needs_the_users_word() -> None:
    assert every_option() - HARMLESS == {
        *("storage", "artifacts", "data_dir", "also", "host"),
        *("dask", "dask_ca", "dask_cert", "dask_key"),
        *("out", "parquet", "enqueue", "encoder", "space_file"),
        *("to", "to_artifacts"),
        *("yes", "overwrite", "trust"),
    }


def test_a_file_nobody_named_lures_no_command_anywhere(
    environment: dict[str, str], server: socket.socket
) -> None:
    lure(server)
    for words in (["studies"], ["studies", "show", "ae"], ["gc", "--dry-run"], ["dashboard"]):
        said = called(words, environment)
        assert said.returncode == 1
        assert f"{Path(FILE).absolute()} is a file that you did not name" in said.stderr
        assert "storage (line 2)" in said.stderr
        assert "config --trust" in said.stderr
    said = called(["ae", "--storage", "mine.db", "--dry-run"], environment)
    assert (said.returncode, "dask (line 3)" in said.stderr) == (1, True)
    assert not lured(server)
    assert not Path("mine.db").exists()


def test_what_chooses_numbers_alone_is_taken_and_said(environment: dict[str, str]) -> None:
    Path(FILE).write_text("jobs = 1\n[ae]\ntrials = 3\nepochs = 1\nsubset = 600\n")
    said = called(["ae", "--dry-run", "--epochs", "2"], environment)
    assert said.returncode == 0, said.stderr
    assert f"from {FILE}: --trials, --jobs, --subset\n" in said.stderr
    assert "2 epochs, 600 images" in said.stdout


def test_what_is_typed_needs_nobodys_word(
    environment: dict[str, str], server: socket.socket
) -> None:
    lure(server)
    said = called(["studies", "--storage", "none.db"], environment)
    assert said.stderr == "error: there is no database none.db; --storage takes a file or a URL\n"
    assert called(["ae", "--help"], environment).returncode == 0
    assert "once trusted" in called(["config", "ae", "--json"], environment).stdout
    assert not lured(server)


def test_a_file_that_was_agreed_to_is_taken_as_it_was_and_where_it_was(
    environment: dict[str, str], server: socket.socket
) -> None:
    lure(server)
    assert called(["config", "--trust"], environment).returncode == 0
    assert stat.S_IMODE(STATE.stat().st_mode) == 0o600
    assert "cannot open the studies in postgresql" in called(["studies"], environment).stderr
    assert lured(server)

    elsewhere = Path("elsewhere")
    lure(server, elsewhere / FILE)
    refused = called(["studies"], environment, elsewhere)
    assert "is a file that you did not name" in refused.stderr
    with Path(FILE).open("a") as file:
        file.write("\n")
    assert "is a file that you did not name" in called(["studies"], environment).stderr
    assert not lured(server)


def test_a_list_that_others_can_write_to_vouches_for_nothing(
    environment: dict[str, str], server: socket.socket
) -> None:
    lure(server)
    assert called(["config", "--trust"], environment).returncode == 0
    STATE.chmod(0o666)
    assert "is a file that you did not name" in called(["studies"], environment).stderr
    assert not lured(server)


@pytest.mark.parametrize("words", [["--config", FILE], []])
def test_a_file_that_was_named_is_taken(
    environment: dict[str, str], server: socket.socket, words: list[str]
) -> None:
    lure(server)
    if not words:
        environment["FMNIST_SEARCH_CONFIG"] = FILE
    said = called([*words, "studies"], environment)
    assert f"from {FILE}: --storage\n" in said.stderr
    assert lured(server)


def test_the_users_own_file_is_taken_unless_others_can_write_to_it(
    environment: dict[str, str], server: socket.socket
) -> None:
    own = (SETTINGS / FILE).absolute()
    lure(server, own)
    assert f"from {own}: --storage\n" in called(["studies"], environment).stderr
    assert lured(server)
    own.chmod(0o664)
    assert f"{own} is a file that you did not name" in called(["studies"], environment).stderr
    assert not lured(server)


def typed(answer: str, words: list[str], environment: dict[str, str]) -> str:
    """What a command says on a terminal at which somebody gives this answer."""
    ours, theirs = pty.openpty()
    process = Warm(words, environment, streams=[theirs, theirs, theirs])
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    said = b""
    with suppress(OSError):  # Linux's way to say that nobody is left at the other end
        while part := os.read(ours, 4096):
            said += part
    os.close(ours)
    process.wait(60)
    return said.decode()


@pytest.mark.slow
def test_on_a_terminal_the_user_is_asked_once(
    environment: dict[str, str], server: socket.socket
) -> None:
    lure(server)
    refused = typed("n", ["studies"], environment)
    assert f'  2: storage = "postgresql://me@127.0.0.1:{server.getsockname()[1]}/x' in refused
    assert "nothing was changed" in refused
    assert not lured(server)
    assert "cannot open the studies" in typed("y", ["studies"], environment)
    assert lured(server)
    again = called(["studies"], environment)
    assert "cannot open the studies" in again.stderr


RESTLESS = """
import sys
read = []
sys.addaudithook(lambda event, about: read.append(str(about[0])) if event == "open" else None)
import reports.figures.dashboard_plots, reports.page.making, reports.models.exporting
import matplotlib
assert matplotlib.rcParams["savefig.facecolor"] == "auto"
print([name for name in read if name.endswith("matplotlibrc")])
"""


@pytest.mark.slow
def test_matplotlibs_settings_of_the_working_folder_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("savefig.facecolor: red\nbackend: module://mine\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", RESTLESS],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "mpl-data" in done.stdout
    assert "'matplotlibrc'" not in done.stdout
    assert str(tmp_path) not in done.stdout
