"""What a study made with ``--new`` takes over of the one that it was made from."""

import optuna
from optuna.trial import FrozenTrial

from studies.records import attributes, trials, weights
from studies.records.open_study import OpenStudy
from studies.records.references import find_if_there
from studies.records.settings import load

TAKES_OVER = "takes_over"
"""Attribute of a new study: whose trials it still has to take over; None once it has."""

MADE_FROM = "made_from"
"""Attribute of a study made with ``--new``: the study it was made from."""


def made_from(opened: OpenStudy) -> OpenStudy | None:
    """The study that this one was made from, if it is there and trained on the same images."""
    return _comparable(opened, opened.study.user_attrs.get(MADE_FROM), ignore_epochs=True)


def taken_from(opened: OpenStudy, trial: optuna.Trial) -> FrozenTrial | None:
    """The other study's trial whose result this one takes over as it is, if it still has one."""
    origin = attributes.of(trial).get(trials.TAKEN_FROM, {})
    source = _comparable(opened, origin.get("study"))
    # Its name and number may be another's by now: what it is is its configuration.
    key = trial.user_attrs.get(trials.FINGERPRINT)
    same = (t for t in (source.trials() if source else ()) if t.number == origin["trial"])
    ended = (t for t in same if trials.is_result(t))  # one that rested may have gone on since
    return next((t for t in ended if t.user_attrs.get(trials.FINGERPRINT) == key), None)


def take_over(opened: OpenStudy) -> None:
    """Queue what fits of another study; the search copies it, or goes on training it.

    Nothing where all is taken over. With the same budget every result fits, the paper's too. With
    more epochs searched ones fit whose training state was kept, if they had been trained to the
    end.

    Raises:
        StudyError: the other study cannot be read.
    """
    name = opened.study.user_attrs.get(TAKES_OVER)
    if not name:
        return
    source = OpenStudy.at(optuna.load_study(study_name=name, storage=opened.storage), opened.store)
    most = opened.settings.limits().get(trials.N_PARAMETERS, float("inf"))
    there = [
        {name: attributes.of(t).get(name) for name in (trials.TAKEN_FROM, trials.PAPER)}
        for t in opened.trials()
    ]
    for trial, paper in _fitting(opened, source):
        identity = {
            trials.TAKEN_FROM: {"study": source.name, "trial": trial.number},
            trials.PAPER: paper,
        }
        if trials.SAME_AS in trial.user_attrs or trials.is_too_costly(trial) or identity in there:
            continue
        config = source.config_of(trial)
        if paper or (config in opened.space and config.n_parameters() <= most):
            opened.enqueue(config, {name: value for name, value in identity.items() if value})
    opened.study.set_user_attr(TAKES_OVER, None)


def _fitting(opened: OpenStudy, source: OpenStudy) -> list[tuple[FrozenTrial, str | None]]:
    """Trials of another study that have a place in this one, with the paper's name for it."""
    every = source.trials()
    # One that was promoted later has its final result there, not where it was pruned.
    found = (_best_result(every, t) for t in trials.searched_results(every))
    results = list({trial.number: trial for trial in found}.values())
    if opened.settings.is_comparable(source.settings):
        fixed = [trial for trial in trials.completed(every) if trials.is_paper(trial)]
        papers = [(trial, trial.user_attrs[trials.PAPER]) for trial in fixed]
        return [*papers, *((trial, None) for trial in results)]
    # The training of the paper's is gone on with where they are queued anyhow.
    more = opened.settings.budget.epochs > source.settings.budget.epochs
    fits = more and opened.settings.is_comparable(source.settings, ignore_epochs=True)
    ended = [t for t in trials.completed(results) if fits and trials.has_constant_rate(t)]
    return [(t, None) for t in ended if weights.is_kept(opened.store, t, weights.STATE)]


def _best_result(every: list[FrozenTrial], trial: FrozenTrial) -> FrozenTrial:
    """The trial of the same configuration that got the furthest; a trial that failed is its own."""
    key = trial.user_attrs.get(trials.FINGERPRINT)
    return (trials.stored_result(every, key) if key else None) or trial


def _comparable(
    opened: OpenStudy, name: str | None, ignore_epochs: bool = False
) -> OpenStudy | None:
    """The study of that name, if it is there and its trainings are as this one's."""
    study = find_if_there(opened.storage, name)
    if study is None:
        return None
    source = OpenStudy(study, load(study), opened.store)
    return source if opened.settings.is_comparable(source.settings, ignore_epochs) else None
