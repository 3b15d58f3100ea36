"""The engine on a real SQLite file with tiny images."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from helpers.runner import Runner, random_images

from studies.data.images import Split


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    # Pictures are a third of a tiny trial's time, and other tests look at them.
    monkeypatch.setattr("studies.engine.endings.pictures.keep", lambda *_: None)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Runner(tmp_path, Split(random_images(40, 1), random_images(20, 2)))
    torch.set_num_threads(n_threads)
