"""Studies as they are stored: lists and tables of them, and what can be done with one."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pandas
from optuna.trial import FrozenTrial

from fmnist_search import as_typed
from reports.analysis.tables import best_trials, list_studies
from reports.analysis.values import epochs_frame, trials_frame
from search.running import best_in_words
from spaces.errors import StudyError
from studies.records.open_study import OpenStudy
from studies.records.references import all_studies, find_study
from studies.records.trials import value_of
from studies.storage.databases import open_existing
from studies.storage.place import Place

if TYPE_CHECKING:
    from fmnist_search.loaded import AutoencoderModel, ClassifierModel


@dataclass(frozen=True, repr=False)
class Study:
    """A study as it was when it was loaded; load it again to see what came since.

    Names are Optuna's where it has the same thing. It is for reading: ``fmnist_search.search`` and
    the commands change studies.
    """

    opened: OpenStudy
    place: Place

    @property
    def name(self) -> str:
        """The study's name."""
        return self.opened.name

    @property
    def optuna(self) -> optuna.Study:
        """Optuna's own object, for its visualisations and whatever else reads studies."""
        return self.opened.study

    @property
    def best_trial(self) -> FrozenTrial:
        """The best trial that was trained to the end within the study's limits, the paper's too.

        Raises:
            StudyError: there is none yet.
        """
        best = self.opened.best()
        if best is None:
            raise StudyError(f"no trial of study '{self.name}' has been trained to the end yet")
        return best

    @property
    def best_value(self) -> float:
        """The best trial's value.

        An autoencoder's validation loss (mean squared error over pixels in [−1, 1]), a classifier's
        validation accuracy (0 to 1) or cross-entropy (nats), by what the study's trials are judged.

        Raises:
            StudyError: there is no such trial yet.
        """
        return value_of(self.best_trial)

    def best(self, n: int = 5) -> pandas.DataFrame:
        """The best trials, each configuration once: a row a trial, the best first.

        Args:
            n: rows at most.
        """
        rows = [row._asdict() for row in best_trials(self.optuna, n)]
        return pandas.DataFrame(rows).set_index("label") if rows else pandas.DataFrame()

    def trials_dataframe(self) -> pandas.DataFrame:
        """A row for each trial: number, state, value, configuration, metrics and costs.

        Losses are squared errors of pixels in [−1, 1] or cross-entropies in nats, accuracies go
        from 0 to 1; ``seconds`` is what its training took, ``latency_ms`` milliseconds for 100
        images on one thread.
        """
        return trials_frame(self.opened.trials())

    def epochs_dataframe(self) -> pandas.DataFrame:
        """A row for each trial and epoch, a column for each metric, in the units above."""
        return epochs_frame(self.opened.trials())

    def load(self, trial: int | None = None) -> "AutoencoderModel | ClassifierModel":
        """A trial's trained model.

        Args:
            trial: its number; None for the best one.

        Raises:
            StudyError: there is no such trial, or its weights were not kept.
        """
        from fmnist_search.loaded import of_trial

        reference = self.name if trial is None else f"{self.name}#{trial}"
        return of_trial(self.place, reference)

    def __repr__(self) -> str:
        n_trials = len(self.opened.trials())
        return f"<study {self.name!r}: {n_trials} trials; {best_in_words(self.optuna)}>"


def studies(storage: str | Path | None = None) -> pandas.DataFrame:
    """The studies in a storage: a row a study, oldest first; none where there is no storage yet.

    Args:
        storage: an SQLite file, or a storage URL of Optuna's.

    Raises:
        StudyError: a storage that is named is not there or cannot be read.
    """
    url = as_typed.read("report", storage=storage).params["storage"]
    rows = list_studies(all_studies(open_existing(url)))
    return pandas.DataFrame([row._asdict() for row in rows])


def load_study(
    name: str, storage: str | Path | None = None, artifacts: str | Path | None = None
) -> Study:
    """A study by its name; ``ae`` and ``clf`` also name the last study of their stage.

    Args:
        name: the study's.
        storage: an SQLite file, or a storage URL of Optuna's.
        artifacts: the folder or bucket of its trials' weights.

    Raises:
        StudyError: there is no such study, or it cannot be read; names the nearest.
    """
    places = as_typed.read("report", storage=storage, artifacts=artifacts).params
    place = Place.there(places["storage"], places["artifacts"])
    return Study(OpenStudy.at(find_study(place.storage, name), place.artifacts), place)
