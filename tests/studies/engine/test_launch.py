"""Plans and runs from a request, on tiny data."""

from pathlib import Path
from typing import Any

import optuna
import pytest
from helpers.opened import run_search
from helpers.tiny_data import TinyData

from spaces import paper
from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.errors import StudyError
from spaces.stages import AUTOENCODER
from studies.engine import launch
from studies.engine.estimate import estimate
from studies.engine.opening import open_study, resolve
from studies.records import trials
from studies.records.request import SearchRequest
from studies.records.settings import StudySettings
from studies.storage import place
from studies.storage.place import Place
from studies.workers import who_trains
from studies.workers.in_process import InProcess
from studies.workers.stopping import StopSignal

pytestmark = pytest.mark.slow

N_PAPER = len(paper.AUTOENCODERS)


def request(folder: Path, **changes: object) -> SearchRequest:
    fields = {
        "trials": 2,
        "epochs": 1,
        "subset": 600,
        "threads": 1,
        "storage": str(folder / "s.db"),
    }
    return SearchRequest(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_plan_of_a_new_study_says_all_that_is_to_do_and_writes_nothing(tmp_path: Path) -> None:
    plan = launch.make_plan(request(tmp_path), AUTOENCODER)
    assert plan.study_name == "ae-epochs1-subset600"
    assert plan.created
    assert (plan.n_searched, plan.n_wanted) == (0, 2)
    assert plan.paper_missing == paper.AUTOENCODER_RUN_ORDER
    assert 0 < plan.estimate.searched_s <= plan.estimate.searched_at_most_s
    assert plan.estimate.paper_s > 0
    assert list(tmp_path.iterdir()) == []


def test_without_a_search_the_papers_dearest_configuration_comes_first(tmp_path: Path) -> None:
    plan = launch.make_plan(request(tmp_path, protocol="paper", trials=None), AUTOENCODER)
    assert plan.paper_missing[0] == "channels"
    assert sorted(plan.paper_missing) == sorted(paper.AUTOENCODER_RUN_ORDER)


def test_a_plan_of_an_existing_study_counts_what_is_there(tmp_path: Path) -> None:
    here = Place.to_run(str(tmp_path / "s.db"), None)
    study = open_study(here, resolve(here, request(tmp_path), AUTOENCODER)).study
    for attrs in ({}, {trials.PAPER: "dropout"}):
        study.add_trial(optuna.trial.create_trial(value=0.1, user_attrs=attrs))
    plan = launch.make_plan(request(tmp_path), AUTOENCODER)
    assert not plan.created
    assert plan.n_searched == 1
    assert set(plan.paper_missing) == set(paper.AUTOENCODER_RUN_ORDER) - {"dropout"}
    assert launch.make_plan(request(tmp_path, trials=None, more=3), AUTOENCODER).n_wanted == 4


def test_a_plan_for_a_dask_cluster_does_not_count_this_machines_cores(tmp_path: Path) -> None:
    address = "tcp://127.0.0.1:1"
    plan = launch.make_plan(request(tmp_path, dask=address, only_paper=()), AUTOENCODER)
    assert plan.n_jobs is None
    assert "for one worker like it" in plan.time_in_words()


def test_a_plan_shows_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "open_to_look_on", lambda _: optuna.storages.InMemoryStorage())
    url = "postgresql://me:secret@localhost/studies"
    plan = launch.make_plan(request(tmp_path, storage=url), AUTOENCODER)
    assert "secret" not in repr(plan)


def test_estimates_grow_with_the_work() -> None:
    small = StudySettings("autoencoder", Budget(epochs=1, subset=600))
    config = AutoencoderConfig()
    nothing = estimate(small, "none", [], [], 0, 1, 1)
    assert nothing == (0.0, 0.0, 0.0, 0)
    one = estimate(small, "none", [config], [1], 1, 1, 1)
    assert one.searched_s == one.searched_at_most_s > 0
    large = StudySettings("autoencoder", Budget(epochs=30))
    many = estimate(large, "hyperband", [config], [30] * 50, 500, 1, 1)
    assert many.paper_s > 100 * one.paper_s
    assert many.searched_at_most_s > 1000 * one.searched_s
    assert many.searched_s < many.searched_at_most_s


def test_artifacts_that_cannot_be_stored_are_one_error(tmp_path: Path, tiny_data: TinyData) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()

    with pytest.raises(StudyError, match="--artifacts"):
        launch.launch(
            request(tmp_path, artifacts=in_the_way),
            AUTOENCODER,
            "s",
            tiny_data.folder,
            print,
            StopSignal(),
        )


def test_no_more_processes_are_started_than_trials_are_left(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    def in_process(n_processes: int, *others: Any) -> InProcess:
        started.append(n_processes)
        return InProcess(others[2])

    monkeypatch.setattr(who_trains, "make_pool", in_process)
    asked = request(tmp_path, jobs=4, only_paper=("dropout",))
    for _ in range(2):
        run_search(asked, AUTOENCODER, data_dir)
    more = request(tmp_path, jobs=4, only_paper=("dropout",), trials=None, more=9)
    run_search(more, AUTOENCODER, data_dir)
    assert started == [3, 0, 4]
