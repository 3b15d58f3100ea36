"""The configurations that simulated searches draw from, with their recorded curves."""

import math
from pathlib import Path

import numpy as np

from benchmarks import recorded_curves, wide_curves
from benchmarks.simulation import Candidate, Pool
from spaces.classifier import WIDE_SPACE, with_encoder
from spaces.space import fingerprint
from spaces.stages import AUTOENCODER
from studies.training.metrics import EpochMetrics


def autoencoders(path: Path, lowest: bool = False) -> Pool:
    """The reduced space of autoencoders, its costs validation losses; the paper's come first."""
    curves = recorded_curves.read(path)
    configs = [c for c in recorded_curves.SPACE if fingerprint(c) in curves]
    candidates = []
    for config in configs:
        costs, seconds = _columns(curves[fingerprint(config)], 30, "validation_loss")
        params = recorded_curves.SPACE.params(config)
        candidates.append(
            Candidate(config, params, costs, _judged(costs, lowest), seconds, "constant", {})
        )
    rows = [AUTOENCODER.paper_row(name).config for name in AUTOENCODER.run_order]
    paper = tuple(configs.index(row) for row in rows if row in configs)
    is_whole = len(configs) == recorded_curves.SPACE.size()
    return Pool(recorded_curves.SPACE, tuple(candidates), is_whole, paper)


def classifiers(path: Path, metric: str = "accuracy", lowest: bool = False) -> Pool:
    """Wide classifiers drawn at random; costs are shares of images taken wrongly, or losses."""
    reduction = wide_curves.WideReduction()
    space = with_encoder(WIDE_SPACE, reduction.encoder)
    candidates = []
    for curve in wide_curves.read(path).values():
        name = f"validation_{metric}"
        costs, seconds = _columns(curve.epochs, reduction.epochs, name)
        short = {}
        for n_epochs, epochs in curve.shorter.items():
            own, times = _columns(epochs, n_epochs, name)
            short[n_epochs] = float(own[-1]), float(times.sum())
        if curve.config.schedule != "constant" and set(short) < set(wide_curves.SHORTER):
            continue
        params = space.params(curve.config)
        kind = curve.config.schedule
        candidates.append(
            Candidate(curve.config, params, costs, _judged(costs, lowest), seconds, kind, short)
        )
    return Pool(space, tuple(candidates), is_whole=False, counts_points=metric == "accuracy")


def _columns(epochs: list[EpochMetrics], n: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    costs, seconds = np.full(n, math.inf), np.full(n, 0.0)
    for i, epoch in enumerate(epochs):
        value = getattr(epoch, name)
        costs[i] = 1 - value if name == "validation_accuracy" else value
        seconds[i] = epoch.seconds
    return costs, seconds


def _judged(costs: np.ndarray, lowest: bool) -> np.ndarray:
    return np.minimum.accumulate(costs) if lowest else costs
