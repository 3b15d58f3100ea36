"""Optimisers and schedules by the names that configurations know them by. Imports torch alone."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from spaces.recipe import Schedule, TrainingRecipe

WARM_UP_SHARE = 0.3
"""Of all steps, in which the one-cycle schedule goes up (PyTorch's ``OneCycleLR``)."""
WARM_UP_START = 1 / 25
"""Of the highest step size, with which it begins (there too)."""


def make_optimizer(
    config: TrainingRecipe, parameters: Iterable[nn.Parameter]
) -> torch.optim.Optimizer:
    """The configuration's optimiser; a weight decay of None is the optimiser's own in PyTorch."""
    decay: dict[str, Any] = {}
    if config.weight_decay is not None:
        decay["weight_decay"] = config.weight_decay
    rate, own = config.learning_rate, list(parameters)
    match config.optimizer:
        case "adam":
            return torch.optim.Adam(own, lr=rate, fused=True, **decay)
        case "adamw":
            return torch.optim.AdamW(own, lr=rate, fused=True, **decay)
        case "sgd":
            return torch.optim.SGD(own, lr=rate, momentum=config.momentum, **decay)
        case "rmsprop":
            return torch.optim.RMSprop(own, lr=rate, **decay)


def rate_share(schedule: Schedule, step: int, n_steps: int) -> float:
    """The step size as a share of the highest.

    Args:
        schedule: constant; from 1 down to 0 by half a cosine; or, one cycle, linearly up and then
            down so.
        step: from 0.
        n_steps: of the whole training.
    """
    if schedule == "constant":
        return 1.0
    warm_up = round(WARM_UP_SHARE * n_steps) if schedule == "one-cycle" else 0
    if step < warm_up:
        return WARM_UP_START + (1 - WARM_UP_START) * step / warm_up
    return (1 + math.cos(math.pi * (step - warm_up) / max(1, n_steps - warm_up))) / 2
