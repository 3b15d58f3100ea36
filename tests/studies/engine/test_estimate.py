import random
import statistics
from dataclasses import replace
from typing import Any

import pytest

from spaces.autoencoder import AutoencoderConfig
from spaces.classifier import PAPER_ENCODER, ClassifierConfig
from spaces.space import Configuration
from spaces.stages import AUTOENCODER
from studies.engine import estimate as estimates
from studies.engine.estimate import (
    Estimate,
    estimate,
    n_at_once,
    seconds_of_training,
    side_by_side_s,
)
from studies.records.request import PrunerName, SearchRequest
from studies.records.settings import StudySettings

SECONDS = {"none": 30.0, "conv1": 20.0, "encoder": 1.0, "gradual": 1.0}
"""What an epoch takes that begins with so much frozen."""


def epoch_s(config: Configuration, **_: object) -> float:
    assert isinstance(config, ClassifierConfig)
    return SECONDS[config.freeze]


@pytest.mark.parametrize(
    ("config", "seconds"),
    [
        (ClassifierConfig(), 10 * 30),
        (ClassifierConfig(freeze="encoder"), 10 * 1),
        (ClassifierConfig(freeze="gradual", unfreeze_epoch=3), 3 * 1 + 3 * 20 + 4 * 30),
        (ClassifierConfig(freeze="gradual", unfreeze_epoch=10), 10 * 1),
        (
            ClassifierConfig(
                freeze="gradual",
                unfreeze_epoch=2,
                encoder=AutoencoderConfig(padding="same", n_blocks=3),
            ),
            2 * 1 + 4 * 20 + 4 * 30,
        ),
    ],
)
def test_epochs_of_a_gradually_unfrozen_encoder_are_timed_each_as_it_is(
    config: ClassifierConfig, seconds: float
) -> None:
    assert seconds_of_training(config, 10, epoch_s) == seconds


def test_a_few_measured_classifiers_stand_for_all_of_the_space(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where time goes with work, the estimate is the mean over the space, whatever was drawn."""
    monkeypatch.setattr(
        estimates, "seconds_per_epoch", lambda config, **_: estimates._work_of_epoch(config) * 1e-9
    )
    monkeypatch.setattr(estimates, "pace", lambda *_: (None, 1.0))
    settings = StudySettings("classifier", metric="validation_accuracy", direction="maximize")
    space, rng = settings.search_space(), random.Random(1)
    mean = statistics.fmean(estimates._work(space.sample(rng), 30) for _ in range(4_000))
    found = estimate(settings, "none", [], [30] * 10, 300, n_jobs=1, n_threads=1)
    assert found.searched_at_most_s == pytest.approx(10 * mean * 1e-9, rel=0.05)


@pytest.mark.parametrize(("convs_per_block", "features"), [(1, 96 * 5 * 5), (2, 96 * 4 * 4)])
def test_a_frozen_encoder_costs_its_head_alone(convs_per_block: Any, features: int) -> None:
    encoder = replace(PAPER_ENCODER, convs_per_block=convs_per_block)
    config = ClassifierConfig(fc_width=128, freeze="encoder", encoder=encoder)
    assert estimates._work(config, 7) == 7 * 3 * (features * 128 + 128 * 10)
    seen_anew = replace(config, flip=True)
    whole = config.n_multiply_adds()
    assert estimates._work(seen_anew, 7) == 7 * (whole + 2 * (features * 128 + 128 * 10))


@pytest.fixture
def one_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each epoch takes a second."""
    monkeypatch.setattr(estimates, "seconds_per_epoch", lambda _, **__: 1.0)
    monkeypatch.setattr(estimates, "_work", lambda *_: 1)
    monkeypatch.setattr(estimates, "pace", lambda *_: (None, 1.0))


def of_autoencoders(
    pruner: PrunerName, n_paper: int, searched: list[int], n_epochs: float, n_jobs: int
) -> Estimate:
    rows = [row.config for row in AUTOENCODER.paper[:n_paper]]
    settings = StudySettings("autoencoder")
    return estimate(settings, pruner, rows, searched, n_epochs, n_jobs, n_threads=1)


@pytest.mark.parametrize(
    ("n_jobs", "seconds"), [(1, 9.0), (2, 7.0), (3, 5.0), (4, 5.0), (100, 5.0)]
)
def test_trainings_side_by_side_are_never_split(n_jobs: int, seconds: float) -> None:
    assert side_by_side_s([2.0, 2.0, 5.0], n_jobs) == pytest.approx(seconds)


@pytest.mark.usefixtures("one_second")
def test_a_run_takes_no_less_than_its_longest_training_however_many_cores_there_are() -> None:
    assert of_autoencoders("promotion", 5, [], 0, n_jobs=16) == (30.0, 0.0, 0.0, 0)
    assert of_autoencoders("promotion", 5, [], 0, n_jobs=2).paper_s == 90.0
    many = of_autoencoders("promotion", 0, [30] * 50, 162, n_jobs=16)
    assert many.searched_s == 30.0, "somebody is trained to the end"
    assert many.searched_at_most_s == 120.0, "four after each other"
    resting = of_autoencoders("promotion", 0, [29] * 40, 12, n_jobs=16)
    assert resting.searched_s == 12.0, "nobody is trained for more"


@pytest.mark.usefixtures("one_second")
def test_the_papers_trials_and_the_searched_ones_share_the_cores() -> None:
    both = of_autoencoders("none", 5, [30] * 11, 330, n_jobs=16)
    assert both.paper_s + both.searched_s == both.paper_s + both.searched_at_most_s == 30.0
    assert both.paper_s == pytest.approx(30 * 5 / 16)
    few = of_autoencoders("halving", 1, [30] * 50, 480, n_jobs=2)
    assert few.paper_s + few.searched_s == pytest.approx((30 + 480) / 2, abs=30)
    assert few.paper_s + few.searched_at_most_s == pytest.approx(30 * 51 / 2, abs=30)


def test_no_more_train_at_a_time_than_there_are_and_a_cluster_decides_for_itself() -> None:
    assert n_at_once(SearchRequest(jobs=4), 50) == 4
    assert n_at_once(SearchRequest(jobs=4), 3) == 3
    assert n_at_once(SearchRequest(jobs=4), 0) == 1
    assert n_at_once(SearchRequest(jobs=4, dask="tcp://127.0.0.1:1"), 50) is None
