import random
import statistics
from dataclasses import replace
from typing import Any

import pytest

from spaces.autoencoder import AutoencoderConfig
from spaces.classifier import PAPER_ENCODER, ClassifierConfig
from spaces.space import Configuration
from studies.engine import estimate as estimates
from studies.engine.estimate import estimate, seconds_of_training
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
    found = estimate(settings, "none", [], 10, 300, n_jobs=1, n_threads=1)
    assert found.searched_at_most_s == pytest.approx(10 * mean * 1e-9, rel=0.05)


@pytest.mark.parametrize(("convs_per_block", "features"), [(1, 96 * 5 * 5), (2, 96 * 4 * 4)])
def test_a_frozen_encoder_costs_its_head_alone(convs_per_block: Any, features: int) -> None:
    encoder = replace(PAPER_ENCODER, convs_per_block=convs_per_block)
    config = ClassifierConfig(fc_width=128, freeze="encoder", encoder=encoder)
    assert estimates._work(config, 7) == 7 * 3 * (features * 128 + 128 * 10)
    seen_anew = replace(config, flip=True)
    whole = config.n_multiply_adds()
    assert estimates._work(seen_anew, 7) == 7 * (whole + 2 * (features * 128 + 128 * 10))
