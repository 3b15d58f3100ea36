"""The ``data`` command, and the finding of the data, shown on the console, for every command."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.options import DataDir
from search.output import Output, print_json, safe_console, say
from search.search_options import with_options

if TYPE_CHECKING:
    from studies.data.images import Images


@with_options()
def data(
    output: Output,
    data_dir: DataDir = None,
) -> None:
    """Find, fetch and verify Fashion-MNIST.

    Every other command does this by itself when the data are missing.

    Example: fmnist-search data --data-dir ~/datasets
    """
    folder = find_data(data_dir, output.quiet)
    if output.quiet:
        say(folder)
        return

    from studies.data.images import load_test, load_train

    train, test = load_train(folder), load_test(folder)
    document = _document(folder, train, test)
    if output.as_json:
        print_json(document)
    else:
        say(_as_text(document, output.verbose))


def find_data(data_dir: Path | None, quiet: bool = False) -> Path:
    """A folder with verified data, its steps and progress shown on stderr.

    Args:
        data_dir: the value of ``--data-dir``.
        quiet: show neither.

    Raises:
        DataError: see :func:`studies.data.fetch.ensure_data`.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    from studies.data.fetch import ensure_data

    console = safe_console(stderr=True, soft_wrap=True, quiet=quiet)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        tasks = {}

        def show_bytes(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=total)

        return ensure_data(data_dir, console.print, progress=show_bytes)


def _document(folder: Path, train: "Images", test: "Images") -> dict[str, Any]:
    from studies.data.idx_files import FILES
    from studies.data.images import CLASS_NAMES, class_counts

    counts = zip(CLASS_NAMES, class_counts(train), class_counts(test), strict=True)
    return {
        "folder": folder,
        "files": [
            {"name": file.name, "bytes": file.n_bytes, "sha256": file.sha256, "verified": True}
            for file in FILES
        ],
        "classes": [
            {"name": name, "train": n_train, "test": n_test} for name, n_train, n_test in counts
        ],
    }


def _as_text(document: dict[str, Any], with_whole_digests: bool) -> str:
    def digest(of: str) -> str:
        return of if with_whole_digests else f"{of[:16]}…"

    return "\n".join(
        (
            f"folder  {document['folder']}",
            "",
            f"{'file':<24}{'bytes':>12}  SHA-256",
            *(
                f"{file['name']:<24}{file['bytes']:>12,}  {digest(file['sha256'])}  verified"
                for file in document["files"]
            ),
            "",
            f"{'class':<24}{'train':>12}{'test':>8}",
            *(
                f"{one['name']:<24}{one['train']:>12,}{one['test']:>8,}"
                for one in document["classes"]
            ),
        )
    )
