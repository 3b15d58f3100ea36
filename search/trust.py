"""What a configuration file may decide for which the user did not give his word.

A file of the working folder may have come with the folder. It can choose numbers and names; what
it says of places, addresses and questions is taken once the user agreed to this file in this place,
as it is.
"""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

import typer

from search.defaults import File, FileLine
from search.output import say
from spaces.errors import TrustError
from spaces.secrets import without_secrets
from spaces.stages import STAGES
from studies.files import places
from studies.final.final_request import FinalRequest
from studies.records.fields import fields_of, is_plain
from studies.records.request import SearchRequest

RECORD = "trusted"
"""The file of what the user agreed to: a digest and a path a line."""

_OF_SPACES = {
    d.name for s in STAGES.values() for space in s.spaces.values() for d in space.dimensions
}
_OF_REQUESTS = {
    field.flag.replace("-", "_")
    for request in (SearchRequest, FinalRequest)
    for field in fields_of(request).values()
    if is_plain(field.kind)
}

HARMLESS = (
    _OF_SPACES
    | _OF_REQUESTS
    | {
        *("study", "dry_run", "quiet", "verbose", "json", "csv"),
        *("lang", "top", "pareto", "format", "negate", "port", "open"),
        *("all", "sort", "as", "compare"),
    }
)
"""Options that name neither place nor address and do away with no question, by their names in a
file. All others need the user's word, those that are new too."""


def is_agreed_to(file: File) -> bool:
    """Whether the user vouches for the file, or agreed to it as it is and where it is."""
    record = _record()
    if file.is_vouched or record is None or not places.is_private(record):
        return file.is_vouched
    agreed = record.read_text(encoding="utf-8").splitlines()
    return _digest(file) in (line.partition(" ")[0] for line in agreed)


def agree_to(file: File) -> None:
    """Remember that the user agreed to the file.

    Raises:
        TrustError: it cannot be written down.
    """
    record = _record()
    if record is None:
        raise TrustError("there is no home folder to record this in; name the file with --config")
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        record.touch(mode=0o600)
        with record.open("a", encoding="utf-8") as lines:
            lines.write(f"{_digest(file)}  {str(file.path.resolve())!r}\n")
    except OSError as error:
        raise TrustError(
            f"cannot write {record}: {error.strerror}; name the file with --config instead"
        ) from error


def ask(file: File, needed: Iterable[tuple[str, FileLine]]) -> None:
    """Ask for the user's word, once for a file as it is.

    Args:
        file: that nobody vouched for.
        needed: the options that need it, and where they stand.

    Raises:
        TrustError: nobody is there to ask.
        typer.Abort: the user does not agree.
    """
    said = [f"{key} (line {o.line})" if o.line else key for key, o in needed]
    what = f"{file.path.absolute()} is a file that you did not name; it sets {', '.join(said)}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise TrustError(
            f"{what}; look at it. If it is yours, agree to it: fmnist-search config "
            f"--trust, or name it: fmnist-search --config {file.path} …"
        )
    say(f"{what}:", err=True)
    lines = file.text.splitlines()
    for line in sorted({o.line for _, o in needed if o.line}):
        say(f"  {line}: {without_secrets(lines[line - 1])}", err=True)
    typer.confirm("Use it, as long as it does not change?", abort=True, err=True)
    agree_to(file)


def _record() -> Path | None:
    folder = places.state()
    return folder / RECORD if folder else None


def _digest(file: File) -> str:
    return hashlib.sha256(
        f"{file.path.resolve()}\0{file.text}".encode(errors="surrogateescape")
    ).hexdigest()
