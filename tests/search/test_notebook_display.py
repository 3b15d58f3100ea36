import signal
import sys

import pytest
from rich.console import Group
from rich.text import Text

from search.notebook_display import NotebookLive, as_html
from search.output import Output, in_notebook
from search.running import until_stopped


def test_what_a_terminal_would_show_becomes_html_that_nothing_works_in() -> None:
    html = as_html(Group(Text("best 0.0492", style="green"), Text("<b>\x1b[2J & more")))
    assert '<span style="color: #008000' in html
    assert "best 0.0492</span>" in html
    assert "&lt;b&gt;" in html
    assert "\x1b" not in html


def test_a_terminal_is_no_notebook() -> None:
    assert not in_notebook()


def test_a_second_interrupt_ends_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook's kernel and Python's own prompt hold what a person has made so far."""
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)

    def interrupted_twice() -> None:
        with until_stopped("again", Output(quiet=True)) as stop, stop.installed():
            signal.raise_signal(signal.SIGINT)
            assert stop.received == signal.SIGINT
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted_twice()


def test_a_cell_has_one_output_that_is_replaced() -> None:
    pytest.importorskip("IPython")  # of whoever has notebooks
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    InteractiveShell.instance()
    states = iter("ab")
    with capture_output() as captured:
        live = NotebookLive(lambda: Text(next(states)))
        live.start()
        live.refresh()
        live.stop()
    pages = [output.data["text/html"] for output in captured.outputs]
    assert [page and page.split(">")[1][:1] for page in pages] == ["a", "b", ""]
