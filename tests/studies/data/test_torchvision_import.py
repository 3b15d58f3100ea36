import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT

pytestmark = pytest.mark.slow

IMPORT = (
    "from studies.data.torchvision_import import import_torchvision; v = import_torchvision(); "
)


def run_python(program: str, *path: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own: an import can be tried once only."""
    places = ":".join(map(str, (*path, ROOT)))
    return subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": places},
        capture_output=True,
        text=True,
        check=False,
    )


def test_datasets_and_transforms_can_be_used_and_the_import_repeated() -> None:
    program = IMPORT + (
        "assert import_torchvision() is v; import torch; "
        "print(v.datasets.FashionMNIST.__name__, "
        "v.transforms.functional.hflip(torch.arange(3)[None, None]).tolist())"
    )
    result = run_python(program)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split("\n")[0] == "FashionMNIST [[[2, 1, 0]]]"


def test_another_failure_of_torchvision_is_not_hidden(tmp_path: Path) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('something else')")
    result = run_python(IMPORT, tmp_path)
    assert result.returncode == 1
    assert "RuntimeError: something else" in result.stderr


def test_torchvision_is_imported_in_one_place_only() -> None:
    importers = [
        path
        for package in ("search", "reports", "studies", "spaces")
        for path in (ROOT / package).glob("**/*.py")
        if any(
            line.strip().startswith(("import torchvision", "from torchvision"))
            for line in path.read_text(encoding="utf-8").splitlines()
        )
    ]
    assert importers == []
