"""TPE that is told the space draws as Optuna's does, and no dimension is left out of it."""

from collections.abc import Callable, Collection

import optuna
from optuna.samplers import TPESampler
from optuna.trial import TrialState

from spaces.autoencoder import PAPER_SPACE, AutoencoderConfig
from studies.engine.samplers import Tpe
from studies.records import trials


def draws(make_sampler: Callable[[int], TPESampler]) -> list[AutoencoderConfig]:
    study = optuna.create_study()
    configs = []
    for number in range(15):
        study.sampler = make_sampler(number)
        trial = study.ask()
        config = PAPER_SPACE.suggest(trial)
        study.tell(trial, config.dropout + 1 / config.conv1_channels + (config.pool1 == "max"))
        configs.append(config)
    return configs


def test_it_draws_what_optunas_tpe_draws() -> None:
    ours = draws(lambda seed: Tpe(PAPER_SPACE, n_startup_trials=5, seed=seed))
    optunas = draws(lambda seed: TPESampler(n_startup_trials=5, seed=seed))
    assert ours == optunas


def test_dimensions_that_a_trial_lacks_are_still_drawn_together_with_the_others() -> None:
    space = PAPER_SPACE.narrowed({"dropout": "0.1:0.3", "pool2": "avg"})
    study = optuna.create_study()
    outside = study.ask()
    space.suggest_known(outside, AutoencoderConfig(dropout=0.0))
    study.tell(outside, 1.0)
    (trial,) = study.get_trials()
    assert "dropout" not in trial.params
    together = Tpe(space).infer_relative_search_space(study, trial)
    assert set(together) == {"dropout", "batchnorm", "pool1", "conv1_channels", "conv2_channels"}


def test_a_retry_stands_where_the_lost_trial_stood() -> None:
    """So a search that was killed draws what it would have drawn."""

    def drawn(lost: Collection[int]) -> AutoencoderConfig:
        study, left = optuna.create_study(), []
        for number in range(15):
            study.sampler = Tpe(PAPER_SPACE, seed=number, n_startup_trials=20)
            trial = study.ask()
            config = PAPER_SPACE.suggest(trial)
            value = config.dropout + 1 / config.conv1_channels
            if number in lost:
                left.append((trial.number, trial.params, value))
                study.tell(trial, state=TrialState.FAIL)
            else:
                study.tell(trial, value)
        for number, params, value in left:
            study.enqueue_trial(params, user_attrs={trials.RETRY_OF: number})
            retry = study.ask()
            PAPER_SPACE.suggest(retry)
            study.tell(retry, value)
        study.sampler = Tpe(PAPER_SPACE, seed=99, n_startup_trials=5)
        return PAPER_SPACE.suggest(study.ask())

    assert drawn(lost=range(3, 9)) == drawn(lost=())
