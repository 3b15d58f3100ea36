"""A trial on its way: what it is to train, and what it has trained so far."""

from dataclasses import dataclass, field

import torch
from optuna.trial import Trial

from spaces.errors import ConfigurationError
from spaces.space import Configuration, fingerprint
from studies.engine.samplers import derived_seed
from studies.records import attributes, trials
from studies.records.open_study import ReadStudy
from studies.records.settings import StudySettings
from studies.records.versions import made_with
from studies.training.metrics import EpochMetrics
from studies.workers.trainings import RunningTraining


@dataclass(eq=False)
class Running(RunningTraining):
    """A trial in training."""

    trial: Trial
    config: Configuration
    level: int
    """Epochs after which it rests, or of a full training."""
    n_reported: int = 0
    """Epochs that it reported before it rested."""
    in_race: bool = field(init=False)
    """The paper's trials count in the pruner's comparisons until they lose one, one that was
    promoted not at all: it counted where it was pruned."""

    def __post_init__(self) -> None:
        """Enter the race, if it is not lost already."""
        self.in_race = trials.PROMOTED not in self.trial.user_attrs

    def report(self, metrics: EpochMetrics, settings: StudySettings) -> bool:
        """Tell the study and the pruner of the last epoch; whether the trial ends or rests now."""
        if metrics.epoch <= self.n_reported:
            return False
        if not settings.objectives:  # Optuna has no pruning for several
            self.trial.report(getattr(metrics, settings.metric), step=metrics.epoch)
            self.in_race = self.in_race and not self.trial.should_prune()
        lost = not self.in_race and not trials.is_never_pruned(self.trial)
        return lost or len(self.history) == self.level


def configure(trial: Trial, read: ReadStudy) -> Configuration:
    """What the trial is to train: given in its attributes, or else drawn; all noted there.

    Args:
        trial: just asked for.
        read: its study; the trial's seed follows from the study's and from the configuration.

    Raises:
        ConfigurationError: somebody queued values that the space does not have.
    """
    if trials.CONFIG not in attributes.of(trial):
        try:
            config: Configuration = read.space.suggest(trial)
        except ValueError as error:  # somebody queued values the space does not have
            raise ConfigurationError(str(error)) from error
    else:
        config = read.config_of(trial)
        read.space.suggest_known(trial, config)
    key, noted = fingerprint(config), attributes.of(trial)
    for name, value in (
        (trials.CONFIG, config.to_dict()),
        (trials.FINGERPRINT, key),  # from now on it is an attempt, which can be made again
        (trials.WORDS, read.space.in_words(config)),
        (trials.SEED, derived_seed("trial", read.settings.seed, key)),
        (trials.N_PARAMETERS, config.n_parameters()),
        (trials.N_MULTIPLY_ADDS, config.n_multiply_adds()),
        (trials.MADE_WITH, made_with()),
        (trials.N_THREADS, torch.get_num_threads()),
    ):
        if noted.get(name) != value:  # of one that was queued some are there
            attributes.note(trial, name, value)
    return config
