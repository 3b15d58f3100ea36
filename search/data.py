"""The ``data`` command, and the finding of the data, shown on the console, for every command."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from studies.data import Images

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder that holds Fashion-MNIST's four files, as they are or .gz; only read. "
        "Without it: the folder FMNIST_SEARCH_DATA names, else the cache, filled if need be.",
        show_default=False,
    ),
]
"""The option of every command that needs the data."""


def data(
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find, fetch and verify Fashion-MNIST.

    Every other command does the same by itself when the data are missing.

    Example: fmnist-search data --data-dir ~/datasets
    """
    folder = find_data(data_dir)

    from studies.data import load_test, load_train

    train, test = load_train(folder), load_test(folder)
    typer.echo(_as_json(folder, train, test) if as_json else _as_text(folder, train, test))


def find_data(data_dir: Path | None) -> Path:
    """A folder with verified data, its steps and progress shown on stderr.

    Args:
        data_dir: the value of ``--data-dir``.

    Raises:
        DataError: see :func:`studies.fetch.ensure_data`.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    from studies.fetch import ensure_data

    console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
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


def _as_json(folder: Path, train: "Images", test: "Images") -> str:
    from studies.data import CLASS_NAMES, class_counts
    from studies.idx_files import FILES

    counts = zip(CLASS_NAMES, class_counts(train), class_counts(test), strict=True)
    return json.dumps(
        {
            "folder": str(folder),
            "files": [
                {"name": file.name, "bytes": file.n_bytes, "sha256": file.sha256, "verified": True}
                for file in FILES
            ],
            "classes": [
                {"name": name, "train": n_train, "test": n_test} for name, n_train, n_test in counts
            ],
        },
        indent=2,
    )


def _as_text(folder: Path, train: "Images", test: "Images") -> str:
    from studies.data import CLASS_NAMES, class_counts
    from studies.idx_files import FILES

    counts = zip(CLASS_NAMES, class_counts(train), class_counts(test), strict=True)
    return "\n".join(
        (
            f"folder  {folder}",
            "",
            f"{'file':<24}{'bytes':>12}  SHA-256",
            *(
                f"{file.name:<24}{file.n_bytes:>12,}  {file.sha256[:16]}…  verified"
                for file in FILES
            ),
            "",
            f"{'class':<24}{'train':>12}{'test':>8}",
            *(f"{name:<24}{n_train:>12,}{n_test:>8,}" for name, n_train, n_test in counts),
        )
    )
