"""A report's folder: which files in it are a report's, so that the next one takes their place."""

from contextlib import suppress
from pathlib import Path, PurePosixPath

from reports.page.repeating import FOLDER as CONFIGURATIONS
from spaces.bounded import read_bounded

FOLDERS = ("figures", "tables", "values", CONFIGURATIONS)
PAGES = ("report.html", "report.md")
MANIFEST = ".report-files"
"""Names every file that a report wrote, a line for each, noted before the file is written."""
GENERATOR = '<meta name="generator" content="fmnist-search">'
"""By which a page is known whose version noted no files."""

_MOST_BYTES = 10_000_000


class ReportFolder:
    """A folder that a report is written into; the files of the one before are gone first.

    Files that no report wrote stay. So do those of versions that noted none of theirs.

    Args:
        path: made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: list[str] = []
        path.mkdir(parents=True, exist_ok=True)
        for name in _noted(path):
            (path / name).unlink(missing_ok=True)
        for name in FOLDERS:
            with suppress(OSError):  # it is not there, or holds files of others
                (path / name).rmdir()
        (path / MANIFEST).write_text("", encoding="utf-8")

    def new(self, name: str) -> Path:
        """Where to write a file, such as ``tables/final.csv``."""
        if name not in self._names:
            self._names.append(name)
            with (self._path / MANIFEST).open("a", encoding="utf-8") as manifest:
                manifest.write(f"{name}\n")
        path = self._path / name
        path.parent.mkdir(exist_ok=True)
        return path

    def files(self) -> list[Path]:
        """What was written: the page, the Markdown, then all else by name."""
        order = [name for name in PAGES if name in self._names]
        return [self._path / name for name in [*order, *sorted(set(self._names) - set(order))]]


def holds_only_a_report(folder: Path) -> bool:
    """Whether an earlier report is all that is in the folder, or the beginning of one."""
    written = {*FOLDERS, *PAGES, MANIFEST}
    return has_a_report(folder) and all(path.name in written for path in folder.iterdir())


def has_a_report(folder: Path) -> bool:
    """Whether a report was written there, or begun."""
    if (folder / MANIFEST).is_file():
        return True
    with suppress(OSError, ValueError):
        return GENERATOR in read_bounded(folder / PAGES[0], _MOST_BYTES).decode()
    return False


def in_the_way(folder: Path) -> list[str]:
    """What stands where a report would be written, and is none's."""
    if has_a_report(folder):
        return []
    return [name for name in (*PAGES, *FOLDERS) if (folder / name).exists()]


def _noted(folder: Path) -> list[str]:
    """The files that an earlier report noted; names that no report writes are none of them."""
    text = ""
    with suppress(OSError, ValueError):
        text = read_bounded(folder / MANIFEST, _MOST_BYTES).decode()
    return [name for name in text.splitlines() if _is_ours(PurePosixPath(name))]


def _is_ours(name: PurePosixPath) -> bool:
    if len(name.parts) == 1:
        return str(name) in PAGES
    return len(name.parts) == 2 and name.parts[0] in FOLDERS and name.name not in ("", "..")
