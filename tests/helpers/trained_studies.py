"""Two small studies, really trained, for tests of what is made of their models."""

from pathlib import Path
from typing import Any, NamedTuple

import torch

from helpers.opened import run_search
from spaces.stages import AUTOENCODER, CLASSIFIER, Stage
from studies.records.references import StudyTrial, find_trial
from studies.records.request import SearchRequest
from studies.storage.artifacts import ArtifactFolder
from studies.storage.place import Place
from studies.workers.stopping import StopSignal

AE, CLF = "ae-epochs1-subset600", "clf-epochs1-subset600"
"""Of each the paper's two smallest models are trained."""


class TrainedStudies(NamedTuple):
    database: Path
    data_dir: Path

    @property
    def artifacts(self) -> Path:
        return self.database.with_name("studies.db-artifacts")

    def place(self) -> Place:
        return Place.there(str(self.database), None)

    def trial(self, reference: str) -> StudyTrial:
        return find_trial(self.place(), reference)

    def store(self) -> ArtifactFolder:
        return ArtifactFolder(self.artifacts)

    def search(self, stage: Stage, **changes: Any) -> None:
        options = {
            "trials": 0,
            "epochs": 1,
            "subset": 600,
            "jobs": 1,
            "storage": str(self.database),
            "data_dir": self.data_dir,
        }
        n_threads = torch.get_num_threads()
        try:
            request = SearchRequest(**{**options, **changes})
            run_search(request, stage, self.data_dir, stop=StopSignal(lambda _: None))
        finally:
            torch.set_num_threads(n_threads)


def train_studies(folder: Path, data_dir: Path) -> TrainedStudies:
    studies = TrainedStudies(folder / "studies.db", data_dir)
    studies.search(AUTOENCODER, only_paper=("dropout", "max-avg"))
    studies.search(CLASSIFIER, only_paper=("fc10-adam", "fc-sgd"))
    return studies
