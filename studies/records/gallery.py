"""The pictures a trial leaves: drawn when its training ends, kept as its artifacts."""

from collections.abc import Iterator, Sequence

from optuna.trial import Trial

from studies.data.images import Images, first_of_each_class
from studies.networks.evaluation import confusion_matrix
from studies.records import pictures
from studies.storage.artifacts import ArtifactStore, put
from studies.training.metrics import EpochMetrics, Outcome


def keep(
    store: ArtifactStore,
    trial: Trial,
    history: Sequence[EpochMetrics],
    outcome: Outcome | None,
    validation: Images,
) -> None:
    """Put the trial's pictures into the store, under 100 kB in all.

    Args:
        store: where artifacts are.
        trial: still running, as Optuna takes no artifacts for finished ones.
        history: its epochs.
        outcome: what its training left after the last of them; None if that is not at hand.
        validation: the images it was judged by.
    """
    for name, png in _pictures(history, outcome, validation):
        put(store, trial, name, png)


def _pictures(
    history: Sequence[EpochMetrics], outcome: Outcome | None, validation: Images
) -> Iterator[tuple[str, bytes]]:
    """File names and contents, in the order in which a person wants to see them."""
    if outcome is not None and outcome.reconstructions is not None:
        originals = first_of_each_class(validation)
        yield "reconstructions.png", pictures.reconstructions(originals, outcome.reconstructions)
    if outcome is not None and outcome.predictions is not None:
        counts = confusion_matrix(validation.labels, outcome.predictions)
        yield "confusion-matrix.png", pictures.confusion(counts)
        confused = pictures.most_confused(validation, outcome.predictions)
        if confused is not None:
            yield "most-confused.png", confused
    yield "learning-curve.png", pictures.learning_curve(history)
