"""One run from its request: storage, study, data and search, put together in their order."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import optuna
import torch
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from spaces.errors import StudyError
from spaces.space import fingerprint
from spaces.stages import Stage
from studies.dashboard import notes
from studies.data.images import load_split
from studies.engine.coordinator import Search
from studies.engine.estimate import Estimate, estimate, n_at_once
from studies.engine.opening import is_untouched, open_study, resolve
from studies.engine.progress import Event, Notice, SearchState, n_begun, n_wanted, paper_names
from studies.engine.repair import prepare, to_enqueue
from studies.engine.samplers import n_grid_points
from studies.engine.sharing import making_studies, share
from studies.engine.still_to_train import pruner_of, resting, still_to_train
from studies.files.file_systems import network_file_system
from studies.records import attempts, encoders, garbage, trials
from studies.records.open_study import OpenStudy
from studies.records.references import find_if_there
from studies.records.request import SearchRequest
from studies.records.settings import StudySettings
from studies.storage.databases import confirm_stored, sole_coordinator, sqlite_path
from studies.storage.place import Place
from studies.training.factory import TrainingFactory
from studies.workers import who_trains
from studies.workers.pool import Pool
from studies.workers.processes import cut_by_memory, n_side_by_side
from studies.workers.stopping import StopSignal


class Plan(NamedTuple):
    """What a run is going to do."""

    study_name: str
    settings: StudySettings
    created: bool
    """The study is not there yet."""
    storage: str
    """Without password."""
    n_searched: int
    """Searched trials that the study has already, or has given up."""
    n_wanted: int
    n_given: int
    """Of those still to come, how many are configurations that a person gave."""
    paper_missing: tuple[str, ...]
    """Names of the paper's configurations that are still to be trained."""
    n_jobs: int | None
    """Trials trained side by side; None if that depends on a Dask cluster."""
    n_threads: int
    estimate: Estimate
    """With so many side by side; where that is not known, one after the other."""
    n_grid_points: int | None = None
    """Of the grid, where that is the sampler."""
    best: FrozenTrial | None = None
    """Of the trials that the study has already."""
    n_promoted: int = 0
    """Pruned or resting ones that are trained on whatever the others come to."""
    n_resting: int = 0
    """Other ones that rest, of which the best go on."""

    def has_work(self) -> bool:
        """Whether anything is left to train."""
        is_searched = self.n_wanted > self.n_searched or self.n_promoted or self.n_resting
        return bool(is_searched or self.paper_missing)

    def time_in_words(self) -> str:
        """How long the run will take."""
        return self.estimate.in_words(self.n_jobs)


class SearchResult(NamedTuple):
    """What came of a run."""

    study: optuna.Study
    reason: str
    """Why the search ended."""
    state: SearchState
    storage: str
    """Its URL without password."""
    artifacts: str
    """Folder or bucket of its trials' weights."""


def make_plan(request: SearchRequest, stage: Stage) -> Plan:
    """Work out and measure what a run would do; changes nothing.

    Raises:
        StudyError: the storage or the study does not allow it.
        ConfigurationError: the settings asked for cannot be.
    """
    torch.set_num_threads(request.threads)
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # our own events say it all
    place = Place.to_look_on(request.storage, request.artifacts)
    resolution = resolve(place, request, stage)
    settings = resolution.settings
    study = find_if_there(place.storage, resolution.name)
    there = trials.of(study) if study is not None else []
    names = paper_names(request, settings)
    given = to_enqueue(request.enqueue, settings, there, names)
    again = attempts.configurations_given_up(there)
    n_there = attempts.n_tried(there) - sum(fingerprint(config) in again for config in given)
    wanted = max(n_wanted(request, settings, there), n_there + len(given) if given else 0)
    missing = trials.unfinished_paper_trials(there, names)
    configs = [stage.paper_row(name).config for name in missing]
    left = still_to_train(request, settings, there, place.artifacts, max(0, wanted - n_there))
    searched = left.each()
    n_jobs = n_at_once(request, len(configs) + len(searched))
    pruner = pruner_of(request, settings)
    return Plan(
        study_name=resolution.name,
        settings=settings,
        created=study is None or is_untouched(study),
        storage=place.name,
        n_searched=n_there,
        n_wanted=wanted,
        n_given=len(given),
        paper_missing=tuple(missing),
        n_jobs=n_jobs,
        n_threads=request.threads,
        estimate=estimate(
            settings, pruner, configs, searched, left.n_epochs, n_jobs or 1, request.threads
        ),
        n_grid_points=(
            n_grid_points(settings.search_space()) if request.sampler == "grid" else None
        ),
        best=trials.best(there, settings.direction),
        n_promoted=len(left.promoted),
        n_resting=len(left.resting),
    )


