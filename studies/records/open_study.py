"""A study of this program at hand: read, and opened with the place of its trials' files."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from spaces.space import Configuration, SearchSpace, fingerprint
from studies.records import attributes, reading, trials
from studies.records.settings import StudySettings
from studies.storage.artifacts import ArtifactStore


@dataclass(frozen=True)
class ReadStudy:
    """A study, and what it was made with."""

    study: optuna.Study
    settings: StudySettings

    @classmethod
    def of(cls, study: optuna.Study) -> Self:
        """Read a study, all of it.

        Raises:
            StudyError: it cannot be read, or another program made it.
        """
        return cls(study, reading.check(study))

    @property
    def name(self) -> str:
        """The study's."""
        return self.study.study_name

    @property
    def storage(self) -> BaseStorage:
        """Where it lives, and others beside it."""
        return self.study._storage

    def trials(self) -> list[FrozenTrial]:
        """All trials as they are now, resting ones as pruned; nobody changes them."""
        return trials.of(self.study)

    def own(self) -> list[FrozenTrial]:
        """The trials that were trained here, so without copies of another's result."""
        return [t for t in self.trials() if trials.SAME_AS not in t.user_attrs]

    def best(self) -> FrozenTrial | None:
        """The best of them that was trained to the end; None if there is none yet."""
        return trials.best(self.own(), self.settings.direction)

    @cached_property
    def space(self) -> SearchSpace[Any]:
        """What is searched, over the study's own encoder."""
        return self.settings.search_space()

    def config_of(self, trial: FrozenTrial | Trial) -> Configuration:
        """What a trial was queued or begun with.

        Raises:
            KeyError: it has no configuration yet.
            ConfigurationError: somebody wrote what is none.
        """
        return self.settings.stage_record().configuration(attributes.of(trial)[trials.CONFIG])


@dataclass(frozen=True)
class OpenStudy(ReadStudy):
    """A study with the place of its trials' files: to run, to export, to start others from."""

    store: ArtifactStore

    @classmethod
    def at(cls, study: optuna.Study, store: ArtifactStore) -> Self:
        """Read a study, all of it.

        Raises:
            StudyError: it cannot be read, or another program made it.
        """
        return cls(study, reading.check(study), store)

    def enqueue(self, config: Configuration, attrs: dict[str, Any]) -> None:
        """Queue a trial of a configuration, in the space or not.

        Args:
            config: the configuration, by which a lost trial is made up for.
            attrs: what else the trial is known by.
        """
        known = {
            trials.CONFIG: config.to_dict(),
            trials.WORDS: self.space.in_words(config),
            trials.FINGERPRINT: fingerprint(config),
        }
        self.study.add_trial(attributes.waiting(self.space.params(config), {**known, **attrs}))

    def end(self, trial: Trial | int, state: TrialState, values: list[float] | None = None) -> None:
        """End a running trial.

        Args:
            trial: the trial, or its number.
            state: complete, pruned or failed.
            values: of a complete one, as many as the study has directions.

        Raises:
            UpdateFinishedTrialError: it has ended otherwise, as one that another process took for
                lost.
        """
        told = self.study.tell(trial, values, state, skip_if_finished=True)
        if told.state != state:
            raise UpdateFinishedTrialError
