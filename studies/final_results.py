"""What ``fmnist-search train`` leaves in a folder: a file of figures, and each seed's weights."""

import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from spaces.budget import Budget
from spaces.errors import StudyError
from spaces.space import Configuration
from spaces.stages import STAGES, Stage, StageName
from studies.data import CLASS_NAMES
from studies.scores import added, class_scores, mean_with_interval
from studies.storage import home, sqlite_path

FORMAT = "fmnist-search result 1"
FILE = "result.json"


@dataclass(frozen=True)
class SeedResult:
    """What one seed came to."""

    seed: int
    loss: float
    """Mean over the images it was judged by: of an autoencoder the squared error over pixels in
    [−1, 1], of a classifier the cross-entropy in nats."""
    accuracy: float | None
    """Of a classifier, from 0 to 1."""
    confusion: list[list[int]] | None
    """Of a classifier: counts, a row for each true class."""
    train_loss: float
    """Of the last epoch, as the images were seen in training."""
    train_accuracy: float | None
    seconds: float
    epochs: dict[str, list[Any]]
    """Every epoch's metrics, a list for each."""
    weights: str
    """File of the weights, beside the figures."""


@dataclass(frozen=True)
class FinalResult:
    """A configuration trained with several seeds, and judged."""

    name: str
    """Its folder's."""
    source: str
    """What was asked for: a study's trial, a file, ``paper:fc-sgd``."""
    stage: StageName
    configuration: dict[str, Any]
    words: str
    budget: Budget
    judged_by: str
    """Which images, in words."""
    encoder: dict[str, Any] | None
    """Where a classifier's encoder started from, as a study has it."""
    n_threads: int
    made_with: dict[str, str]
    seeds: tuple[SeedResult, ...] = ()
    """By seed."""

    @property
    def stage_record(self) -> Stage:
        """All that is known of the stage."""
        return STAGES[self.stage]

    @property
    def config(self) -> Configuration:
        """The configuration itself."""
        kind = self.stage_record.spaces["paper"].config_type
        config: Configuration = kind.from_dict(self.configuration)
        return config

    def values(self) -> list[float]:
        """Each seed's accuracy, or an autoencoder's loss."""
        return [s.loss if s.accuracy is None else s.accuracy for s in self.seeds]

    def confusion(self) -> list[list[int]] | None:
        """Counts over all seeds; None of an autoencoder."""
        each = [s.confusion for s in self.seeds if s.confusion is not None]
        return added(each) if each else None

    def with_seed(self, seed: SeedResult) -> "FinalResult":
        """The same with one more seed."""
        return replace(self, seeds=tuple(sorted((*self.seeds, seed), key=lambda s: s.seed)))

    def is_of(self, other: "FinalResult") -> bool:
        """Whether both train the same in the same way, whatever seeds each has."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("stage", "configuration", "budget", "judged_by", "n_threads")
        ) and (self.encoder or {}).get("sha256") == (other.encoder or {}).get("sha256")

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it, with the figures that sum the seeds up."""
        return {"format": FORMAT, **asdict(self), "summary": self._summary()}

    def _summary(self) -> dict[str, Any]:
        if not self.seeds:
            return {}
        metric = "loss" if self.stage == "autoencoder" else "accuracy"
        summary: dict[str, Any] = {"metric": metric, "n_seeds": len(self.seeds)}
        summary |= mean_with_interval(self.values())._asdict()
        confusion = self.confusion()
        if confusion is not None:
            scores = zip(CLASS_NAMES, class_scores(confusion), strict=True)
            summary["classes"] = [{"name": name, **score._asdict()} for name, score in scores]
            summary["confusion"] = confusion
        return summary


def write(result: FinalResult, folder: Path) -> None:
    """Put the figures into the folder, whole or not at all."""
    partial = folder / f"{FILE}.partial"
    partial.write_text(json.dumps(result.to_dict(), indent=1), encoding="utf-8")
    partial.replace(folder / FILE)


def read(folder: Path) -> FinalResult | None:
    """The figures in the folder; None if there are none.

    Raises:
        StudyError: there is a file, and it is not one of these.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table.pop("format") != FORMAT:
            raise ValueError("it was made by another version")
        table.pop("summary")
        parts = {
            "budget": Budget(**table["budget"]),
            "seeds": tuple(SeedResult(**seed) for seed in table["seeds"]),
        }
        return FinalResult(**{**table, **parts})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StudyError(f"{path} holds no results of fmnist-search train: {error}") from error


def read_all(url: URL) -> list[FinalResult]:
    """All results beside the studies of a storage, by name; what cannot be read is left out."""
    results = []
    for folder in sorted(results_folder(url).glob("*/")):
        try:
            result = read(folder)
        except StudyError:
            continue
        results += [result] if result is not None else []
    return results


def results_folder(url: URL) -> Path:
    """Where results go that no folder is named for: beside the SQLite file, or in the user's."""
    path = sqlite_path(url)
    return (path.parent if path is not None else home()) / "results"


def default_name(source: str, budget: Budget, encoder: str | None) -> str:
    """A folder's name that tells one training from another: ``paper-fc-sgd-epochs2``."""
    parts = [re.sub(r"[^\w.-]+", "-", source).strip("-.") or "model"]
    if encoder is not None:
        parts.append(re.sub(r"[^\w.-]+", "-", encoder).strip("-."))
    if budget.protocol != "final":
        parts.append(budget.protocol)
    if budget.epochs != Budget().epochs:
        parts.append(f"epochs{budget.epochs}")
    if budget.subset is not None:
        parts.append(f"subset{budget.subset}")
    return "-".join(parts)
