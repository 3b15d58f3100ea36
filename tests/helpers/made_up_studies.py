"""Studies as a search leaves them, without its training: values come from a formula."""

import math
from collections.abc import Sequence
from copy import copy
from datetime import datetime, timedelta
from random import Random
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from spaces.budget import Budget
from spaces.classifier import PAPER_ENCODER
from spaces.space import fingerprint
from spaces.stages import AUTOENCODER, CLASSIFIER, STAGES, StageName
from studies.records import trials
from studies.records.settings import EncoderOrigin, StudySettings, write

EFFECTS = {"dropout": 2.0, "batchnorm": -0.15, "pool2=avg": -0.10, "doubling": -0.20}
"""What the formula adds to the logarithm of an autoencoder's loss."""
NOISE = 0.03

SHORT = Budget(epochs=6)

ORIGIN = EncoderOrigin("best", sha256="aa", config=PAPER_ENCODER)


def make(
    storage: optuna.storages.BaseStorage,
    name: str = "ae",
    n_trials: int = 40,
    stage: StageName = "autoencoder",
    budget: Budget = SHORT,
    share_pruned: float = 0.4,
    with_paper: bool = True,
    lengths: Sequence[int] = (),
    **settings: Any,
) -> optuna.Study:
    """A study of the paper's trials and ``n_trials`` random ones, some of them pruned.

    With ``lengths`` they are trained for so many epochs, in turn.
    """
    metric = next(iter(STAGES[stage].metrics.values()))
    own: dict[str, Any] = {"metric": metric.key, "direction": metric.direction, **settings}
    if stage == "classifier":
        own.setdefault("encoder", ORIGIN)
    made = StudySettings(stage, budget, **own)
    study = optuna.create_study(
        storage=storage, study_name=name, direction=metric.direction, load_if_exists=False
    )
    write(study, made)
    draw = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    rng = Random(name)
    rows = STAGES[stage].paper if with_paper else ()
    study.add_trials([_paper_trial(made, row, rng) for row in rows])
    finished = []
    for number in range(n_trials):
        trial = draw.ask()
        config = made.search_space().suggest(trial)
        n_epochs = budget.epochs
        if rng.random() < share_pruned:
            n_epochs = max(1, budget.epochs // 3)
        if lengths:
            n_epochs = lengths[number % len(lengths)]
        frozen = draw.get_trials(deepcopy=False)[number]
        finished.append(
            _trial(made, config, rng, n_epochs, params=frozen.params, dist=frozen.distributions)
        )
    study.add_trials(finished)
    return study


def at(trial: FrozenTrial, begun: float, ended: float | None, **attrs: Any) -> FrozenTrial:
    """The same trial begun and told so many seconds after the first of a year, and its attributes.

    One that was not told runs.
    """
    other, first = copy(trial), datetime(2026, 1, 1)
    other.datetime_start = first + timedelta(seconds=begun)
    other.datetime_complete = None if ended is None else first + timedelta(seconds=ended)
    other.user_attrs = {**trial.user_attrs, **attrs}
    if ended is None:
        other.state, other.value = TrialState.RUNNING, None
    return other


def outcome(stage: StageName, config: Any, rng: Random) -> float:
    """The last value: a loss, or an accuracy."""
    noise = rng.gauss(0, NOISE)
    if stage == CLASSIFIER.name:
        frozen = {"none": 0.0, "conv1": -0.002, "gradual": -0.005, "encoder": -0.02}[config.freeze]
        sgd = 0.005 * (config.optimizer == "sgd")
        return min(0.99, 0.90 + frozen + sgd + 0.002 * (config.fc_width > 0) + noise / 10)
    doublings = math.log2(config.conv2_channels / 32)
    terms = (
        EFFECTS["dropout"] * config.dropout,
        EFFECTS["batchnorm"] * config.batchnorm,
        EFFECTS["pool2=avg"] * (config.pool2 == "avg"),
        EFFECTS["doubling"] * doublings,
    )
    return 0.03 * math.exp(sum(terms) + noise)


def _paper_trial(made: StudySettings, row: Any, rng: Random) -> FrozenTrial:
    return _trial(made, row.config, rng, made.budget.epochs, paper=row.name)


def _trial(
    made: StudySettings,
    config: Any,
    rng: Random,
    n_epochs: int,
    params: dict[str, Any] | None = None,
    dist: dict[str, Any] | None = None,
    paper: str | None = None,
) -> FrozenTrial:
    last = outcome(made.stage, config, rng)
    up = made.direction == "maximize"
    ends = [
        last * (1 - 0.3 / e if up else 1 + 2.0 / e - 2.0 / made.budget.epochs)
        for e in range(1, n_epochs + 1)
    ]
    epochs: dict[str, list[float]] = {"epoch": [float(e) for e in range(1, n_epochs + 1)]}
    if made.stage == AUTOENCODER.name:
        epochs |= {"train_loss": [0.9 * v for v in ends], "validation_loss": ends}
    else:
        losses = [3 * (1 - v) for v in ends]
        epochs |= {"train_loss": losses, "validation_loss": [1.1 * v for v in losses]}
        epochs |= {"train_accuracy": [min(1.0, v + 0.02) for v in ends]}
        epochs |= {"validation_accuracy": ends}
    epochs |= {"seconds": [2.0] * n_epochs, "evaluation_seconds": [0.1] * n_epochs}
    pruned = n_epochs < made.budget.epochs
    attrs: dict[str, Any] = {
        trials.CONFIG: config.to_dict(),
        trials.WORDS: config.in_words(),
        trials.FINGERPRINT: fingerprint(config),
        trials.N_PARAMETERS: config.n_parameters(),
        trials.N_MULTIPLY_ADDS: config.n_multiply_adds(),
        trials.LATENCY_MS: config.n_multiply_adds() / 1e5,
        trials.SECONDS: 2.0 * n_epochs,
        trials.SEED: 7,
        trials.EPOCHS: epochs,
        trials.METRICS: {name: values[-1] for name, values in epochs.items() if name != "epoch"},
    }
    if made.stage == CLASSIFIER.name:
        attrs[trials.CONFUSION] = [[90 if i == j else 1 for j in range(10)] for i in range(10)]
    if paper is not None:
        attrs[trials.PAPER] = paper
    return create_trial(
        state=TrialState.PRUNED if pruned else TrialState.COMPLETE,
        value=ends[-1],
        params=params or {},
        distributions=dist or {},
        intermediate_values=dict(enumerate(ends, start=1)),
        user_attrs=attrs,
    )
