"""What a trial's attributes say, and what of a study is done, lost or still to do.

Pure functions over Optuna's trials: whatever they conclude, a run that is killed at any moment
concludes again from the database alone.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from optuna.trial import FrozenTrial, Trial, TrialState

from studies.owner import Owner

CONFIG = "config"
FINGERPRINT = "fingerprint"
PAPER = "paper"
"""Name of the paper's configuration that a fixed trial runs: its identity."""
OWNER = "owner"
SEED = "seed"
EPOCHS = "epochs"
"""Every epoch's metrics: a dict of lists."""
METRICS = "metrics"
"""The last epoch's metrics."""
N_PARAMETERS = "n_parameters"
SECONDS = "seconds"
REASON = "reason"
"""Why a trial failed."""
SAME_AS = "same_as"
"""Number of the trial with the same configuration whose result was used."""
RETRY_OF = "retry_of"
TAKEN_FROM = "taken_from"
"""Study and number of the trial that ``--new`` took over."""
MADE_WITH = "made_with"
N_THREADS = "n_threads"

DIVERGED = "diverged"
INTERRUPTED = "interrupted"
LOST = "process died"

MAX_ATTEMPTS = 3
"""Times a searched configuration is begun before its failures count against itself."""


class Repairs(NamedTuple):
    """What a study needs before it can go on."""

    lost: list[FrozenTrial]
    """RUNNING though their process is gone."""
    elsewhere: list[FrozenTrial]
    """RUNNING on another machine, as far as one can see from here."""


def find_repairs(trials: Iterable[FrozenTrial], sole_coordinator: bool) -> Repairs:
    """Sort the RUNNING trials into those that died and those that may live.

    Args:
        trials: the study's trials.
        sole_coordinator: no other process can be running the study, so that a trial whose owner
            was never recorded, because its process died at once, is known to be lost.
    """
    lost: list[FrozenTrial] = []
    elsewhere: list[FrozenTrial] = []
    for trial in trials:
        if trial.state != TrialState.RUNNING:
            continue
        owner = Owner.from_attr(trial.user_attrs.get(OWNER))
        alive = owner.is_alive() if owner else not sole_coordinator
        if alive is None:
            elsewhere.append(trial)
        elif not alive or sole_coordinator:
            lost.append(trial)
    return Repairs(lost, elsewhere)


def missing_paper_trials(trials: Sequence[FrozenTrial], names: Sequence[str]) -> list[str]:
    """The paper's configurations, in order, that have neither finished nor are about to."""
    settled = {t.user_attrs.get(PAPER) for t in trials if not is_unfinished_failure(t)}
    return [name for name in names if name not in settled]


def unfinished_paper_trials(trials: Sequence[FrozenTrial], names: Sequence[str]) -> list[str]:
    """The paper's configurations, in order, that have no result yet."""
    done = {t.user_attrs.get(PAPER) for t in trials if is_result(t)}
    return [name for name in names if name not in done]


def trials_to_retry(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Searched trials that were stopped from outside and that nothing has made up for yet."""
    attempts: dict[str, int] = {}
    latest: dict[str, FrozenTrial] = {}
    keys: dict[int, str | None] = {}
    for trial in trials:
        attrs = trial.user_attrs
        # A retry has no fingerprint of its own until it begins.
        key = attrs.get(FINGERPRINT) or keys.get(attrs.get(RETRY_OF, -1))
        keys[trial.number] = key
        if key is not None and not is_paper(trial):
            attempts[key] = attempts.get(key, 0) + 1
            if key not in latest or is_unfinished_failure(latest[key]):
                latest[key] = trial
    return [
        trial
        for key, trial in latest.items()
        if is_unfinished_failure(trial) and attempts[key] < MAX_ATTEMPTS
    ]


def is_paper(trial: FrozenTrial | Trial) -> bool:
    """Whether the trial is one of the paper's fixed ones."""
    return PAPER in trial.user_attrs


def has_diverged(trial: FrozenTrial) -> bool:
    """Whether the trial failed by its own doing: trained again it would fail again."""
    reason = str(trial.user_attrs.get(REASON, ""))
    return trial.state == TrialState.FAIL and reason.startswith(DIVERGED)


def is_unfinished_failure(trial: FrozenTrial) -> bool:
    """Whether the trial was stopped from outside, by Ctrl-C, a kill or a bug."""
    return trial.state == TrialState.FAIL and not has_diverged(trial)


def is_result(trial: FrozenTrial) -> bool:
    """Whether the trial ended by itself: completed, pruned or diverged."""
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or has_diverged(trial)


def searched_results(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that count towards the wanted total."""
    return [trial for trial in trials if is_result(trial) and not is_paper(trial)]


def stored_result(trials: Iterable[FrozenTrial], fingerprint: str) -> FrozenTrial | None:
    """A finished trial of the same configuration, preferably one that was trained to the end."""
    same = [t for t in trials if is_result(t) and t.user_attrs.get(FINGERPRINT) == fingerprint]
    return min(same, key=lambda t: (t.state != TrialState.COMPLETE, t.number), default=None)


def completed(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that were trained to the end."""
    return [trial for trial in trials if trial.state == TrialState.COMPLETE]


def ranked(
    trials: Iterable[FrozenTrial], direction: Literal["minimize", "maximize"]
) -> list[FrozenTrial]:
    """Completed trials, best first; of equals the earlier."""
    sign = 1 if direction == "minimize" else -1
    return sorted(completed(trials), key=lambda t: (sign * value_of(t), t.number))


def value_of(trial: FrozenTrial) -> float:
    """A completed trial's value, as a float for certain."""
    if trial.value is None:
        raise ValueError(f"trial {trial.number} has no value")
    return trial.value


def n_since_best(trials: Iterable[FrozenTrial], direction: Literal["minimize", "maximize"]) -> int:
    """How many searched trials in a row have not improved on the best of all before them."""
    results = sorted(searched_results(trials), key=lambda t: t.number)
    best = next(iter(ranked(trials, direction)), None)
    return sum(best is not None and trial.number > best.number for trial in results)


def label(trial: FrozenTrial | Trial) -> str:
    """How a person knows the trial: ``#12``, or ``#3 paper:baseline``."""
    name = trial.user_attrs.get(PAPER)
    return f"#{trial.number} paper:{name}" if name else f"#{trial.number}"


def config_in_words(attrs: dict[str, Any]) -> str:
    """An autoencoder's configuration in a few words: ``64/96 ch, max/avg, batch norm``."""
    config = attrs.get(CONFIG)
    if not config:
        return ""
    words = [
        f"{config['conv1_channels']}/{config['conv2_channels']} ch",
        f"{config['pool1']}/{config['pool2']}",
    ]
    if config["batchnorm"]:
        words.append("batch norm")
    if config["dropout"]:
        words.append(f"dropout {config['dropout']:g}")
    return ", ".join(words)
