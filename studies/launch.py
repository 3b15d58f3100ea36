"""One run from its request: storage, study, data and search, put together in their order."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import optuna
import psutil
import torch

from spaces import paper
from studies import trials
from studies.data import load_split
from studies.estimate import Estimate, estimate
from studies.opening import Resolution, open_study, resolve
from studies.progress import Event, SearchState, n_wanted
from studies.repair import prepare
from studies.request import SearchRequest
from studies.run import Search
from studies.settings import Stage, StudySettings
from studies.stopping import StopSignal
from studies.storage import (
    ArtifactFolder,
    artifacts_folder,
    exists,
    open_storage,
    sole_coordinator,
    storage_url,
    without_password,
)


class Plan(NamedTuple):
    """What a run is going to do."""

    study_name: str
    settings: StudySettings
    created: bool
    """The study is not there yet."""
    storage: str
    """Without password."""
    n_searched: int
    """Searched trials that the study has already."""
    n_wanted: int
    paper_missing: tuple[str, ...]
    """Names of the paper's configurations that are still to be trained."""
    n_threads: int
    estimate: Estimate


class Finished(NamedTuple):
    """What came of a run."""

    study: optuna.Study
    reason: str
    """Why the search ended."""
    state: SearchState
    storage: str
    """Its URL without password."""
    artifacts: str
    """Folder of its trials' weights."""


def make_plan(request: SearchRequest, stage: Stage) -> Plan:
    """Work out and measure what a run would do; changes nothing.

    Raises:
        StudyError: the storage or the study does not allow it.
        ConfigurationError: the settings asked for cannot be.
    """
    torch.set_num_threads(n_threads(request))
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # our own events say it all
    url = storage_url(request.storage)
    storage = open_storage(url) if exists(url) else None
    resolution = resolve(storage, request, stage)
    settings = resolution.settings
    there = []
    if storage is not None and not resolution.created:
        study = optuna.load_study(study_name=resolution.name, storage=storage)
        there = study.get_trials(deepcopy=False)
    n_there = len(trials.searched_results(there))
    wanted = n_wanted(request, settings, there)
    missing = trials.unfinished_paper_trials(there, paper.RUN_ORDER)
    configs = [paper.autoencoder(name).config for name in missing]
    return Plan(
        study_name=resolution.name,
        settings=settings,
        created=resolution.created,
        storage=without_password(url),
        n_searched=n_there,
        n_wanted=wanted,
        paper_missing=tuple(missing),
        n_threads=n_threads(request),
        estimate=estimate(settings, request.pruner, configs, max(0, wanted - n_there)),
    )


def launch(
    request: SearchRequest,
    stage: Stage,
    data_folder: Path,
    on_event: Callable[[Event], None],
    stop: StopSignal,
) -> Finished:
    """Run the search that the request asks for.

    Args:
        request: what the user asked for.
        stage: which model is searched.
        data_folder: holds verified data.
        on_event: told of everything that happens.
        stop: asked between steps whether to stop.

    Raises:
        FmnistSearchError: the run cannot begin as asked; nothing was trained.
        Interrupted: the user or the system stopped it; it can go on later.
    """
    torch.set_num_threads(n_threads(request))
    url = storage_url(request.storage)
    storage = open_storage(url)
    resolution: Resolution = resolve(storage, request, stage)
    settings = resolution.settings
    store = ArtifactFolder(artifacts_folder(url, request.artifacts))
    with sole_coordinator(url, resolution.name) as alone, stop.installed():
        study = open_study(storage, resolution, store)
        for notice in prepare(study, store, settings, alone, request.promote):
            on_event(notice)
        split = load_split(data_folder, settings.budget)
        search = Search(study, settings, request, store, split, on_event, stop)
        reason = search.run()
        folder = str(store.folder)
        return Finished(study, reason, search.state(), without_password(url), folder)


def n_threads(request: SearchRequest) -> int:
    """Threads that a trial trains with: as asked, or one per physical core.

    A trial's values depend on it in their last digits, as sums are split differently.
    """
    return request.threads or psutil.cpu_count(logical=False) or 1
