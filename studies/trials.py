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
PROMOTED = "promoted"
"""Number of the pruned trial that this one trains to the end."""
GOES_ON_FROM = "goes_on_from"
"""Study and number of the trial from whose stored state this one's training went on."""
MADE_WITH = "made_with"
N_THREADS = "n_threads"

Direction = Literal["minimize", "maximize"]

DIVERGED = "diverged"
INTERRUPTED = "interrupted"
LOST = "process died"

MAX_ATTEMPTS = 3
"""Times a searched configuration is begun before it is given up and counts as tried."""


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
        sole_coordinator: this process holds the study, so that whatever is RUNNING is lost, also
            if its owner died before it was recorded or is on a machine that is no more.
    """
    lost: list[FrozenTrial] = []
    elsewhere: list[FrozenTrial] = []
    for trial in trials:
        if trial.state != TrialState.RUNNING:
            continue
        owner = Owner.from_attr(trial.user_attrs.get(OWNER))
        alive = owner.is_alive() if owner else True
        if sole_coordinator or alive is False:
            lost.append(trial)
        elif alive is None:
            elsewhere.append(trial)
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
    return [same[-1] for same in _never_finished(trials) if len(same) < MAX_ATTEMPTS]


def given_up(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The last attempts at searched configurations that were stopped too often to try again."""
    return [same[-1] for same in _never_finished(trials) if len(same) >= MAX_ATTEMPTS]


def is_paper(trial: FrozenTrial | Trial) -> bool:
    """Whether the trial is one of the paper's fixed ones."""
    return PAPER in trial.user_attrs


def is_never_pruned(trial: FrozenTrial | Trial) -> bool:
    """Whether the trial is there to be trained to the end: the paper's, or one promoted."""
    return is_paper(trial) or PROMOTED in trial.user_attrs


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


def searched_results(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that count towards the wanted total, by number."""
    ended = [*filter(is_result, trials), *given_up(trials)]
    return sorted((t for t in ended if not is_never_pruned(t)), key=lambda t: t.number)


def stored_result(trials: Iterable[FrozenTrial], fingerprint: str) -> FrozenTrial | None:
    """A finished trial of the same configuration, preferably one that was trained to the end."""
    same = [t for t in trials if is_result(t) and t.user_attrs.get(FINGERPRINT) == fingerprint]
    return min(same, key=lambda t: (t.state != TrialState.COMPLETE, t.number), default=None)


def completed(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that were trained to the end."""
    return [trial for trial in trials if trial.state == TrialState.COMPLETE]


def ranked(
    trials: Iterable[FrozenTrial], direction: Direction, state: TrialState = TrialState.COMPLETE
) -> list[FrozenTrial]:
    """Trials in ``state``, best first; of equals the earlier.

    A pruned trial's value is that of its last epoch; it ranks among the pruned only.
    """
    valued = [trial for trial in trials if trial.state == state and trial.value is not None]
    return sorted(valued, key=lambda t: (cost(value_of(t), direction), t.number))


def cost(value: float, direction: Direction) -> float:
    """The value turned so that less is better, whichever way the study goes."""
    return value if direction == "minimize" else -value


def best(trials: Iterable[FrozenTrial], direction: Direction) -> FrozenTrial | None:
    """The best trial that was trained to the end."""
    return next(iter(ranked(trials, direction)), None)


def pruned_to_promote(
    trials: Sequence[FrozenTrial], direction: Direction, top_k: int
) -> list[FrozenTrial]:
    """Those of the best ``top_k`` pruned trials that nothing has trained to the end yet."""
    begun = {t.user_attrs.get(PROMOTED) for t in trials if not is_unfinished_failure(t)}
    done = {t.user_attrs.get(FINGERPRINT) for t in completed(trials)}
    own = [t for t in trials if SAME_AS not in t.user_attrs]
    return [
        trial
        for trial in ranked(own, direction, TrialState.PRUNED)[:top_k]
        if trial.number not in begun and trial.user_attrs.get(FINGERPRINT) not in done
    ]


def source_of_state(
    trials: Iterable[FrozenTrial], fingerprint: str, seed: int, n_epochs: int
) -> list[FrozenTrial]:
    """Trials that trained the same network by the same seed for less, the longest first."""
    same = [
        trial
        for trial in trials
        if trial.user_attrs.get(FINGERPRINT) == fingerprint
        and trial.user_attrs.get(SEED) == seed
        and 0 < len(trial.intermediate_values) < n_epochs
    ]
    return sorted(same, key=lambda t: (-len(t.intermediate_values), t.number))


def value_of(trial: FrozenTrial) -> float:
    """A completed trial's value, as a float for certain."""
    if trial.value is None:
        raise ValueError(f"trial {trial.number} has no value")
    return trial.value


def n_since_best(trials: Sequence[FrozenTrial], direction: Direction) -> int:
    """How many searched trials in a row have not improved on the best of all before them.

    Results taken over from another study cost nothing and do not count.
    """
    leader = best(trials, direction)
    since = [t for t in searched_results(trials) if leader and t.number > leader.number]
    return sum(TAKEN_FROM not in trial.user_attrs for trial in since)


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


def _never_finished(trials: Iterable[FrozenTrial]) -> list[list[FrozenTrial]]:
    """All attempts at each searched configuration of which every one was stopped from outside."""
    attempts: dict[tuple[str, int | None], list[FrozenTrial]] = {}
    for trial in trials:
        fingerprint, promoted = (trial.user_attrs.get(name) for name in (FINGERPRINT, PROMOTED))
        if fingerprint is not None and not is_paper(trial):
            attempts.setdefault((fingerprint, promoted), []).append(trial)
    return [same for same in attempts.values() if all(map(is_unfinished_failure, same))]