def launch(
    request: SearchRequest,
    stage: Stage,
    study_name: str,
    data_folder: Path,
    on_event: Callable[[Event], None],
    stop: StopSignal,
) -> SearchResult:
    """Run the search that the request asks for.

    The study has the name that was planned; another process can have made another of it since.

    Raises:
        FmnistSearchError: the run cannot begin as asked; nothing was trained.
        Interrupted: the user or the system stopped it; it can go on later.
    """
    torch.set_num_threads(request.threads)
    place = Place.to_run(request.storage, request.artifacts)
    storage = place.storage
    assert isinstance(storage, RDBStorage)
    garbage.note_owner(place.artifacts, place.url)
    with sole_coordinator(place.url, study_name) as alone, stop.installed():
        with making_studies(storage):
            resolution = resolve(place, request, stage)
            if resolution.name != study_name:
                raise StudyError(
                    f"study '{study_name}' was created by another process just now; run this again"
                )
            opened = open_study(place, resolution)
        sharing = share(storage, opened.study, alone)
        names = paper_names(request, opened.settings)
        with sharing.exclusively():
            notices = prepare(opened, sharing, names, request.promote, request.enqueue)
        for notice in (*notices, *_cautions(place, request)):
            on_event(notice)
        notes.fill_in(opened)
        validation = load_split(data_folder, opened.settings.budget).validation
        with stop.interruptible():
            pool = _pool(opened, request, data_folder, lambda text: on_event(Notice(text)))
        search = Search(opened, request, validation, pool, on_event, stop, sharing)
        try:
            reason = search.run()
            notes.fill_in(opened)
            confirm_stored(place.url, opened.study)
        except KeyError as error:
            if find_if_there(place.storage, study_name) is not None:
                raise
            raise StudyError(
                f"study '{study_name}' was deleted or renamed while it ran; the same command "
                "starts it again"
            ) from error
        state, artifacts = search.endings.state(), place.artifacts.place
        return SearchResult(opened.study, reason, state, place.name, artifacts)


def _cautions(place: Place, request: SearchRequest) -> Iterator[Notice]:
    """What to know of the places that a run writes to, and of this machine."""
    path = sqlite_path(place.url)
    if path is not None and (kind := network_file_system(path)):
        yield Notice(
            f"{path} is on a network file system ({kind}), where SQLite supports only one machine "
            "at a time; name a file on a local disk with --storage, or a PostgreSQL URL for "
            "several machines"
        )
    if request.artifacts is None and place.url.get_backend_name() != "sqlite":
        yield Notice(
            f"weights and checkpoints stay on this machine, in {place.artifacts.place}; name a "
            "folder or bucket that all machines share with --artifacts"
        )
    if request.dask is None and (cut := cut_by_memory(request.jobs, request.threads)):
        yield Notice(cut)


def _pool(
    opened: OpenStudy, request: SearchRequest, data_folder: Path, say: Callable[[str], None]
) -> Pool:
    """Who trains, no more at a time than there are trials still to come or to go on."""
    budget, start, there = opened.settings.budget, encoders.weights_file(opened), opened.trials()
    encoder = start.read_bytes() if start else None
    factory = TrainingFactory(data_folder, budget, request.threads, encoder)
    n_waiting = sum(trial.state == TrialState.WAITING for trial in there)
    n_resting = len(resting(pruner_of(request, opened.settings), there))
    n_left = n_waiting + n_resting + n_wanted(request, opened.settings, there) - n_begun(there)
    n_jobs = min(n_side_by_side(request.jobs, request.threads), n_left)
    return who_trains.make_pool(n_jobs, request.threads, request.scheduler(), factory, say)
