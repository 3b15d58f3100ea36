"""What a search shows on a terminal: what it is going to do, and how far it is."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.text import Text

from search.live_view import LiveView, Training
from search.whole_run import WholeRun
from spaces.wording import count, counted, duration, in_items, measured
from studies.engine.progress import Event, Notice, SearchState, TrialEnded, TrialStarted
from studies.files.places import short_path
from studies.records.attempts import INTERRUPTED
from studies.records.trials import label, value_of
from studies.workers.machine import n_cores
from studies.workers.pool import EpochDone

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from studies.engine.launch import Plan

STYLES = {
    "complete": "green",
    "rests": "dim",
    "pruned": "dim",
    "reused": "dim",
    "paused": "yellow",
    "failed": "red",
}
"""Of a line that says how a trial ended."""

BUSY = 0.95
"""Share of a machine's cores that others use, from which on a run hears of it. A run that ended
some seconds ago on all cores counts for a little less."""
INDENT = 4 * " "
"""Before what goes on with a line of the plan."""


class SearchView(LiveView):
    """Shows a running search: live on a terminal, else a line for what matters."""

    def __init__(self, console: Console, plan: "Plan", verbose: bool = False) -> None:
        super().__init__(console, verbose)
        self._plan = plan
        self._metric = plan.settings.metric
        self._state: SearchState | None = None
        self._whole = WholeRun(plan)

    def __call__(self, event: Event) -> None:
        """Take in what happened."""
        match event:
            case Notice(text):
                self.say(text, "yellow")
            case TrialStarted():
                self._begin(event)
            case EpochDone():
                self._advance(event)
            case TrialEnded():
                self._end(event)

    def _begin(self, event: TrialStarted) -> None:
        n_done = event.n_done
        self.begin(event.number, event.label, event.n_epochs, event.words, n_done)
        if not self.is_live:
            begins = f"goes on after epoch {n_done} of {event.n_epochs}" if n_done else "started"
            self.say(f"{event.label} {begins}: {event.words}")

    def _advance(self, event: EpochDone) -> None:
        training = self.trainings[event.number]
        if event.metrics.epoch > training.epoch:  # else it was trained before, and is told again
            self._whole.add_epoch("paper:" in training.name)
        value = measured(getattr(event.metrics, self._metric), self._metric)
        self.advance(event, f"{self._metric.removeprefix('validation_')} {value}", "≤")

    def _end(self, event: TrialEnded) -> None:
        self._state = event.state
        self._whole.trial_ended(event.state)
        training = self.trainings.get(event.number)
        self.end(event.number, ended(event, self._metric, training), style_of(event))

    def headlines(self) -> Iterable[RenderableType]:
        """How far the study is, the best so far, and the run's own bar."""
        state = self._state
        if state is None:
            yield Text(so_far(self._plan))
        else:
            failed = f", {state.n_failed} failed" if state.n_failed else ""
            fixed = f"{state.n_paper} of {state.n_paper_wanted} of the paper's"
            yield Text(f"{state.in_words()}, {fixed}{failed}")
            if state.best is not None:
                yield Text(f"best {best_so_far(state.best, self._metric)}")
        if self._whole.expected_s:
            yield self._whole.bar(self.console)


def so_far(plan: "Plan") -> str:
    """What the study has before a run: ``4 of 25 searched trials, best 0.0509 (#3)``."""
    best = f", best {best_so_far(plan.best, plan.settings.metric)}" if plan.best else ""
    return f"{plan.n_searched} of {plan.n_wanted} searched trials{best}"


def print_plan(console: Console, plan: "Plan", load: float | None = None) -> None:
    """What a run is going to do, and how long that will take.

    Args:
        console: where to.
        plan: the run's.
        load: of this machine before, see :func:`studies.workers.machine.load`; None says nothing.
    """
    verb = "new study" if plan.created else "study"
    place = short_path(plan.storage.removeprefix("sqlite:///"))
    console.print(f"{verb} '{plan.study_name}' in {place}", soft_wrap=True)
    if not plan.created:
        console.print(f"so far: {so_far(plan)}", style="bold")
    for line in _in_words(plan):
        begins, *more = in_items(line, console.width - len(INDENT))
        for part in (begins, *(INDENT + one for one in more)):
            console.print(part)
    if plan.has_work():
        console.print(plan.time_in_words(), style="bold")
        if words := busy(load or 0.0, (plan.n_jobs or 0) * plan.n_threads, n_cores()):
            console.print(words, style="yellow")


