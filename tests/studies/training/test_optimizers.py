from typing import get_args

import pytest
import torch
from torch import nn

from spaces.classifier import ClassifierConfig
from spaces.recipe import Optimizer
from studies.training.optimizers import make_optimizer, rate_share

CLASSES = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
}


def stepped(optimizer: torch.optim.Optimizer, weight: nn.Parameter) -> torch.Tensor:
    for _ in range(5):
        optimizer.zero_grad()
        (weight**2).sum().backward()
        optimizer.step()
    return weight.detach()


@pytest.mark.parametrize("name", get_args(Optimizer))
@pytest.mark.parametrize("decay", [None, 0.0, 0.1])
def test_each_optimiser_steps_as_pytorchs_own(name: Optimizer, decay: float | None) -> None:
    start = torch.linspace(-1, 1, 7)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    config = ClassifierConfig(optimizer=name, learning_rate=0.01, weight_decay=decay, momentum=0.8)
    options = {} if decay is None else {"weight_decay": decay}
    if name == "sgd":
        options["momentum"] = 0.8
    reference = CLASSES[name]([theirs], lr=0.01, **options)
    torch.testing.assert_close(
        stepped(make_optimizer(config, [ours]), ours), stepped(reference, theirs)
    )


def test_a_constant_step_stays() -> None:
    assert {rate_share("constant", step, 100) for step in range(100)} == {1.0}


def test_a_cosine_falls_from_the_highest_step_to_none() -> None:
    shares = [rate_share("cosine", step, 100) for step in range(101)]
    assert shares[0] == 1
    assert shares[50] == pytest.approx(0.5)
    assert shares[100] == pytest.approx(0)
    assert shares == sorted(shares, reverse=True)


def test_one_cycle_goes_up_for_a_third_and_down_to_none() -> None:
    shares = [rate_share("one-cycle", step, 100) for step in range(101)]
    assert shares[0] == pytest.approx(0.04)
    assert shares.index(max(shares)) == 30
    assert max(shares) == pytest.approx(1)
    assert shares[:31] == sorted(shares[:31])
    assert shares[30:] == sorted(shares[30:], reverse=True)
    assert shares[100] == pytest.approx(0)


@pytest.mark.parametrize("n_steps", [1, 2, 3])
def test_the_shortest_trainings_have_a_step(n_steps: int) -> None:
    for schedule in ("constant", "cosine", "one-cycle"):
        assert all(0 < rate_share(schedule, step, n_steps) <= 1 for step in range(n_steps))
