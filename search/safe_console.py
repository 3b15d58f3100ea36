"""The console of every command: what is printed on it cannot work on the terminal."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from spaces.safe_text import visible_lines


class SafeConsole(Console):
    """A console that shows unseen characters of texts, and keeps its own colours and movements."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as any console does; also what is within tables and live views passes here."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible_lines(segment.text))