def busy(load: float, n_wanted: int, n_cores: int) -> str:
    """What a machine's load means for a run's times; empty if there is nothing to fear.

    Args:
        load: mean number of processes that ran or wanted to, in the minute before.
        n_wanted: cores that the run would use.
        n_cores: those that there are.
    """
    if load < BUSY * n_cores or load + n_wanted <= n_cores:
        return ""
    return (
        f"this machine is busy (load {load:.1f} on {counted(n_cores, 'core')}). Until it is idle, "
        "trials take longer and latencies are less precise; other results stay the same"
    )


def _in_words(plan: "Plan") -> Iterable[str]:
    """How trials are trained, what limits them, which are drawn, and what is to do."""
    settings, each = plan.settings, counted(plan.n_threads, "thread")
    yield f"{settings.budget}; seed {settings.seed}, {_side_by_side(plan.n_jobs, each)}"
    if settings.encoder is not None:
        yield f"encoder: {settings.encoder}"
    if settings.objectives:
        several = ", ".join((settings.metric.removeprefix("validation_"), *settings.objectives))
        yield f"objectives: {several}; Optuna cannot prune with several objectives"
    if settings.max_params is not None:
        yield f"limit: no more than {count(settings.max_params)} parameters"
    if settings.max_latency_ms is not None:
        yield f"limit: no more than {settings.max_latency_ms:g} ms for 100 images on one thread"
    space = (f"{name.replace('_', '-')} {values}" for name, values in settings.space.items())
    if plan.n_wanted:
        yield f"space: {', '.join(space)}"
    if plan.n_grid_points is not None:
        n_different = count(settings.search_space().size())
        yield f"grid: {count(plan.n_grid_points)} points, {n_different} distinct configurations"
    names = plan.paper_missing
    fixed = f"{len(names)} of the paper's ({', '.join(names)})" if names else "none of the paper's"
    given = f" ({plan.n_given} of them added by you)" if plan.n_given else ""
    missing = max(0, plan.n_wanted - plan.n_searched)
    promoted = f", {plan.n_promoted} promoted to train further" if plan.n_promoted else ""
    rest = f"; {plan.n_resting} at rest, the best of them go on" if plan.n_resting else ""
    yield f"to do: {counted(missing, 'searched trial')}{given}, {fixed}{promoted}{rest}"


def _side_by_side(n_jobs: int | None, each: str) -> str:
    if n_jobs is None:
        return f"one trial at a time on each Dask worker, with {each}"
    return f"{n_jobs} at a time with {each} each" if n_jobs > 1 else each


def best_so_far(trial: "FrozenTrial", metric: str) -> str:
    """A best trial in a few words: ``0.0509 (#12)``."""
    return f"{measured(value_of(trial), metric)} ({label(trial)})"


def ended(event: TrialEnded, metric: str, training: Training | None) -> str:
    """How a trial ended, in one line.

    Args:
        event: the ending.
        metric: what the study's values are.
        training: what was in view of it; None of one that was not trained.
    """
    value = f" {measured(event.value, metric)}" if event.value is not None else ""
    after = f" after {duration(event.seconds)}" if event.seconds else ""
    reason = f" ({event.reason})" if event.reason not in ("", INTERRUPTED) else ""
    return f"{event.label}{value} {_how(event, training)}{after}: {event.words}{reason}"


def style_of(event: TrialEnded) -> str:
    """In which style a line says how a trial ended."""
    return STYLES[_outcome(event)]


def _how(event: TrialEnded, training: Training | None) -> str:
    match _outcome(event):
        case "rests":
            return f"rests at epoch {event.n_epochs}"
        case "paused" if training:
            at, n_epochs = training.epoch, training.n_epochs
            return f"paused at epoch {at} of {n_epochs}" if at else "paused in its first epoch"
        case "reused":
            return "repeat"
        case outcome:
            return outcome


def _outcome(event: TrialEnded) -> str:
    """How a trial ended; one that a person or a fault around the run stopped did not fail."""
    return "paused" if event.reason.startswith(INTERRUPTED) else event.outcome
