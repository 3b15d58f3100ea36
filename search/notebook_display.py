"""What a live view is in a notebook: one output of its cell, replaced as the work goes on."""

import io
from collections.abc import Callable
from typing import Any

from rich.console import RenderableType

from search.output import NOTEBOOK_WIDTH, safe_console

_PAGE = (
    '<pre style="font: var(--jp-code-font-size, 13px) var(--jp-code-font-family, monospace); '
    'line-height: 1.3; white-space: pre; margin: 0">{code}</pre>'
)


class NotebookLive:
    """Shows something that changes; the methods are those of rich's ``Live``.

    It is drawn anew when somebody calls ``refresh``, not by a thread: what a thread displays may
    end up under another cell.

    Args:
        get_renderable: gives what is to be seen now.
    """

    def __init__(self, get_renderable: Callable[[], RenderableType]) -> None:
        self._get_renderable = get_renderable
        self._output: Any = None

    def start(self) -> None:
        """Show it for the first time."""
        from IPython.display import HTML, display

        self._output = display(HTML(as_html(self._get_renderable())), display_id=True)

    def refresh(self) -> None:
        """Show it as it is now, in the place where it was."""
        from IPython.display import HTML

        self._output.update(HTML(as_html(self._get_renderable())))

    def stop(self) -> None:
        """Take it away; what came of it is told in lines."""
        from IPython.display import HTML

        self._output.update(HTML(""))


def as_html(renderable: RenderableType) -> str:
    """What a terminal would show, with its colours, as HTML."""
    console = safe_console(
        record=True, file=io.StringIO(), width=NOTEBOOK_WIDTH, force_terminal=True
    )
    console.print(renderable)
    return console.export_html(inline_styles=True, code_format=_PAGE)
