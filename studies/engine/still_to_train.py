"""What of a study's searched trials a run is going to train: derived from the stored trials."""

from collections.abc import Sequence
from typing import NamedTuple

from optuna.trial import FrozenTrial, TrialState

from studies.engine.promotion import contestants
from studies.engine.samplers import expected_epochs
from studies.records import attempts, trials, weights
from studies.records.request import PrunerName, SearchRequest
from studies.records.settings import StudySettings
from studies.storage.artifacts import ArtifactStore


class StillToTrain(NamedTuple):
    """Searched trials by the epochs that are left to each until its end."""

    promoted: tuple[int, ...] = ()
    """Of pruned or resting ones that are trained on whatever the others come to."""
    new: tuple[int, ...] = ()
    """Of those that have no result yet."""
    resting: tuple[int, ...] = ()
    """Of the other ones that rest, where the best of them go on."""
    n_epochs: float = 0.0
    """Epochs that are likely to be trained in all."""

    def each(self) -> list[int]:
        """Of all of them, those that come first at the front."""
        return [*self.promoted, *self.new, *self.resting]


def still_to_train(
    request: SearchRequest,
    settings: StudySettings,
    there: Sequence[FrozenTrial],
    store: ArtifactStore,
    n_new: int,
) -> StillToTrain:
    """The searched trials that a run is going to train.

    Args:
        request: the run's.
        settings: the study's.
        there: all of its trials.
        store: where their states are, from which they go on.
        n_new: how many have no result yet, of those that count towards the wanted total.
    """
    n_epochs, pruner = settings.budget.epochs, pruner_of(request, settings)
    unfinished = _unfinished_promotions(there)
    begun = {trial.user_attrs[trials.PROMOTED] for trial in unfinished}
    asked_for = trials.pruned_to_promote(there, settings.direction, request.promote)
    by_hand = {trial.number: trial for trial in asked_for if trial.number not in begun}
    goes_on = [t for t in resting(pruner, there) if t.number not in by_hand]

    ends = [(trial, n_epochs) for trial in by_hand.values()]
    for trial in unfinished:
        rung = trial.user_attrs.get(trials.TRAINS_TO) if pruner == "promotion" else None
        ends.append((there[trial.user_attrs[trials.PROMOTED]], rung or n_epochs))
    promoted = tuple(end - _n_kept(there, store, trial, end) for trial, end in ends)

    likely = expected_epochs(pruner, n_new, n_epochs) + sum(promoted)
    if goes_on:
        whole = expected_epochs(pruner, attempts.n_tried(there) + n_new, n_epochs)
        likely = max(likely, whole - sum(trial.last_step or 0 for trial in contestants(there)))
    return StillToTrain(
        promoted=promoted,
        new=(n_epochs,) * n_new,
        resting=tuple(n_epochs - (trial.last_step or 0) for trial in goes_on),
        n_epochs=likely,
    )


def pruner_of(request: SearchRequest, settings: StudySettings) -> PrunerName:
    """What decides which trials are trained further; nothing does so by several objectives."""
    return "none" if settings.objectives else request.pruner


def resting(pruner: PrunerName, there: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that rest and may go on: only promotion has any of them trained further."""
    return [trial for trial in there if pruner == "promotion" and trials.is_resting(trial)]


def _unfinished_promotions(there: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Trials that go on with a pruned one and have not come to their end, or will be retried."""
    on_their_way = [t for t in there if t.state in (TrialState.WAITING, TrialState.RUNNING)]
    every = (*on_their_way, *attempts.to_retry(there))
    return [trial for trial in every if trials.PROMOTED in trial.user_attrs]


def _n_kept(
    there: Sequence[FrozenTrial], store: ArtifactStore, trial: FrozenTrial, n_epochs: int
) -> int:
    """Of so many epochs of the trial, those after which a state is kept to go on from."""
    key, seed = (trial.user_attrs[name] for name in (trials.FINGERPRINT, trials.SEED))
    sources = trials.source_of_state(there, key, seed, n_epochs)
    kept = (source for source in sources if weights.is_kept(store, source, weights.STATE))
    return next(map(trials.n_epochs_stored, kept), 0)
