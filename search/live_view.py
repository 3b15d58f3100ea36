"""Trainings in view: bars on a terminal, else a line for what matters."""

import time
from collections.abc import Iterable
from typing import NamedTuple, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from search.notebook_display import NotebookLive
from search.output import in_notebook
from spaces.wording import duration
from studies.workers.pool import EpochDone

PLAIN_PROGRESS_S = 20.0
"""Seconds between two lines about a running training where there is no terminal."""


class _Training(NamedTuple):
    """A training in view."""

    name: str
    n_epochs: int
    bar: TaskID


class LiveView:
    """A context in which trainings are shown, each by its number.

    Args:
        console: where they are shown.
        every_epoch: give every epoch a line.
    """

    is_transient = False
    """Whether nothing of the live view stays on the terminal."""

    def __init__(self, console: Console, every_epoch: bool = False) -> None:
        self._console = console
        self._every_epoch = every_epoch
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[detail]}", markup=False),
            console=console,
        )
        self._trainings: dict[int, _Training] = {}
        self._last_line = time.monotonic()
        self._live: Live | NotebookLive | None = None

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._console.is_terminal:
            self._live = Live(
                get_renderable=self._shown,
                console=self._console,
                refresh_per_second=4,
                transient=self.is_transient,
            )
        elif in_notebook() and not self._console.quiet:
            self._live = NotebookLive(self._shown)
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing and leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()

    @property
    def is_live(self) -> bool:
        """Whether bars are seen, so that lines need not say what they show."""
        return self._live is not None

    def _shown(self) -> Group:
        return Group(*map(Text, self.headlines()), self._bars)

    def _refresh(self) -> None:
        if self._live is not None:
            self._live.refresh()

    def headlines(self) -> Iterable[str]:
        """What stands above the bars."""
        return ()

    def begin(self, number: int, name: str, n_epochs: int, words: str = "") -> None:
        """Show a training's bar: by its name, and what it trains in words."""
        if number not in self._trainings:
            description = f"{name}  {words}".rstrip()
            bar = self._bars.add_task(description, total=n_epochs, detail="starting")
            self._trainings[number] = _Training(name, n_epochs, bar)
            self._refresh()

    def advance(self, done: EpochDone, figure: str, left: str) -> None:
        """Move a training's bar on, and say so in a line now and then where there is no terminal.

        Args:
            done: the epoch.
            figure: how good the network is, in words.
            left: what the time left is: ``about`` so much, or ``at most``.
        """
        name, n_epochs, bar = self._trainings[done.number]
        epoch, seconds = done.metrics.epoch, done.metrics.seconds
        time_left = duration((n_epochs - epoch) * seconds)
        detail = f"epoch {epoch}/{n_epochs}  {figure}  {left} {time_left} left"
        self._bars.update(bar, completed=epoch, detail=detail)
        self._refresh()
        waited = time.monotonic() - self._last_line > PLAIN_PROGRESS_S
        if self._every_epoch or (waited and not self.is_live):
            self.say(f"{name} {detail}")

    def end(self, number: int, line: str, style: str = "") -> None:
        """Take a training's bar away, and say in a line how it ended."""
        training = self._trainings.pop(number, None)
        if training is not None:
            self._bars.remove_task(training.bar)
            self._refresh()
        self.say(line, style)

    def say(self, line: str, style: str = "") -> None:
        """Print a line above the bars."""
        self._last_line = time.monotonic()
        self._console.print(Text(line, style=style), soft_wrap=True)
