"""Places and studies opened for a test, in whatever storage and folder it has."""

from collections.abc import Callable
from pathlib import Path

import optuna
from optuna.storages import BaseStorage
from sqlalchemy.engine import URL

from spaces.stages import Stage
from studies.engine.launch import SearchResult, launch
from studies.engine.opening import resolve
from studies.engine.progress import Event
from studies.records.open_study import OpenStudy
from studies.records.references import find_if_there
from studies.records.request import SearchRequest
from studies.records.settings import StudySettings, load
from studies.storage.artifacts import ArtifactFolder, ArtifactStore
from studies.storage.place import Place
from studies.workers.stopping import StopSignal


def place_of(storage: BaseStorage, store: ArtifactStore | None = None) -> Place:
    """A storage and a store as one place; without a store it has a folder that is not there."""
    nowhere = ArtifactFolder(Path("/nowhere"), make=False)
    return Place(URL.create("sqlite"), storage, nowhere if store is None else store)


def opened(
    study: optuna.Study, store: ArtifactStore, settings: StudySettings | None = None
) -> OpenStudy:
    """A study with the settings that it has, or with others."""
    return OpenStudy(study, load(study) if settings is None else settings, store)


def stored_study(place: Place, name: str) -> optuna.Study:
    """The study of exactly that name."""
    found = find_if_there(place.storage, name)
    assert found is not None
    return found


def run_search(
    request: SearchRequest,
    stage: Stage,
    data_dir: Path,
    on_event: Callable[[Event], object] = lambda _: None,
    stop: StopSignal | None = None,
) -> SearchResult:
    """Plan a search by its name alone, and run it."""
    name = resolve(Place.to_look_on(request.storage, request.artifacts), request, stage).name
    return launch(request, stage, name, data_dir, on_event, stop or StopSignal())
