"""The recipe's two stages: what each searches, by which metric, beside which rows of the paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any, Literal, NamedTuple

from spaces import autoencoder, classifier, paper
from spaces.errors import ConfigurationError
from spaces.paper import PaperModel
from spaces.space import Configuration, SearchSpace
from spaces.wording import measured

StageName = Literal["autoencoder", "classifier"]
Direction = Literal["minimize", "maximize"]
SpaceName = Literal["paper", "wide", "whole"]


class Metric(NamedTuple):
    """What a trial can be judged by."""

    key: str
    """Its name among an epoch's metrics."""
    direction: Direction
    chance: float
    """What a model comes to that has learned nothing."""
    chance_in_words: str
    """What such a model does."""

    def check_target(self, target: float) -> None:
        """Refuse a value at which to stop that no trial reaches, or that every trial meets.

        Raises:
            ConfigurationError: says which bound it is beyond, and why there is one.
        """
        name, shown = self.key.removeprefix("validation_"), measured(target, self.key)
        hint = f"; did you mean {target:g}%?" if self._is_sensible(target / 100) else ""
        if self._is_out_of_reach(target):
            bound = "above 100 %" if self.direction == "maximize" else "0 or less"
            raise ConfigurationError(f"--target {shown}: no trial's {name} is {bound}{hint}")
        if not self._is_sensible(target):
            raise ConfigurationError(
                f"--target {shown} would stop at the first trial: {self.chance_in_words} gives "
                f"{measured(self.chance, self.key)} without learning anything{hint}"
            )

    def _is_out_of_reach(self, value: float) -> bool:
        return value > 1 if self.direction == "maximize" else value <= 0

    def _is_sensible(self, value: float) -> bool:
        if self.direction == "maximize":
            return self.chance < value <= 1
        return 0 < value < self.chance


@dataclass(frozen=True)
class Stage:
    """One of the recipe's models, and all that a study of it needs to know."""

    name: StageName
    short: str
    """The command's name; default study names begin with it."""
    spaces: Mapping[SpaceName, SearchSpace[Any]]
    metrics: Mapping[str, Metric]
    """By the names that ``--metric`` takes; the first is the default."""
    loss_unit: str
    """What its losses are."""
    paper: tuple[PaperModel[Any], ...]
    """The paper's rows, in its order."""
    run_order: tuple[str, ...]
    """Their names in the order in which a search trains them, the cheapest first."""
    best_of_paper: PaperModel[Any]

    def configuration(self, fields: dict[str, Any]) -> Configuration:
        """A model of the stage, as its configuration's ``to_dict`` wrote it.

        Raises:
            ConfigurationError: it is none.
        """
        read: Configuration = self.spaces["paper"].config_type.from_dict(fields)
        return read

    def paper_row(self, name: str) -> PaperModel[Any]:
        """The paper's row of that name.

        Raises:
            KeyError: there is none.
        """
        return {row.name: row for row in self.paper}[name]


AUTOENCODER = Stage(
    name="autoencoder",
    short="ae",
    spaces={"paper": autoencoder.PAPER_SPACE, "wide": autoencoder.WIDE_SPACE},
    metrics={"loss": Metric("validation_loss", "minimize", 0.4978, "one grey for every pixel")},
    loss_unit="squared error of pixels in [−1, 1]",
    paper=paper.AUTOENCODERS,
    run_order=paper.AUTOENCODER_RUN_ORDER,
    best_of_paper=paper.BEST_AUTOENCODER,
)

CLASSIFIER = Stage(
    name="classifier",
    short="clf",
    spaces={
        "paper": classifier.PAPER_SPACE,
        "wide": classifier.WIDE_SPACE,
        "whole": classifier.WHOLE_SPACE,
    },
    metrics={
        "accuracy": Metric("validation_accuracy", "maximize", 0.1, "one class for every image"),
        "loss": Metric("validation_loss", "minimize", log(10), "ten classes alike"),
    },
    loss_unit="cross-entropy",
    paper=paper.CLASSIFIERS,
    run_order=paper.CLASSIFIER_RUN_ORDER,
    best_of_paper=paper.BEST_CLASSIFIER,
)

STAGES: Mapping[StageName, Stage] = {stage.name: stage for stage in (AUTOENCODER, CLASSIFIER)}
"""Both, in the recipe's order."""
