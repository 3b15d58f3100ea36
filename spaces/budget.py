"""How much training a trial gets, and on which images it is trained and judged."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Interval

from spaces.checking import STRICT, check
from spaces.recipe import MOST_EPOCHS
from spaces.wording import count, counted

StudyProtocol = Literal["search", "paper"]
"""``search``: train on 50,000 and validate on 10,000 of the 60,000 training images.

``paper``: train on all 60,000 and validate on the 10,000 test images, as the paper does; only for
reproducing its tables.
"""

Protocol = Literal[StudyProtocol, "final"]
"""``final``: train on all 60,000, validate on none; the test images judge once, afterwards."""

N_TRAIN_FILE = 60_000
"""Images in Fashion-MNIST's training files."""
N_VALIDATION = 10_000
"""Training images that the search protocol holds out to judge trials by."""

PARTS: dict[Protocol, int] = {"search": 6, "paper": 7}
"""One part validates, the others train: 10,000 of 60,000 images, or of all 70,000."""


@dataclass(frozen=True)
class Budget:
    """What every trial of a study gets alike."""

    epochs: Annotated[int, Interval(ge=1, le=MOST_EPOCHS)] = 30
    """Passes over the training images (Table 1)."""
    subset: Annotated[int, Interval(ge=600, le=N_TRAIN_FILE)] | None = None
    """Training and validation images together, in the protocol's proportion; None for all."""
    protocol: Protocol = "search"

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        """Refuse values no study can have, naming the field."""
        check(self)

    def __str__(self) -> str:
        """The budget in words, as tables and plans say it."""
        images = "all" if self.subset is None else count(self.subset)
        return f"{self.protocol} protocol, {counted(self.epochs, 'epoch')}, {images} images"

    @property
    def n_judging(self) -> int:
        """Images that a trained network is judged by: all of the test's under ``final``."""
        if self.subset is None or self.protocol == "final":
            return N_VALIDATION
        return self.subset // PARTS[self.protocol]

    def covers(self, other: "Budget") -> bool:
        """Whether it trains on no fewer images than the other, and for no fewer epochs.

        More epochs than the paper's count as the paper's.
        """
        images, others = (b.subset or N_TRAIN_FILE for b in (self, other))
        return images >= others and self.epochs >= min(other.epochs, Budget.epochs)


PAPER_BUDGET = Budget(protocol="paper")
"""What the paper gave each model: 30 epochs on all images."""
