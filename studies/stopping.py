"""Ctrl-C and SIGTERM: the first stops a run cleanly, the second at once."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """The user or the system asked the run to stop."""


@dataclass
class StopSignal:
    """Turns the first SIGINT or SIGTERM into a clean stop, and lets a second one stop at once.

    Training is left at once, by an exception; while the storage is written, the signal is kept
    until that is done.
    """

    at_once: Callable[[int], None] = lambda number: os._exit(128 + number)
    """What the second signal does."""
    received: int | None = None
    """Number of the first signal."""
    _interruptible: bool = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle the signals inside the block, in the main thread."""
        previous = {s: signal.signal(s, self._handle) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Raise :class:`Interrupted` inside the block, or at its start if a signal came before."""
        self._interruptible = True
        try:
            if self.received is not None:
                raise Interrupted
            yield
        finally:
            self._interruptible = False

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            self.at_once(number)
        self.received = number
        if self._interruptible:
            raise Interrupted
