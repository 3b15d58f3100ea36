import pytest

from spaces.budget import Budget
from spaces.errors import ConfigurationError


def test_the_default_is_the_papers_training_under_the_search_protocol() -> None:
    assert Budget() == Budget(epochs=30, subset=None, protocol="search")


@pytest.mark.parametrize("epochs", [0, -3])
def test_a_budget_without_epochs_is_refused(epochs: int) -> None:
    with pytest.raises(ConfigurationError, match=f"epochs must be at least 1; got {epochs}"):
        Budget(epochs=epochs)


@pytest.mark.parametrize("subset", [0, 599, 60_001])
def test_a_subset_out_of_range_is_refused_with_the_range(subset: int) -> None:
    with pytest.raises(ConfigurationError, match=f"600 to 60000 images; got {subset}"):
        Budget(subset=subset)


@pytest.mark.parametrize("subset", [600, 60_000])
def test_the_ends_of_the_range_are_allowed(subset: int) -> None:
    assert Budget(subset=subset).subset == subset


def test_budgets_are_said_in_words() -> None:
    assert str(Budget(epochs=1, subset=6000)) == "search protocol, 1 epoch, 6,000 images"
    assert "30 epochs, all" in str(Budget(protocol="paper"))
