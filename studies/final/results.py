"""What ``fmnist-search train`` leaves in a folder: a file of figures, and each seed's weights."""

import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial
from pydantic import TypeAdapter
from sqlalchemy.engine import URL

from spaces.bounded import read_bounded
from spaces.budget import Budget
from spaces.checking import STRICT, first_fault
from spaces.errors import StudyError
from spaces.space import Configuration, fingerprint
from spaces.stages import STAGES, StageName
from studies.data import idx_files
from studies.data.images import CLASS_NAMES
from studies.files import places
from studies.files.writing import write as write_file
from studies.records import trials
from studies.records.scores import Mean, added, class_scores, mean_with_interval, standard_error
from studies.records.settings import EncoderOrigin, StudySettings
from studies.storage.databases import sqlite_path

FORMAT = "fmnist-search result 1"
FILE = "result.json"

PAPER_PREFIX = "paper:"
"""Before the name of a row of the paper, where a model is named."""

MOST_BYTES = 50_000_000
"""Of a file of results: a thousand seeds of a thousand epochs take less."""


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
    sha256: str | None = None
    """Of that file; earlier versions noted none."""
    made_with: dict[str, str] | None = None
    """Versions and machine of this seed; earlier versions noted those of the first seed alone."""

    __pydantic_config__ = STRICT


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
    encoder: EncoderOrigin | None
    """A classifier's."""
    n_threads: int
    made_with: dict[str, str]
    seeds: tuple[SeedResult, ...] = ()
    """Those that are through, by seed."""
    data: str = idx_files.digest()
    """Which images, as SHA-256; earlier versions knew no others."""
    not_typed: dict[str, str] = field(default_factory=dict)
    """Options that decide the figures and were not typed by who began it, and what gave them."""

    __pydantic_config__ = STRICT

    @property
    def config(self) -> Configuration:
        """The configuration itself."""
        return STAGES[self.stage].configuration(self.configuration)

    def is_of(self, trial: FrozenTrial, settings: StudySettings) -> bool:
        """Whether it has the configuration of a study's trial, over the study's encoder."""
        same = fingerprint(self.config) == trial.user_attrs.get(trials.FINGERPRINT)
        own, other = ((of.stage, of.encoder and of.encoder.sha256) for of in (self, settings))
        return same and own == other

    @property
    def metric(self) -> str:
        """What a seed's figure is."""
        return "loss" if self.stage == "autoencoder" else "accuracy"

    def values(self) -> list[float]:
        """Each seed's accuracy, or an autoencoder's loss."""
        return [s.loss if s.accuracy is None else s.accuracy for s in self.seeds]

    def mean(self) -> Mean:
        """Of these, with its interval over the seeds."""
        return mean_with_interval(self.values())

    def error_of_images(self) -> float | None:
        """Standard error of the accuracy that comes of which images judge, the same for all seeds.

        None of an autoencoder, of whose loss it is not known.
        """
        if self.stage == "autoencoder":
            return None
        return standard_error(self.mean().mean, self.budget.n_judging)

    def confusion(self) -> list[list[int]] | None:
        """Counts over all seeds; None of an autoencoder."""
        each = [s.confusion for s in self.seeds if s.confusion is not None]
        return added(each) if each else None

    def with_seed(self, seed: SeedResult) -> "FinalResult":
        """The same with one more seed."""
        return replace(self, seeds=tuple(sorted((*self.seeds, seed), key=lambda s: s.seed)))

    def identity(self) -> dict[str, Any]:
        """All that decides what a seed comes to, flat."""
        config = dict(self.configuration)
        encoder = config.pop("encoder", None) or {}
        return {
            "stage": self.stage,
            **config,
            **{f"encoder's {name}": value for name, value in encoder.items()},
            "encoder's weights": (self.encoder and self.encoder.sha256) or "random",
            **asdict(self.budget),
            "judged by": self.judged_by,
            "threads": self.n_threads,
            "data": self.data,
        }

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it, with the figures that sum the seeds up."""
        return {"format": FORMAT, **asdict(self), "summary": self._summary()}

    def _summary(self) -> dict[str, Any]:
        if not self.seeds:
            return {}
        summary = {"metric": self.metric, "n_seeds": len(self.seeds), **self.mean()._asdict()}
        error = self.error_of_images()
        summary |= {"error_of_images": error} if error is not None else {}
        confusion = self.confusion()
        if confusion is not None:
            scores = zip(CLASS_NAMES, class_scores(confusion), strict=True)
            summary["classes"] = [{"name": name, **score._asdict()} for name, score in scores]
            summary["confusion"] = confusion
        return summary


_STORED = TypeAdapter(FinalResult)


def differences(own: dict[str, Any], other: dict[str, Any]) -> str:
    """What two identities differ in: ``dropout 0.0, not 0.2``; nothing of those that are alike."""
    names = [name for name in {**own, **other} if own.get(name) != other.get(name)]
    return "; ".join(f"{name} {own.get(name)}, not {other.get(name)}" for name in names)


def write(result: FinalResult, folder: Path) -> None:
    """Put the figures into the folder, whole or not at all."""
    write_file(folder / FILE, json.dumps(result.to_dict(), indent=1))


def there(fresh: FinalResult, folder: Path) -> FinalResult:
    """What the folder has of a training; the same without seeds where nothing was begun.

    Raises:
        StudyError: the folder is another training's.
    """
    found = read(folder)
    if found is None:
        return fresh
    unlike = differences(fresh.identity(), found.identity())
    if unlike:
        raise StudyError(
            f"{folder} contains another training, of {found.source} ({unlike}); "
            "name another folder with --out, or remove this one"
        )
    return found


def read(folder: Path) -> FinalResult | None:
    """The figures in the folder; None if there are none.

    Raises:
        StudyError: there is a file, and it is not one of these.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        table = json.loads(read_bounded(path, MOST_BYTES))
        if table.pop("format") != FORMAT:
            raise ValueError("it was made by another version")
        table.pop("summary")
        found = _STORED.validate_json(json.dumps(table))
        STAGES[found.stage].configuration(found.configuration)  # what is none is refused
        return found
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        why = first_fault(error)
        raise StudyError(f"{path} contains no results of fmnist-search train: {why}") from error


def read_all(url: URL) -> list[FinalResult]:
    """All results beside the studies of a storage, by name; what cannot be read is left out."""
    results = []
    for folder in sorted(results_folder(url).glob("*/")):
        with suppress(StudyError):
            results.append(read(folder))
    return [result for result in results if result is not None]


def results_folder(url: URL) -> Path:
    """Where results go that no folder is named for: beside the SQLite file, or in the user's."""
    path = sqlite_path(url)
    return (path.parent if path is not None else places.studies()) / "results"


def default_name(source: str, budget: Budget, encoder: str | None, is_repeat: bool = False) -> str:
    """A folder's name that tells one training from another: ``paper-fc-sgd-epochs2``.

    A repetition has the seed of a trial, which is none of those over which a mean is taken.
    """
    parts = [re.sub(r"[^\w.-]+", "-", source).strip("-.") or "model"]
    if encoder is not None:
        parts.append(re.sub(r"[^\w.-]+", "-", encoder).strip("-."))
    if budget.protocol != "final":
        parts.append(budget.protocol)
    if budget.epochs != Budget().epochs:
        parts.append(f"epochs{budget.epochs}")
    if budget.subset is not None:
        parts.append(f"subset{budget.subset}")
    if is_repeat:
        parts.append("repeat")
    return "-".join(parts)
