"""One contract for all samplers and pruners, asked and told as a search does."""

from typing import Any, get_args

import optuna
import pytest
from optuna.pruners import HyperbandPruner
from optuna.trial import TrialState

from spaces import classifier
from spaces.autoencoder import PAPER_SPACE, AutoencoderConfig
from spaces.budget import Budget
from spaces.space import SearchSpace
from studies.engine.samplers import (
    PrunerName,
    SamplerName,
    derived_seed,
    expected_epochs,
    make_pruner,
    make_sampler,
    n_grid_points,
)

SAMPLERS, PRUNERS = get_args(SamplerName), get_args(PrunerName)
NARROW = PAPER_SPACE.narrowed({"dropout": "0.05:0.3", "conv1_channels": "16,64"})


def draw(
    study: optuna.Study,
    sampler: SamplerName,
    space: SearchSpace[Any],
    rounds: range,
    seed: int = 0,
) -> list[AutoencoderConfig]:
    """Ask and tell with a sampler made anew for each round; every third trial is pruned."""
    drawn = []
    for n_begun in rounds:
        study.sampler = make_sampler(sampler, space, seed, n_begun)
        trial = study.ask()
        config = space.suggest(trial)
        drawn.append(config)
        for step in (1, 2, 3):
            trial.report(config.dropout + 1 / step + n_begun % 5, step)
        if n_begun % 3 == 1:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, config.dropout + n_begun % 5)
    return drawn


def new_study() -> optuna.Study:
    return optuna.create_study(pruner=make_pruner("hyperband", Budget(epochs=3)))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sampler_draws_valid_configurations_and_not_the_same_over_and_over(
    sampler: SamplerName,
) -> None:
    drawn = draw(new_study(), sampler, NARROW, range(18))
    assert all(config in NARROW for config in drawn)
    assert len(set(drawn)) >= 8
    for dimension in NARROW.dimensions:
        assert len({getattr(config, dimension.name) for config in drawn}) > 1, dimension.name


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_search_that_goes_on_draws_what_it_would_have_drawn(sampler: SamplerName) -> None:
    whole = draw(new_study(), sampler, NARROW, range(18))
    study = new_study()
    assert draw(study, sampler, NARROW, range(5)) == whole[:5]
    assert draw(study, sampler, NARROW, range(5, 18)) == whole[5:]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_another_seed_draws_otherwise(sampler: SamplerName) -> None:
    one = draw(new_study(), sampler, NARROW, range(4))
    assert draw(new_study(), sampler, NARROW, range(4), seed=1) != one


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_first_trial_that_lacks_dimensions_does_not_freeze_them(sampler: SamplerName) -> None:
    """As the paper's trials lack the dimensions whose values a narrowed space does not hold."""
    study = new_study()
    study.enqueue_trial(NARROW.params(AutoencoderConfig()))
    study.sampler = make_sampler(sampler, NARROW, 0, 0)
    trial = study.ask()
    NARROW.suggest_known(trial, AutoencoderConfig())
    study.tell(trial, 0.5)
    assert "dropout" not in study.trials[0].params
    drawn = draw(study, sampler, NARROW, range(18))
    assert len({config.dropout for config in drawn}) > 1


def test_the_grid_visits_every_configuration_once_and_is_told_of_the_last() -> None:
    space = PAPER_SPACE.narrowed(
        {"dropout": "0,0.15", "conv1_channels": "16", "conv2_channels": "32", "pool1": "max"}
    )
    study = new_study()
    study.enqueue_trial(space.params(AutoencoderConfig()))  # takes none of the grid's places
    study.sampler = make_sampler("grid", space, 0, 0)
    study.tell(study.ask(), 0.5)
    drawn = draw(study, "grid", space, range(space.size()))
    assert sorted(map(repr, drawn)) == sorted(map(repr, space))
    sampler = make_sampler("grid", space, 0, 0)
    assert isinstance(sampler, optuna.samplers.GridSampler)
    assert sampler.is_exhausted(study)
    assert all(trial.state.is_finished() for trial in study.trials)


@pytest.mark.parametrize("space", [PAPER_SPACE, classifier.PAPER_SPACE])
def test_the_number_of_a_grids_points_is_known_before_it_is_laid(space: SearchSpace[Any]) -> None:
    sampler = make_sampler("grid", space, 0, 0)
    assert isinstance(sampler, optuna.samplers.GridSampler)
    assert n_grid_points(space) == len(sampler._all_grids)


@pytest.mark.parametrize("epochs", [1, 2, 30])
@pytest.mark.parametrize("pruner", PRUNERS)
def test_a_pruner_judges_reports_of_any_budget(pruner: PrunerName, epochs: int) -> None:
    study = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=make_pruner(pruner, Budget(epochs=epochs)),
    )
    n_epochs = []
    for number in range(30):
        trial = study.ask()
        pruned = False
        for epoch in range(1, epochs + 1):
            trial.report(1 / epoch + number, epoch)  # each trial worse than the one before
            pruned = trial.should_prune()
            if pruned:
                break
        n_epochs.append(epoch)
        state = TrialState.PRUNED if pruned else TrialState.COMPLETE
        study.tell(trial, None if pruned else 1.0 + number, state)
    share = sum(n_epochs) / (30 * epochs)
    assert n_epochs[0] == epochs
    if pruner in ("none", "promotion"):  # by promotion a trial rests, which no pruner decides
        assert share == 1
    elif epochs == 30:
        assert 0.05 < share < 0.75  # hopeless trials are stopped, and not only at the very end


def test_no_trial_is_pruned_before_the_median_has_warmed_up() -> None:
    study = optuna.create_study(pruner=make_pruner("median", Budget(epochs=30)))
    for number in range(6):
        trial = study.ask()
        for epoch in (1, 2, 3):
            trial.report(float(number), epoch)
            if epoch < 3 or number < 5:
                assert not trial.should_prune()
        if number == 5:
            assert trial.should_prune()
        study.tell(trial, float(number))


@pytest.mark.parametrize("pruner", PRUNERS)
def test_every_pruner_is_expected_to_take_its_share_of_epochs(pruner: PrunerName) -> None:
    share = expected_epochs(pruner, 50, 30) / (50 * 30)
    assert 0.1 < share <= 1
    assert (share == 1) == (pruner == "none")


def test_derived_seeds_depend_on_every_part_and_never_change() -> None:
    assert derived_seed("trial", 0, "44136fa355b3678a") == 717_064_094
    seeds = {derived_seed(*parts) for parts in [("a", 1), ("a", 2), ("b", 1), ("a1",), ("a", "1")]}
    assert len(seeds) == 5
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize(("pruner", "n_worse"), [("halving", 1), ("hyperband", 3)])
@pytest.mark.parametrize("n_lost", [0, 1, 2])
def test_attempts_that_were_stopped_do_not_compete_with_their_retries(
    n_lost: int, pruner: PrunerName, n_worse: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HyperbandPruner, "_get_bracket_id", lambda *_: 0)
    study = optuna.create_study(pruner=make_pruner(pruner, Budget(epochs=4)))

    def begin(loss: float) -> tuple[optuna.Trial, bool]:
        trial = study.ask()
        trial.report(loss, 1)
        return trial, trial.should_prune()

    for loss in (0.1, *[0.3] * n_worse):
        study.tell(begin(loss)[0], loss)
    for _ in range(n_lost):
        study.tell(begin(0.2)[0], state=TrialState.FAIL)
    assert begin(0.2)[1], "one fewer would have to come before it"
