"""The recipe's two stages: what each searches, by which metric, beside which rows of the paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from spaces import autoencoder, classifier, paper
from spaces.paper import PaperModel
from spaces.space import Configuration, SearchSpace

StageName = Literal["autoencoder", "classifier"]
Direction = Literal["minimize", "maximize"]
SpaceName = Literal["paper", "wide"]


class Metric(NamedTuple):
    """What a trial can be judged by."""

    key: str
    """Its name among an epoch's metrics."""
    direction: Direction


@dataclass(frozen=True)
class Stage:
    """One of the recipe's models, and all that a study of it needs to know."""

    name: StageName
    short: str
    """The command's name; default study names begin with it."""
    spaces: Mapping[SpaceName, SearchSpace[Any]]
    metrics: Mapping[str, Metric]
    """By the names that ``--metric`` takes; the first is the default."""
    paper: tuple[PaperModel[Any], ...]
    """The paper's rows, in its order."""
    run_order: tuple[str, ...]
    """Their names in the order in which a study trains them."""
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
    metrics={"loss": Metric("validation_loss", "minimize")},
    paper=paper.AUTOENCODERS,
    run_order=paper.AUTOENCODER_RUN_ORDER,
    best_of_paper=paper.BEST_AUTOENCODER,
)

CLASSIFIER = Stage(
    name="classifier",
    short="clf",
    spaces={"paper": classifier.PAPER_SPACE, "wide": classifier.WIDE_SPACE},
    metrics={
        "accuracy": Metric("validation_accuracy", "maximize"),
        "loss": Metric("validation_loss", "minimize"),
    },
    paper=paper.CLASSIFIERS,
    run_order=paper.CLASSIFIER_RUN_ORDER,
    best_of_paper=paper.BEST_CLASSIFIER,
)

STAGES: Mapping[StageName, Stage] = {stage.name: stage for stage in (AUTOENCODER, CLASSIFIER)}
"""Both, in the recipe's order."""
