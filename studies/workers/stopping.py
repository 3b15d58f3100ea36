"""Signals that stop a run: the first cleanly, the second at once.

Ctrl-C, SIGTERM, the SIGHUP of a terminal that is closed, and the SIGUSR1 by which schedulers such
as Slurm tell that the time is nearly over.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""All that stop a run."""

_NOT_TYPED = (signal.SIGHUP, signal.SIGUSR1)
"""Those that no person sends by a key: left alone where whoever started this process has it ignore
them, as ``nohup`` does, and no word to stop at once, as a shell and its terminal send one each."""


class Interrupted(KeyboardInterrupt):
    """The user or the system asked the run to stop."""


@dataclass
class StopSignal:
    """Turns the first of ``STOPS`` into a clean stop, and lets a second one stop at once.

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
        heeded = [s for s in STOPS if s not in _NOT_TYPED or not _is_ignored(s)]
        previous = {s: signal.signal(s, self._handle) for s in heeded}
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
        if number == signal.SIGHUP:
            _let_go_of_closed_terminals()
        if self.received is not None:
            if number not in _NOT_TYPED:
                self.at_once(number)
            return
        self.received = number
        if self._interruptible:
            raise Interrupted


def _is_ignored(number: int) -> bool:
    return signal.getsignal(number) == signal.SIG_IGN


def _let_go_of_closed_terminals() -> None:
    """Write to nowhere what would go to a terminal that is no more, as that would fail."""
    for descriptor in (1, 2):
        try:
            os.write(descriptor, b"")
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
