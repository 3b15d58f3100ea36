"""Standard output and errors that no letter and no reader who leaves can bring down.

A terminal may lack signs such as ``…``, which are then written as others that it has. And whoever
reads the output may go away, as ``head`` and a ``tee`` that was stopped do: what a command does is
worth finishing, so from then on its words go nowhere and it ends with its own exit code.
"""

import codecs
import errno
import io
import os
import stat
import sys
from typing import Any, TextIO

PLAIN_SIGNS = "plain-signs"
"""Name of the error handler, as :func:`codecs.register_error` knows it."""

_PLAIN = {
    **{"…": "...", "−": "-", "–": "-", "—": "-", "×": "x", "±": "+-", "→": "->", "≈": "~"},
    **{"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "•": "*", "·": "*"},
    **{"↑": "^", "↓": "v", "⠋": "*"},
    **{"▲": "^", "▼": "v", "≤": "<=", "≥": ">=", "\N{NO-BREAK SPACE}": " "},
    **dict.fromkeys("─━╌╍┄┅┈┉═╺╸╼╾", "-"),
    **dict.fromkeys("│┃║╎╏┆┇┊┋╷╵", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛┡┩╇╈┳┻╋╔╗╚╝", "+"),
}


def prepare() -> None:
    """Let both streams of this process write any text, to whoever still reads it."""
    codecs.register_error(PLAIN_SIGNS, _in_plain_signs)
    sys.stdout, sys.stderr = _patient(sys.stdout), _patient(sys.stderr)


def writable(text: str) -> str:
    """The text in signs that standard output has, for libraries that would write others too."""
    codecs.register_error(PLAIN_SIGNS, _in_plain_signs)
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, PLAIN_SIGNS).decode(encoding)


def _in_plain_signs(error: UnicodeError) -> tuple[str, int]:
    """A sign that the encoding lacks, in such as it has."""
    assert isinstance(error, UnicodeEncodeError)
    unknown = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign, "?") for sign in unknown), error.end


class _LeftAlone(io.FileIO):
    """A file whose reader may go away."""

    def write(self, content: "bytes | memoryview") -> int:  # type: ignore[override]
        """Write, or go on into nowhere."""
        try:
            return super().write(content)
        except OSError as error:
            if error.errno != errno.EPIPE and not self._is_a_terminal_that_is_gone(error):
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(content)

    def _is_a_terminal_that_is_gone(self, error: OSError) -> bool:
        return error.errno == errno.EIO and stat.S_ISCHR(os.fstat(self.fileno()).st_mode)


def _patient(stream: TextIO) -> TextIO:
    """The stream itself where it is no file of the system's, as in a test."""
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # Python's -u leaves out the buffer
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(raw, io.FileIO):
        return stream
    stream.flush()
    file: Any = _LeftAlone(raw.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        file if buffer is raw else io.BufferedWriter(file),
        encoding=stream.encoding,
        errors=PLAIN_SIGNS,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
