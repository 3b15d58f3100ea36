"""Trainings in view: bars on a terminal, else a line for what matters."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from search.notebook_display import NotebookLive
from search.output import in_notebook
from spaces.wording import cut, duration
from studies.workers.pool import EpochDone

PLAIN_PROGRESS_S = 20.0
"""Seconds between two lines about a running training where there is no terminal."""
LEAST_FOR_WORDS = 100
"""Columns of a terminal from which on a bar has room for what it trains beside it."""
NAME_WIDTH = 18
"""Of the longest usual name, ``#1 paper:batchnorm``, so that all bars begin at one place."""


@dataclass
class Training:
    """A training in view."""

    name: str
    n_epochs: int
    bar: TaskID
    epoch: int
    """The last one that is through."""


class LiveView:
    """A context in which trainings are shown, each by its number.

    Args:
        console: where they are shown.
        every_epoch: give every epoch a line.
    """

    def __init__(self, console: Console, every_epoch: bool = False) -> None:
        self.console = console
        self.trainings: dict[int, Training] = {}
        self._every_epoch = every_epoch
        self._bars = bars(console)
        self._last_line = time.monotonic()
        self._live: Live | NotebookLive | None = None

    def __enter__(self) -> Self:
        """Begin to show."""
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self._shown,
                console=self.console,
                refresh_per_second=4,
                transient=True,
            )
        elif in_notebook() and not self.console.quiet:
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
        return Group(*self.headlines(), self._bars)

    def _refresh(self) -> None:
        if self._live is not None:
            self._live.refresh()

    def headlines(self) -> Iterable[RenderableType]:
        """What stands above the bars."""
        return ()

    def begin(
        self, number: int, name: str, n_epochs: int, words: str = "", n_done: int = 0
    ) -> None:
        """Show a training's bar: by its name, what it trains in words, and the epochs it has."""
        if number not in self.trainings:
            bar = self._bars.add_task(
                name,
                total=n_epochs,
                completed=n_done,
                words=words,
                epoch="starting",
                figure="",
                left="",
            )
            self.trainings[number] = Training(name, n_epochs, bar, n_done)
            self._refresh()

    def advance(self, done: EpochDone, figure: str, left: str) -> None:
        """Move a training's bar on, and say so in a line now and then where there is no terminal.

        Args:
            done: the epoch.
            figure: how good the network is, in words.
            left: what the time left is: ``≈`` so much, or at most so much, ``≤``.
        """
        training, seconds = self.trainings[done.number], done.metrics.seconds
        training.epoch = epoch = done.metrics.epoch
        time_left = f"{left} {duration((training.n_epochs - epoch) * seconds)} left"
        told = f"epoch {epoch}/{training.n_epochs}", figure, time_left
        self._bars.update(
            training.bar, completed=epoch, epoch=told[0], figure=told[1], left=told[2]
        )
        self._refresh()
        waited = time.monotonic() - self._last_line > PLAIN_PROGRESS_S
        if self._every_epoch or (waited and not self.is_live):
            self.say("  ".join((training.name, *told)))

    def end(self, number: int, line: str, style: str = "") -> None:
        """Take a training's bar away, and say in a line how it ended."""
        training = self.trainings.pop(number, None)
        if training is not None:
            self._bars.remove_task(training.bar)
            self._refresh()
        self.say(cut(line, self.console.width) if self.console.is_terminal else line, style)

    def say(self, line: str, style: str = "") -> None:
        """Print a line above the bars."""
        self._last_line = time.monotonic()
        self.console.print(Text(line, style=style), soft_wrap=True)


def bars(console: Console) -> Progress:
    """Bars that stay bars at every width: name, bar, epoch, figure, time left, and then words."""
    whole = Column(no_wrap=True)
    name = Column(no_wrap=True, min_width=NAME_WIDTH)
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=name),
        BarColumn(bar_width(console), table_column=Column(min_width=bar_width(console))),
        *(
            TextColumn(f"{{task.fields[{field}]}}", markup=False, table_column=whole.copy())
            for field in ("epoch", "figure", "left")
        ),
        _Words(console),
        console=console,
    )


def bar_width(console: Console) -> int:
    """Columns of the terminal that a bar takes."""
    return 12 if console.width < LEAST_FOR_WORDS else 20


class _Words(ProgressColumn):
    """What is trained, as far as there is room."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def render(self, task: Task) -> Text:
        words = task.fields["words"] if self._console.width >= LEAST_FOR_WORDS else ""
        return Text(words, no_wrap=True, overflow="ellipsis")
