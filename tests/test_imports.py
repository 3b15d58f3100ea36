"""What is loaded when, and that names tell modules apart.

Who may import whom is import-linter's to say; ``pyproject.toml`` has the rules.
"""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import optuna
import pytest
from helpers import ROOT

PACKAGES = ("spaces", "studies", "reports", "search", "fmnist_search")
HEAVY = ("torch", "torchvision", "optuna", "pandas", "numpy", "sqlalchemy", "scipy")


def run(program: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_no_two_modules_have_one_name() -> None:
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    names = Counter(path.stem for path in files if path.stem != "__init__")
    assert [name for name, n in names.items() if n > 1] == []


def test_spaces_load_nothing_heavy() -> None:
    modules = [path.stem for path in (ROOT / "spaces").glob("*.py") if path.stem != "__init__"]
    imports = "\n".join(f"import spaces.{module}" for module in modules)
    heavy = (*HEAVY, "pydantic")
    done = run(f"import sys\n{imports}\nprint([m for m in {heavy} if m in sys.modules])")
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_a_list_of_studies_needs_no_pytorch() -> None:
    imports = "import search.result_tables, search.studies_command, studies.storage.databases"
    done = run(f"import sys\n{imports}\nprint('torch' in sys.modules)")
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        "ae --data-dir absent",
        "train ae --data-dir absent",
        "export absent --out model",
    ],
)
def test_a_wrong_name_is_refused_before_pytorch_is_loaded(arguments: str, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'studies.db'}"
    optuna.create_study(storage=storage)
    program = f"""
import sys
from search.app import main
sys.argv = ["fmnist-search", *{arguments.split()}, "--storage", {storage!r}]
try:
    main()
except SystemExit as end:
    print(end.code, "torch" in sys.modules)
"""
    done = run(program)
    assert done.stdout.strip() == "1 False", done.stderr
    assert "absent" in done.stderr


def test_the_library_loads_nothing_until_a_name_is_asked_for() -> None:
    others = ("typer", "rich", "jinja2", "matplotlib", "search", "spaces")
    loaded = f"print([m for m in {(*HEAVY, *others)} if m in sys.modules])"
    done = run(f"import sys, fmnist_search\n{loaded}\nfmnist_search.studies\n{loaded}")
    before, after = done.stdout.splitlines()
    assert (done.returncode, before) == (0, "[]"), done.stderr
    assert "pandas" in after
    assert "torch" not in after


def test_every_public_name_of_the_library_is_there_and_says_what_it_is() -> None:
    program = """
import fmnist_search
assert dir(fmnist_search) == sorted(fmnist_search.__all__)
for name in fmnist_search.__all__:
    one = getattr(fmnist_search, name)
    assert isinstance(one, tuple) or one.__doc__, name
try:
    fmnist_search.optimise
except AttributeError as error:
    print(error)
"""
    assert run(program).stdout == "module 'fmnist_search' has no attribute 'optimise'\n"


@pytest.mark.parametrize("arguments", [["--help"], ["ae", "--help"], ["studies", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = f"""
import sys
from search.app import main
sys.argv = ["fmnist-search", *{arguments}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("loaded:", [m for m in {HEAVY} if m in sys.modules])
"""
    done = run(program)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded: []"
