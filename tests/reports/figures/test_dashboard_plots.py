import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from helpers.made_up_studies import make
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState, create_trial

from reports.figures.dashboard_plots import refresh, save_plots
from spaces import paper
from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from studies.records import trials
from studies.records.comparable import MIN_FOR_IMPORTANCE
from studies.records.settings import StudySettings, with_space, write
from studies.storage.databases import open_storage, storage_url

pytestmark = pytest.mark.slow

SETTINGS = with_space(StudySettings("autoencoder", Budget(epochs=2)), {})


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    storage = open_storage(storage_url(str(tmp_path / "studies.db")))
    study = optuna.create_study(storage=storage, study_name="s")
    write(study, SETTINGS)
    return study


def add(
    study: optuna.Study, config: AutoencoderConfig, value: float, name: str | None = None
) -> None:
    space = SETTINGS.search_space()
    params = space.params(config)
    attrs = {
        trials.N_PARAMETERS: config.n_parameters(),
        trials.METRICS: {"validation_loss": value, "train_loss": value},
        **({trials.PAPER: name} if name else {}),
    }
    distributions = {
        d.name: optuna.distributions.CategoricalDistribution(d.grid())
        for d in space.dimensions
        if d.name in params
    }
    study.add_trial(
        create_trial(
            value=value, user_attrs=attrs, params=dict(params), distributions=distributions
        )
    )


def add_searched(study: optuna.Study, n_trials: int) -> None:
    rng = random.Random(0)
    for _ in range(n_trials):
        config = SETTINGS.search_space().sample(rng)
        add(study, config, 0.02 + 0.1 * config.dropout + 0.01 * rng.random())


def saved(study: optuna.Study, name: str) -> dict[str, Any]:
    prefix = f"dashboard:plot_data:{name}:"
    attrs = study._storage.get_study_system_attrs(study._study_id)
    parts = [attrs[f"{prefix}{i}"] for i in range(sum(key.startswith(prefix) for key in attrs))]
    found: dict[str, Any] = json.loads("".join(parts))
    return found


def test_nothing_is_drawn_of_a_study_without_results(study: optuna.Study) -> None:
    study.add_trial(create_trial(state=TrialState.PRUNED, value=0.5))
    assert save_plots(study) == []


def compared(study: optuna.Study) -> dict[str, dict[str, float]]:
    """The dots of the comparison by what they are and where they stand."""
    save_plots(study)
    plot = saved(study, "paper-against-found")
    return {dots["name"]: dict(zip(dots["y"], dots["x"], strict=True)) for dots in plot["data"]}


def test_the_best_stands_beside_the_papers_configurations_trained_alike_and_nothing_else(
    study: optuna.Study,
) -> None:
    row = paper.AUTOENCODERS[0]
    add(study, row.config, 0.08, row.name)
    add(study, AutoencoderConfig(conv1_channels=8), 0.0125)
    assert compared(study) == {
        "the paper's, trained here": {"baseline": 0.08},
        "best": {"best: #1": 0.0125},
    }
    layout = saved(study, "paper-against-found")["layout"]
    assert "left out" in layout["xaxis"]["title"]["text"]
    assert "found by the search" in layout["title"]["text"]


def test_published_numbers_stand_there_too_where_the_budget_is_the_papers(
    study: optuna.Study,
) -> None:
    write(study, with_space(StudySettings("autoencoder", Budget()), {}))
    row = paper.AUTOENCODERS[-1]
    add(study, row.config, 0.0137, row.name)
    found = compared(study)
    assert found["published"]["channels"] == 0.0175
    assert found["the paper's, trained here"] == {"channels": 0.0137}
    assert "best" not in found, "it is the paper's own"


def test_the_pareto_front_has_no_trial_that_a_smaller_one_reaches(study: optuna.Study) -> None:
    for channels, value in ((8, 0.05), (16, 0.06), (32, 0.03), (64, 0.02)):
        add(study, AutoencoderConfig(conv1_channels=channels), value)
    save_plots(study)
    others, front, _ = saved(study, "pareto")["data"]
    assert others["text"] == ["#1"]
    assert front["text"] == ["#3", "#2", "#0"]
    assert front["x"] == sorted(front["x"], reverse=True)


def test_importance_is_drawn_from_enough_searched_trials_and_finds_what_decides(
    study: optuna.Study,
) -> None:
    add_searched(study, MIN_FOR_IMPORTANCE - 1)
    save_plots(study)
    too_few = saved(study, "importance")
    assert too_few["data"] == []
    words = too_few["layout"]["annotations"][0]["text"].replace("<br>", " ")
    assert f"there are {MIN_FOR_IMPORTANCE - 1}" in words
    add_searched(study, 60)
    save_plots(study)
    plot = saved(study, "importance")
    assert plot["data"][0]["y"][-1] == "dropout"
    assert f"{MIN_FOR_IMPORTANCE + 59} trials" in plot["layout"]["title"]["text"]


def test_importance_of_trials_that_rest_says_after_which_epoch_it_is() -> None:
    study = make(InMemoryStorage(), n_trials=40, lengths=[1, 1, 1, 6])
    save_plots(study)
    plot = saved(study, "importance")
    assert plot["data"][0]["y"][-1] == "dropout"
    assert "after epoch 1 of 6, by 40 trials" in plot["layout"]["title"]["text"]
    assert "need not be good at the end" in plot["layout"]["xaxis"]["title"]["text"]


def test_a_plot_saved_again_takes_the_place_of_the_one_before(study: optuna.Study) -> None:
    add_searched(study, 100)
    save_plots(study)
    n_attrs = len(study._storage.get_study_system_attrs(study._study_id))
    for trial_value in (0.001, 0.002):
        add(study, AutoencoderConfig(conv1_channels=96), trial_value)
    save_plots(study)
    assert len(study._storage.get_study_system_attrs(study._study_id)) <= n_attrs + 1
    assert compared(study)["best"] == {"best: #100": 0.001}


def test_plots_of_a_large_study_stay_small() -> None:
    study = optuna.create_study()
    write(study, SETTINGS)
    add_searched(study, 600)
    save_plots(study)
    attrs = study._storage.get_study_system_attrs(study._study_id)
    assert sum(len(str(v)) for k, v in attrs.items() if "plot_data" in k) < 60_000


def test_other_programs_studies_stay_as_they_are(study: optuna.Study) -> None:
    foreign = optuna.create_study(storage=study._storage, study_name="foreign")
    foreign.add_trial(create_trial(value=0.5))
    add_searched(study, 1)
    refresh(study._storage)
    assert foreign._storage.get_study_system_attrs(foreign._study_id) == {}
    assert saved(study, "pareto")


def test_the_dashboard_waits_for_no_library_that_its_plots_do_not_need() -> None:
    script = (
        "import sys, reports.figures.dashboard_plots\n"
        "assert not {'torch', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
