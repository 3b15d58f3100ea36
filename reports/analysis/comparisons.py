"""The paper's claims, and warm against random starts, judged by the trials of whole searches."""

import math
from collections.abc import Iterable
from itertools import pairwise, product
from typing import Any, Literal, NamedTuple

from optuna.trial import FrozenTrial

from reports.analysis.chosen_studies import Source, Sources, is_from_scratch
from reports.analysis.effects import (
    CLAIMS,
    WARM,
    Claim,
    ClaimVerdict,
    Effect,
    Features,
    Observations,
    estimate,
    features,
    verdict,
)
from spaces import paper
from spaces.stages import AUTOENCODER, CLASSIFIER
from studies.records import attributes, trials
from studies.records.comparable import curve, once
from studies.records.settings import StudySettings

Shown = Literal["helps", "hurts", "nothing"]


class Compared(NamedTuple):
    """One change and what the trials say of it.

    Effects are relative differences of the loss for autoencoders, and differences of the study's
    metric for classifiers.
    """

    name: str
    shown: Shown
    """What the paper's table shows that the change does, one run against another."""
    table: int | None
    """Which of its tables that is; None of a change that none shows."""
    raises: bool | None
    """Whether the metric grows there."""
    published: float | None
    """The paper's own step."""
    final: Effect | None
    """From trials that were trained to the end."""
    first: Effect | None
    """After the first epoch, from all trials, those that rest or were pruned too."""
    verdict: ClaimVerdict | Literal["no claim"]


def claims_of(source: Source) -> list[Compared]:
    """The stage's single changes over the study's whole space."""
    final, first = _observed(source)
    return [_compared(claim, source, final, first) for claim in CLAIMS[source.settings.stage]]


def warm_against_scratch(sources: Sources) -> Compared | None:
    """What starting from a trained encoder does, over two studies that differ in nothing else.

    None where there is no such pair.
    """
    pair = _pair(sources)
    if pair is None:
        return None
    final, first = map(_together, *map(_observed, pair))
    return _compared(WARM, pair[0], final, first)


def _observed(source: Source) -> tuple[Observations, Observations]:
    """Of trials that were trained to the end, and of every one that got through its first epoch.

    Pruning comes later than that, so which of these there are does not depend on how they did;
    further on it does, and effects among the chosen would come out too small.
    """
    curves = [(trial, curve(trial, source.settings)) for trial in once(source.own())]
    return (
        _outcomes(source, ((trial, trials.value_of(trial)) for trial in source.completed())),
        _outcomes(source, ((trial, values[1]) for trial, values in curves if 1 in values)),
    )


def _together(warm: Observations, scratch: Observations) -> Observations:
    """Those of both studies, with where their encoders started.

    Freezing random weights does another thing than freezing trained ones, so it has an effect of
    its own in each study; what the start does is then that of an encoder that is trained whole.
    """
    (warm_rows, warm_values), (rows, values) = warm, scratch
    marked = [_started(row, 1.0) for row in warm_rows] + [_started(row, 0.0) for row in rows]
    return marked, warm_values + values


def _started(row: Features, warm: float) -> Features:
    frozen = {f"warm {name}": warm * row[name] for name in row if name.startswith("freeze=")}
    return {**row, **frozen, "warm": warm}


def _outcomes(source: Source, values: Iterable[tuple[FrozenTrial, float]]) -> Observations:
    """Features over the whole dimensions that the study varies, and the metric or a loss's log."""
    settings = source.settings
    whole = settings.stage_record().spaces[settings.space_name]
    # The paper's trials may lie outside of a narrowed space.
    space = whole.only(settings.space) if settings.space else whole
    is_log = settings.stage == AUTOENCODER.name
    known = [
        (features(source.config_of(trial), settings.stage, space), math.log(v) if is_log else v)
        for trial, v in values
        if math.isfinite(v) and (v > 0 or not is_log) and trials.CONFIG in attributes.of(trial)
    ]
    return [row for row, _ in known], [outcome for _, outcome in known]


def _pair(sources: Sources) -> tuple[Source, Source] | None:
    """A study that starts from a trained encoder, and one from random weights in its shape."""
    for warm, scratch in product(sources.of(CLASSIFIER), repeat=2):
        if is_from_scratch(warm) or not is_from_scratch(scratch):
            continue
        same = _conditions(warm.settings) == _conditions(scratch.settings)
        if same and warm.completed() and scratch.completed():
            return warm, scratch
    return None


def _conditions(settings: StudySettings) -> tuple[Any, ...]:
    """All that decides a study's trials but for where their encoders start, and narrowed values."""
    encoder = settings.encoder and settings.encoder.config
    space = settings.space_name, set(settings.space)
    return settings.budget, settings.metric, encoder, space, settings.limits()


def _compared(claim: Claim, source: Source, final: Observations, first: Observations) -> Compared:
    is_log = source.settings.stage == AUTOENCODER.name
    # The claims are put for what is the study's usual metric; of a loss less is more.
    is_turned = not is_log and source.settings.direction == "minimize"
    raises = claim.raises if not is_turned or claim.raises is None else not claim.raises
    at_end, at_first = (estimate(*outcomes, claim.contrast) for outcomes in (final, first))
    if is_log:
        at_end, at_first = _relative(at_end), _relative(at_first)
    better = source.settings.direction == "maximize"
    shown: Shown = "nothing" if raises is None else "helps" if raises == better else "hurts"
    return Compared(
        claim.name,
        shown,
        None if raises is None else _table(source.settings),
        raises,
        published_step(claim.name, source.settings.metric),
        at_end,
        at_first,
        "no claim" if raises is None else verdict(at_end, raises),
    )


def _table(settings: StudySettings) -> int:
    """The paper's table of the study's metric."""
    if settings.stage == AUTOENCODER.name:
        return 3
    return 4 if settings.metric.endswith("accuracy") else 5


def _relative(found: Effect | None) -> Effect | None:
    """A difference of logarithms as a relative difference."""
    if found is None:
        return None
    value, low, high = (math.expm1(v) for v in found[:3])
    return Effect(value, low, high, found.n_trials)


def published_step(name: str, metric: str) -> float | None:
    """The difference the paper's own tables show for a change; relative for autoencoders."""
    steps = {row.name: (before, row) for before, row in pairwise(paper.AUTOENCODERS)}
    if name in steps:
        before, row = steps[name]
        change = row.validation_loss / before.validation_loss - 1
        return 1 / (1 + change) - 1 if name == "dropout" else change
    rows = {row.name: row for row in paper.CLASSIFIERS}
    pairs = {"fc": ("fc10-adam", "fc-adam"), "sgd": ("fc-adam", "fc-sgd")}
    if name not in pairs:
        return None
    one, other = (getattr(rows[row], metric) for row in pairs[name])
    return float(other - one)
