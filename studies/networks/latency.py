"""How long a network takes on one thread, and what is known of how sure that is."""

from typing import NamedTuple


class Latency(NamedTuple):
    """What 100 images take."""

    ms: float
    """Milliseconds of one thread's processor time: the least of many runs."""
    spread_ms: float | None = None
    """How much longer the least of a few runs was at the worst moment of the measurement; None is
    not known, as of what versions before measured."""

    def in_words(self) -> str:
        """With its unit and its spread: ``110 ms (110–118)``."""
        if self.spread_ms is None:
            return f"{_short(self.ms)} ms (spread not known)"
        return f"{_short(self.ms)} ms ({self.range_in_words()})"

    def range_in_words(self, with_worst: bool = True) -> str:
        """From the least to the worst moment, without a unit: ``110–118``, ``110–?``."""
        if not with_worst:
            return _short(self.ms)
        if self.spread_ms is None:
            return f"{_short(self.ms)}–?"
        return f"{_short(self.ms)}–{_short(self.ms + self.spread_ms)}"


def _short(ms: float) -> str:
    return f"{ms:.1f}" if ms < 100 else f"{ms:,.0f}"
