"""What the commands show on a terminal, and the plain lines they write where there is none."""

import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from studies.engine.progress import Event, Notice, SearchState, TrialEnded, TrialStarted
from studies.records.trials import label, value_of
from studies.workers.pool import EpochDone

if TYPE_CHECKING:
    from studies.engine.launch import Plan
    from studies.records.settings import StudySettings

PLAIN_PROGRESS_S = 20.0
"""Seconds between two lines about a running trial where there is no terminal."""


def percent(loss: float | None) -> str:
    """A loss as the paper prints it: 0.0175 is 1.75 %."""
    return "–" if loss is None else f"{100 * loss:.2f} %"


def duration(seconds: float) -> str:
    """A time as a person says it: ``45 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


class SearchView:
    """Shows a running search: live on a terminal, else a line for what matters."""

    def __init__(self, console: Console, plan: "Plan", verbose: bool = False) -> None:
        self._console = console
        self._verbose = verbose
        self._plan = plan
        self._metric = plan.settings.metric
        self._metric_name = self._metric.removeprefix("validation_")
        self._state: SearchState | None = None
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[detail]}", markup=False),
            console=console,
        )
        self._tasks: dict[int, TaskID] = {}
        self._trials: dict[int, TrialStarted] = {}
        self._searched_s: list[float] = []
        self._last_line = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._console.is_terminal:
            self._live = Live(
                get_renderable=self._render, console=self._console, refresh_per_second=4
            )
            self._live.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Stop showing and leave the terminal as it was."""
        self.close()

    def close(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __call__(self, event: Event) -> None:
        """Take in what happened."""
        match event:
            case Notice(text):
                self._print(Text(text, style="yellow"))
            case TrialStarted():
                self._start(event)
            case EpochDone():
                self._advance(event)
            case TrialEnded():
                self._end(event)

    def _start(self, event: TrialStarted) -> None:
        self._trials[event.number] = event
        self._tasks[event.number] = self._bars.add_task(
            f"{event.label}  {event.words}", total=event.n_epochs, detail="starting"
        )
        if self._live is None:
            self._print(Text(f"{event.label} started: {event.words}"))

    def _advance(self, event: EpochDone) -> None:
        metrics, started = event.metrics, self._trials[event.number]
        left = duration((started.n_epochs - metrics.epoch) * metrics.seconds)
        detail = (
            f"epoch {metrics.epoch}/{started.n_epochs}  "
            f"{self._metric_name} {percent(getattr(metrics, self._metric))}  at most {left} left"
        )
        self._bars.update(self._tasks[event.number], completed=metrics.epoch, detail=detail)
        due = self._live is None and time.monotonic() - self._last_line > PLAIN_PROGRESS_S
        if due or self._verbose:
            self._print(Text(f"{started.label} {detail}"))

    def _end(self, event: TrialEnded) -> None:
        self._state = event.state
        self._trials.pop(event.number, None)
        task = self._tasks.pop(event.number, None)
        if task is not None:
            self._bars.remove_task(task)
        if "paper:" not in event.label and event.outcome in ("complete", "pruned"):
            self._searched_s.append(event.seconds)
        self._print(_ended_line(event))

    def _print(self, text: Text) -> None:
        self._last_line = time.monotonic()
        self._console.print(text, soft_wrap=True)

    def _render(self) -> Group:
        return Group(*(Text(line) for line in self._headlines()), self._bars)

    def _headlines(self) -> Iterable[str]:
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
    settings, budget = plan.settings, plan.settings.budget
    verb = "new study" if plan.created else "study"
    console.print(f"{verb} '{plan.study_name}' in {plan.storage}", markup=False, soft_wrap=True)
    console.print(
        f"{budget}; seed {settings.seed}, {_side_by_side(plan)}",
        markup=False,
    )
    if settings.encoder is not None:
        console.print(f"encoder: {settings.encoder_in_words()}", markup=False)
    for line in _limits(settings):
        console.print(line, markup=False)
    space = ", ".join(f"{name.replace('_', '-')} {v}" for name, v in settings.space.items())
    console.print(f"space: {space}", markup=False)
    if plan.n_grid_points is not None:
        n_different = settings.search_space().size()
        console.print(
            f"grid: {plan.n_grid_points:,} points, {n_different:,} different configurations",
            markup=False,
        )
    n_left = max(0, plan.n_wanted - plan.n_searched)
    names = ", ".join(plan.paper_missing)
    fixed = (
        f"{len(plan.paper_missing)} of the paper's ({names})" if names else "none of the paper's"
    )
    given = f" ({plan.n_given} of them given)" if plan.n_given else ""
    console.print(f"to do: {n_left} searched trials{given}, {fixed}", markup=False)
    if n_left or names:
        console.print(likely_time(plan), style="bold", markup=False)


def likely_time(plan: "Plan") -> str:
    """How long a run will take, in words."""
    times = plan.estimate
    likely, most = times.paper_s + times.searched_s, times.paper_s + times.searched_at_most_s
    limit = f", {duration(most)} if nothing is pruned" if most > likely else ""
    return f"measured on this machine: about {duration(likely)}{limit}"


def _limits(settings: "StudySettings") -> Iterable[str]:
    """What a study has beyond one objective over all models."""
    metric = settings.metric.removeprefix("validation_")
    if settings.objectives:
        several = ", ".join((metric, *settings.objectives))
        yield f"objectives: {several}; nothing is pruned, as Optuna cannot with several"
    if settings.max_params is not None:
        yield f"limit: no more than {settings.max_params:,} parameters"
    if settings.max_latency_ms is not None:
        yield f"limit: no more than {settings.max_latency_ms:g} ms for 100 images on one thread"


def restore_cursor() -> None:
    """Undo what a live view did to the terminal, for an exit that runs nothing else."""
    terminal = next((stream for stream in (sys.stdout, sys.stderr) if stream.isatty()), None)
    if terminal is not None:
        terminal.write("\x1b[?25h\n")
        terminal.flush()


def _ended_line(event: TrialEnded) -> Text:
    styles = {"complete": "green", "pruned": "dim", "failed": "red", "reused": "dim"}
    value = f" {percent(event.value)}" if event.value is not None else ""
    reason = f" ({event.reason})" if event.reason else ""
    after = f" after {duration(event.seconds)}" if event.seconds else ""
    text = f"{event.label} {event.outcome}{value}{after}: {event.words}{reason}"
    return Text(text, style=styles[event.outcome])


def _side_by_side(plan: "Plan") -> str:
    each = "1 thread" if plan.n_threads == 1 else f"{plan.n_threads} threads"
    return f"{plan.n_jobs} at a time with {each} each" if plan.n_jobs > 1 else each
