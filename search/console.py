"""What a search shows on a terminal: what it is going to do, and how far it is."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console

from search.live_view import LiveView
from spaces.wording import count, counted, duration, percent
from studies.engine.progress import Event, Notice, SearchState, TrialEnded, TrialStarted
from studies.records.trials import label, value_of
from studies.workers.pool import EpochDone

if TYPE_CHECKING:
    from studies.engine.launch import Plan

STYLES = {"complete": "green", "pruned": "dim", "failed": "red", "reused": "dim"}
"""Of a line that says how a trial ended."""


class SearchView(LiveView):
    """Shows a running search: live on a terminal, else a line for what matters."""

    def __init__(self, console: Console, plan: "Plan", verbose: bool = False) -> None:
        super().__init__(console, verbose)
        self._plan = plan
        self._metric = plan.settings.metric
        self._state: SearchState | None = None
        self._searched_s: list[float] = []

    def __call__(self, event: Event) -> None:
        """Take in what happened."""
        match event:
            case Notice(text):
                self.say(text, "yellow")
            case TrialStarted(number, label, words, n_epochs):
                self.begin(number, label, n_epochs, words)
                if not self.is_live:
                    self.say(f"{label} started: {words}")
            case EpochDone():
                name, value = self._metric, percent(getattr(event.metrics, self._metric))
                self.advance(event, f"{name.removeprefix('validation_')} {value}", "at most")
            case TrialEnded():
                self._end(event)

    def _end(self, event: TrialEnded) -> None:
        self._state = event.state
        if "paper:" not in event.label and event.outcome in ("complete", "pruned"):
            self._searched_s.append(event.seconds)
        self.end(event.number, _ended(event), STYLES[event.outcome])

    def headlines(self) -> Iterable[str]:
        """How far the study is, and the best so far."""
        state = self._state
        if state is None:
            yield f"{self._plan.study_name}, searched trials so far: {self._plan.n_searched}"
            return
        done = f"{state.in_words()} ({state.n_pruned} pruned)"
        fixed = f"{state.n_paper} of {state.n_paper_wanted} of the paper's"
        failed = f", {state.n_failed} failed" if state.n_failed else ""
        yield f"{self._plan.study_name}: {done}, {fixed}{failed}{self._time_left(state.n_left)}"
        if state.best is not None:
            best = f"best {percent(value_of(state.best))} ({label(state.best)})"
            published = getattr(self._plan.settings.stage_record().best_of_paper, self._metric)
            yield f"{best}; the paper's best, as printed, {percent(published)}"

    def _time_left(self, n_left: int) -> str:
        if len(self._searched_s) < 3 or not n_left:
            return ""
        mean = sum(self._searched_s) / len(self._searched_s) / self._plan.n_jobs
        return f", about {duration(mean * n_left)} left"


def print_plan(console: Console, plan: "Plan") -> None:
    """What a run is going to do, and how long that will take."""
    verb = "new study" if plan.created else "study"
    console.print(f"{verb} '{plan.study_name}' in {plan.storage}", markup=False, soft_wrap=True)
    for line in _in_words(plan):
        console.print(line, markup=False)
    if plan.n_wanted > plan.n_searched or plan.paper_missing:
        console.print(plan.estimate.in_words(), style="bold", markup=False)


def _in_words(plan: "Plan") -> Iterable[str]:
    """How trials are trained, what limits them, which are drawn, and what is to do."""
    settings, each = plan.settings, counted(plan.n_threads, "thread")
    side_by_side = f"{plan.n_jobs} at a time with {each} each" if plan.n_jobs > 1 else each
    yield f"{settings.budget}; seed {settings.seed}, {side_by_side}"
    if settings.encoder is not None:
        yield f"encoder: {settings.encoder}"
    if settings.objectives:
        several = ", ".join((settings.metric.removeprefix("validation_"), *settings.objectives))
        yield f"objectives: {several}; nothing is pruned, as Optuna cannot with several"
    if settings.max_params is not None:
        yield f"limit: no more than {count(settings.max_params)} parameters"
    if settings.max_latency_ms is not None:
        yield f"limit: no more than {settings.max_latency_ms:g} ms for 100 images on one thread"
    space = (f"{name.replace('_', '-')} {values}" for name, values in settings.space.items())
    yield f"space: {', '.join(space)}"
    if plan.n_grid_points is not None:
        n_different = count(settings.search_space().size())
        yield f"grid: {count(plan.n_grid_points)} points, {n_different} different configurations"
    names = plan.paper_missing
    fixed = f"{len(names)} of the paper's ({', '.join(names)})" if names else "none of the paper's"
    given = f" ({plan.n_given} of them given)" if plan.n_given else ""
    yield f"to do: {max(0, plan.n_wanted - plan.n_searched)} searched trials{given}, {fixed}"


def _ended(event: TrialEnded) -> str:
    value = f" {percent(event.value)}" if event.value is not None else ""
    reason = f" ({event.reason})" if event.reason else ""
    after = f" after {duration(event.seconds)}" if event.seconds else ""
    return f"{event.label} {event.outcome}{value}{after}: {event.words}{reason}"
