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


def test_a_trial_that_trains_on_from_a_rung_is_seen_where_it_is() -> None:
    """With several jobs the next trials are drawn while the best are trained to the end."""

    def rests(study: optuna.Study, *values: float) -> optuna.trial.Trial:
        trial = study.ask()
        PAPER_SPACE.suggest(trial)
        for epoch, value in enumerate(values, 1):
            trial.report(value, epoch)
        trial.set_user_attr(trials.TRAINS_TO, len(values))
        trial.set_user_attr(trials.RESTS_AT, len(values))
        return trial

    def drawn(trains_on: bool) -> AutoencoderConfig:
        study = optuna.create_study()
        for number in range(12):
            study.sampler = Tpe(PAPER_SPACE, seed=number, n_startup_trials=20)
            best = rests(study, 0.9 - number / 20, *([0.1] * 3 if number == 11 else []))
        if trains_on:
            best.set_user_attr(trials.TRAINS_TO, 30)
        study.sampler = Tpe(PAPER_SPACE, seed=99, n_startup_trials=5)
        return PAPER_SPACE.suggest(study.ask())

    assert drawn(trains_on=True) == drawn(trains_on=False)


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
