"""Pools of made-up learning curves, for simulated searches."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.simulation import Candidate, Pool, Trial
from spaces.autoencoder import PAPER_SPACE, AutoencoderConfig

CONFIGS = [config for config, _ in zip(PAPER_SPACE, range(64), strict=False)]


def pool_of(
    costs: ArrayLike, kinds: Sequence[str] = (), paper: Sequence[int] = (), seed: int = 0
) -> Pool:
    """A candidate for each row of costs (N, epochs); no two sums of their seconds are equal."""
    rows = np.asarray(costs, dtype=float)
    seconds = np.random.default_rng(seed).uniform(1, 2, rows.shape)
    candidates = [
        _candidate(config, own, times, kinds[i] if kinds else "constant")
        for i, (config, own, times) in enumerate(zip(CONFIGS, rows, seconds, strict=False))
    ]
    return Pool(PAPER_SPACE, tuple(candidates), is_whole=False, paper=tuple(paper))


def _candidate(config: AutoencoderConfig, costs: np.ndarray, seconds: np.ndarray, kind: str):
    short = {
        n: (float(costs[n - 1]), float(seconds[:n].sum())) for n in (1, 2, 3) if n < len(costs)
    }
    return Candidate(config, PAPER_SPACE.params(config), costs, costs, seconds, kind, short)


def flat(*costs: float, n_epochs: int = 8) -> np.ndarray:
    """Curves that stay where they begin: (N, epochs)."""
    return np.repeat(np.array(costs, dtype=float)[:, np.newaxis], n_epochs, axis=1)


def in_order(trials: Sequence[Trial]) -> int:
    """The next candidate that the paper has not taken."""
    return max((t.index for t in trials), default=-1) + 1
