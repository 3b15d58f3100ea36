"""What is said of a repetition: that it repeated, that it did not and why, or that nobody knows."""

import torch

from studies.final.repeats import Before, Weights, compare

EPOCHS = {"epoch": [1, 2], "train_loss": [0.5, 0.4], "validation_loss": [0.6, 0.55]}
OTHERS = {**EPOCHS, "validation_loss": [0.6, 0.56]}
WEIGHTS = {"w": torch.tensor([1.0, 2.0])}
NEXT = {"w": torch.nextafter(WEIGHTS["w"], torch.tensor(3.0))}
HERE = {"torch": "2.13.0", "processor": "A"}


def before(
    weights: Weights | None = WEIGHTS, n: int = 2, made_with: dict[str, str] = HERE
) -> Before:
    return Before({name: column[:n] for name, column in EPOCHS.items()}, made_with, lambda: weights)


def test_the_same_weights_are_a_repetition() -> None:
    found = compare(before(), EPOCHS, {"w": WEIGHTS["w"].clone()}, HERE)
    assert found.repeated
    assert found.in_words() == "repeated: the same weights, bit for bit"


def test_a_bit_in_the_weights_is_none_and_what_was_unlike_is_named() -> None:
    found = compare(before(), EPOCHS, NEXT, {**HERE, "processor": "B"})
    assert found.repeated is False
    assert found.in_words() == (
        "not repeated: the metrics are the same, but the weights are "
        "not. Made with: processor A, now B"
    )


def test_without_weights_the_figures_of_every_epoch_decide() -> None:
    same = compare(before(None), EPOCHS, WEIGHTS, HERE)
    assert (same.repeated, same.same_weights) == (True, None)
    assert "weights were not compared" in same.in_words()
    unlike = compare(before(None), OTHERS, WEIGHTS, HERE)
    assert unlike.repeated is False
    assert "validation loss 0.55, now 0.56" in unlike.in_words()
    assert "versions and processor are the same, as far as they were recorded" in unlike.in_words()
    early = {**EPOCHS, "train_loss": [0.51, 0.4]}
    assert compare(before(None), early, WEIGHTS, HERE).repeated is False


def test_one_that_was_pruned_is_compared_as_far_as_it_went() -> None:
    longer = {"epoch": [1, 2, 3], "train_loss": [0.5, 0.4, 0.3], "validation_loss": [0.6, 0.55, 0]}
    found = compare(before(WEIGHTS), longer, NEXT, HERE)
    assert (found.repeated, found.same_weights) == (True, None)


def test_what_was_not_noted_is_not_said_to_be_alike() -> None:
    found = compare(before(made_with={"torch": "2.13.0"}), OTHERS, NEXT, HERE)
    assert found.made_with == {"processor": ("?", "A")}
    nothing = compare(Before({}, {}), EPOCHS, WEIGHTS, HERE)
    assert nothing.repeated is None
    assert "cannot say" in nothing.in_words()
