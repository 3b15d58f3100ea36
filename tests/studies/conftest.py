"""What keeps the engine's tests quick."""

import pytest

from studies.networks import evaluation


@pytest.fixture(autouse=True)
def quick_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure latency with few images, once: a third of a tiny trial's time otherwise."""
    monkeypatch.setattr(evaluation, "LATENCY_IMAGES", 5)
    monkeypatch.setattr(evaluation, "LATENCY_BLOCKS", (1, 1))
    monkeypatch.setattr(evaluation, "LATENCY_RUNS", 1)
