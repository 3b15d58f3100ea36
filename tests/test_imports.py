"""The rules on who imports whom, over every file, inside functions too."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import optuna
import pytest
from helpers import ROOT

PACKAGES = ("spaces", "studies", "reports", "search")
"""From the bottom up: each may import itself and what stands before it."""
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
HEAVY = ("torch", "torchvision", "optuna", "pandas", "numpy", "sqlalchemy", "scipy")

NAMED_TUPLE_METHODS = ("_asdict", "_fields", "_make", "_replace")
"""Public, though they begin with an underscore."""

every_file = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(node: ast.AST) -> Iterator[str]:
    """Full names of what is imported anywhere in ``node``: ``studies.data.images.load_split``."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Import):
            yield from (alias.name for alias in inner.names)
        elif isinstance(inner, ast.ImportFrom):
            assert inner.level == 0, "imports are absolute"
            yield from (f"{inner.module}.{alias.name}" for alias in inner.names)


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def is_type_checking(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def run(program: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_there_are_files_in_every_package() -> None:
    assert {package_of(path) for path in FILES} == set(PACKAGES)


@every_file
def test_imports_go_one_way(path: Path) -> None:
    above = PACKAGES[PACKAGES.index(package_of(path)) + 1 :]
    names = [name for name in imported(tree(path)) if name.split(".")[0] in above]
    assert names == []


@every_file
def test_matplotlib_is_imported_where_no_settings_lie(path: Path) -> None:
    found = any(name.split(".")[0] == "matplotlib" for name in imported(tree(path)))
    assert found == (path.relative_to(ROOT) == Path("reports/figures/matplotlib_alone.py"))


@every_file
def test_nobody_imports_a_private_name_of_ours(path: Path) -> None:
    private = [
        name
        for name in imported(tree(path))
        if name.split(".")[0] in PACKAGES and any(part.startswith("_") for part in name.split("."))
    ]
    assert private == []


@every_file
def test_nobody_reaches_through_a_module_for_a_private_name_of_ours(path: Path) -> None:
    code = tree(path)
    modules = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(code)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if (getattr(node, "module", None) or alias.name).split(".")[0] in PACKAGES
    }
    reached = [
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(code)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in modules
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and node.attr not in NAMED_TUPLE_METHODS
    ]
    assert reached == []


@every_file
def test_only_search_prints(path: Path) -> None:
    if package_of(path) == "search":
        return
    code = tree(path)
    printing = [
        ast.unparse(node)
        for node in ast.walk(code)
        if (isinstance(node, ast.Name) and node.id == "print")
        or ast.unparse(node) in ("sys.stdout", "sys.stderr")
    ]
    assert printing == []
    consoles = [n for n in imported(code) if n.split(".")[0] in ("rich", "typer", "click")]
    assert consoles == []


@pytest.mark.parametrize(
    "path", [p for p in FILES if package_of(p) == "spaces"], ids=lambda p: p.name
)
def test_spaces_know_nothing_heavy_but_optunas_types(path: Path) -> None:
    code = tree(path)
    outside = ast.Module([n for n in code.body if not is_type_checking(n)], type_ignores=[])
    assert [n for n in imported(outside) if n.split(".")[0] in HEAVY] == []
    heavy = {n.split(".")[0] for n in imported(code)} & set(HEAVY)
    assert heavy <= {"optuna"}


def test_spaces_load_nothing_heavy() -> None:
    modules = [p.stem for p in FILES if package_of(p) == "spaces" and p.stem != "__init__"]
    imports = "\n".join(f"import spaces.{module}" for module in modules)
    done = run(f"import sys\n{imports}\nprint([m for m in {HEAVY} if m in sys.modules])")
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
