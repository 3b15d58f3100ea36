"""How far a whole run is: each epoch counts the time that the run's estimate expects of it."""

import time

from rich.console import Console, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.live_view import NAME_WIDTH, bar_width
from spaces.wording import duration
from studies.engine.launch import Plan
from studies.engine.progress import SearchState

LEAST_SHARE = 0.03
"""Of the run, from which on its own pace foretells the rest better than the estimate does."""


class WholeRun:
    """Counts what a run has trained, and foretells what is left.

    Args:
        plan: the run's.
    """

    def __init__(self, plan: Plan) -> None:
        self._pace_is_known = plan.n_jobs is not None
        estimate, n_epochs = plan.estimate, plan.settings.budget.epochs
        n_searched, n_paper = max(0, plan.n_wanted - plan.n_searched), len(plan.paper_missing)
        self._paper_epoch_s = estimate.paper_s / max(1, n_paper * n_epochs)
        self._searched_epoch_s = estimate.searched_s / max(1.0, estimate.searched_epochs)
        self._paper_s = self._paper_epoch_s * n_epochs
        self._searched_s = estimate.searched_s / max(1, n_searched + plan.n_promoted)
        self.expected_s = estimate.paper_s + estimate.searched_s
        """Seconds of the whole run; 0 where the estimate knows of nothing to train."""
        self._done_s = 0.0
        self._begun = time.monotonic()

    def add_epoch(self, of_paper: bool) -> None:
        """Count an epoch that was trained just now."""
        self._done_s += self._paper_epoch_s if of_paper else self._searched_epoch_s

    def trial_ended(self, state: SearchState) -> None:
        """Expect more than was foretold, where trials took more than that."""
        n_paper = max(0, state.n_paper_wanted - state.n_paper)
        left_s = n_paper * self._paper_s + state.n_left * self._searched_s
        self.expected_s = max(self.expected_s, self._done_s + left_s)

    @property
    def share(self) -> float:
        """How much of the run is done, from 0 to 1."""
        return min(1.0, self._done_s / self.expected_s) if self.expected_s else 0.0

    def left_s(self, elapsed_s: float) -> float | None:
        """Seconds that the rest will take, if it goes on as it went; None if nobody knows yet."""
        if self.share < LEAST_SHARE and not self._pace_is_known:
            return None
        pace = elapsed_s / self._done_s if self.share >= LEAST_SHARE else 1.0
        return pace * max(0.0, self.expected_s - self._done_s)

    def bar(self, console: Console) -> RenderableType:
        """The run's own bar, with the time that it took and what it will still take."""
        elapsed_s, row = time.monotonic() - self._begun, Table.grid(padding=(0, 1, 0, 0))
        left_s = self.left_s(elapsed_s)
        left = "" if left_s is None else f", ≈ {duration(left_s)} left"
        if self._done_s >= self.expected_s:
            left = ", longer than estimated"
        row.add_row(
            Text("whole run".ljust(NAME_WIDTH), style="bold"),
            ProgressBar(completed=100 * self.share, width=bar_width(console)),
            Text(f"{100 * self.share:.0f} %  {duration(elapsed_s)} so far{left}"),
        )
        return row
