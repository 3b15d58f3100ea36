from typing import Any

import pytest

from spaces.budget import Budget
from spaces.errors import ConfigurationError


def test_the_default_is_the_papers_training_under_the_search_protocol() -> None:
    assert Budget() == Budget(epochs=30, subset=None, protocol="search")


@pytest.mark.parametrize("epochs", [0, -3, 1.5, True, "2", None])
def test_a_budget_without_epochs_is_refused(epochs: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Budget(epochs=epochs)
    assert str(refused.value) == f"epochs must be a whole number from 1 to 100,000; got {epochs!r}"


@pytest.mark.parametrize("subset", [0, 599, 60_001, 600.0, True, "600"])
def test_a_subset_out_of_range_is_refused_with_the_range(subset: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Budget(subset=subset)
    assert str(refused.value) == (
        f"subset must be a whole number from 600 to 60,000; got {subset!r}"
    )


@pytest.mark.parametrize("protocol", ["", "Search", "test", None, 1])
def test_a_protocol_there_is_not_is_refused_with_those_there_are(protocol: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Budget(protocol=protocol)
    assert str(refused.value) == (f"protocol must be one of search, paper, final; got {protocol!r}")


@pytest.mark.parametrize("subset", [600, 60_000])
def test_the_ends_of_the_range_are_allowed(subset: int) -> None:
    assert Budget(subset=subset).subset == subset


def test_budgets_are_said_in_words() -> None:
    assert str(Budget(epochs=1, subset=6000)) == "search protocol, 1 epoch, 6,000 images"
    assert "30 epochs, all" in str(Budget(protocol="paper"))


@pytest.mark.parametrize(
    ("budget", "other", "covered"),
    [
        (Budget(2), Budget(2), True),
        (Budget(2), Budget(3), False),
        (Budget(30), Budget(60), True),  # the paper's epochs are enough
        (Budget(29), Budget(60), False),
        (Budget(60), Budget(30), True),
        (Budget(2, 600), Budget(2, 600), True),
        (Budget(2, 600), Budget(1, 601), False),
        (Budget(2, 601), Budget(1, 600), True),
        (Budget(2, 600), Budget(2), False),
        (Budget(2), Budget(2, 600), True),
        (Budget(2, 60_000), Budget(2), True),
        (Budget(2), Budget(2, 60_000), True),
    ],
)
def test_a_budget_covers_another_of_no_more_images_and_epochs(
    budget: Budget, other: Budget, covered: bool
) -> None:
    assert budget.covers(other) is covered
