"""Every command in README and docs, run as it stands there, in the order in which it stands there.

What makes them quick is what a reader can set too: variables that give each trial a small budget.
A block that is not run says why, in a comment before it.
"""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers import ROOT
from helpers.postgres import SECRET, Postgres, find_binaries
from helpers.warm import warm_program
from PIL import Image

import fmnist_search
from studies.data.images import load_test

DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
SMALL_BUDGET = {
    "FMNIST_SEARCH_EPOCHS": "1",
    "FMNIST_SEARCH_SUBSET": "600",
    "FMNIST_SEARCH_TRIALS": "1",
    "FMNIST_SEARCH_PATIENCE": "1",  # ends searches with --trials 50, too
    "FMNIST_SEARCH_TIMEOUT": "20s",
    "FMNIST_SEARCH_JOBS": "1",  # each more is a process that loads PyTorch
}
DASK_PORT = 8786

PRELUDE = r"""
set -euo pipefail
trap 'jobs -p | xargs --no-run-if-empty kill' EXIT

fmnist-search() {
    [ "$1" = dashboard ] || { command fmnist-search "$@" < /dev/null; return; }
    : > dashboard.log  # an earlier one's address is not this one's
    set -m  # else the background knows no Ctrl-C
    command fmnist-search "$@" > dashboard.log & local server=$!
    set +m
    until grep --quiet 'http' dashboard.log; do kill -0 $server; sleep 0.2; done
    python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' \
        "$(grep --only-matching 'http[^ ]*' dashboard.log)"
    kill -INT $server
    wait $server
}

make() { FMNIST_SEARCH_TIMEOUT=2s command make "$@"; }

dask() {
    command dask "$@" 2> "dask-$1.log" & local process=$!
    until grep --quiet 'Scheduler at:\|Registered to:' "dask-$1.log"; do
        kill -0 $process; sleep 0.2
    done
}
"""
"""What ends by itself only when it is told to gets told; all else is the command itself."""


class Block(NamedTuple):
    """A block of code of a document."""

    language: str
    text: str
    not_run: str
    """Why not; empty if it is run."""

    def script(self) -> str:
        """What of the block the shell is to do."""
        file = re.match(r"# (\S+\.toml)\n", self.text)
        if self.not_run:
            return ""
        if file is not None:
            return f"cat > {file[1]} <<'END-OF-FILE'\n{self.text}END-OF-FILE\n"
        if self.language == "console":
            lines = [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]
            return "\n".join(lines) + "\n"
        return self.text if self.language == "sh" else ""


def blocks(document: Path) -> list[Block]:
    found = re.findall(
        r"^(?:<!-- not run: ([^\n]*) -->\n)?^```(\w*)\n(.*?)^```$",
        document.read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )
    return [Block(language, text, reason) for reason, language, text in found]


def script_of(document: Path) -> str:
    return "".join(block.script() for block in blocks(document))


def program_of(document: Path) -> str:
    """Its blocks of Python, one after the other."""
    return "\n".join(block.text for block in blocks(document) if block.language == "python")


NOTEBOOK = ROOT / "docs" / "notebook.md"
WITH_COMMANDS = [document for document in DOCUMENTS if script_of(document).strip()]


@pytest.fixture
def surroundings(tmp_path: Path, data_dir: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """A home and a working folder of their own, and what the documents say is there."""
    picture = load_test(data_dir).pixels[0].numpy()
    Image.fromarray(255 - picture.reshape(28, 28)).resize((280, 280)).save(tmp_path / "boot.jpg")
    for name in ("Makefile", "pyproject.toml", "constraints.txt", ".venv"):  # for make
        (tmp_path / name).symlink_to(ROOT / name)
    foreign = ("MAKE", "MFLAGS", "ARGS")  # what `make test` was given, not a document's own `make`
    return {
        **{n: v for n, v in os.environ.items() if not n.startswith(foreign)},
        **SMALL_BUDGET,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "FMNIST_SEARCH_DATA": str(data_dir),
        "BROWSER": "true",
        "COLUMNS": "100",
        "OMP_NUM_THREADS": "1",
    }


@pytest.mark.slow
@pytest.mark.parametrize("document", WITH_COMMANDS, ids=lambda path: path.name)
def test_every_command_runs_as_it_stands_there(
    document: Path,
    surroundings: dict[str, str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    script = script_of(document)
    if "db.example" in script:
        surroundings |= at_db_example(request.getfixturevalue("postgres"))
    if str(DASK_PORT) in script and is_taken(DASK_PORT):
        pytest.skip(f"port {DASK_PORT}, which the document names, is taken on this machine")
    if document.name == "faults.md":  # as many as a reader's
        del surroundings["FMNIST_SEARCH_JOBS"]
    log, programs = tmp_path / "output.log", tmp_path / "bin"
    programs.mkdir()
    surroundings["PATH"] = f"{programs}:{surroundings['PATH']}"
    with log.open("w") as output, warm_program(programs):
        done = subprocess.run(
            ["bash", "-xc", PRELUDE + script],
            env=surroundings,
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=900,
        )
    said = log.read_text(errors="replace")
    assert done.returncode == 0, said[-3000:]
    assert "Traceback" not in said


@pytest.mark.slow
def test_every_block_of_the_notebook_runs_as_it_stands_there(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    program = tmp_path / "page.py"
    program.write_text(program_of(NOTEBOOK), encoding="utf-8")
    environment = {n: v for n, v in surroundings.items() if n not in SMALL_BUDGET}
    done = subprocess.run(
        [sys.executable, program],
        env={**environment, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "conv2_channels cannot be '65'" in done.stdout
    assert (tmp_path / "report" / "report.html").exists()


def test_the_notebooks_page_names_all_that_is_public() -> None:
    page, own = NOTEBOOK.read_text(), {"PACKAGES", "main"}
    assert [name for name in fmnist_search.__all__ if name not in page and name not in own] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_not_run_says_why(document: Path) -> None:
    for block in blocks(document):
        assert block.not_run or block.script() or "fmnist-search " not in block.text, block.text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (document.parent / target).exists()] == []


def at_db_example(postgres: Postgres) -> dict[str, str]:
    """What makes a name in a document lead to the tests' own server, by libpq's own means."""
    binaries = find_binaries()
    assert binaries is not None
    return {
        "PATH": f"{Path(sys.executable).parent}:{binaries}:{os.environ['PATH']}",
        "PGHOSTADDR": "127.0.0.1",
        "PGPORT": str(postgres.port),
        "PGUSER": "me",
        "PGPASSWORD": SECRET,
    }


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_every_test_that_a_document_names_is_there() -> None:
    written = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"^def (test_\w+)", written, re.MULTILINE))
    named = re.findall(r"`(test_\w+)`", (ROOT / "docs" / "security.md").read_text())
    assert named
    assert not set(named) - there
