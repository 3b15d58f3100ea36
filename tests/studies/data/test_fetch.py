import gzip
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from filelock import FileLock
from helpers import ROOT
from helpers.fetching import ensure_data
from helpers.tiny_data import TinyData

from spaces.errors import DataError
from studies.data.fetch import ENVIRONMENT_VARIABLE, check_named, find_problem
from studies.data.idx_files import Progress
from studies.data.sources import DataSource, Say

FETCH = """
import json, sys
from pathlib import Path
from studies.data import idx_files
from studies.data.fetch import ensure_data
folder, files = json.loads(sys.argv[1])
idx_files.FILES = [idx_files.DataFile(*file) for file in files]
ensure_data(Path(folder), print)
"""


@pytest.fixture(autouse=True)
def _no_folder_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def ignore(line: str) -> None:
    """Says nothing."""


def folder_source(folder: Path) -> DataSource:
    return DataSource("folder", lambda work, say, progress: folder)


def compress(data: TinyData, folder: Path) -> Path:
    folder.mkdir(parents=True)
    for file in data.files:
        content = (data.folder / file.name).read_bytes()
        (folder / f"{file.name}.gz").write_bytes(gzip.compress(content))
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_real_data_are_found_again_without_any_source(data_dir: Path) -> None:
    assert ensure_data(None, ignore, cache=data_dir, sources=()) == data_dir


def test_fetched_files_are_kept_and_the_second_call_asks_no_source(
    tiny_data: TinyData, cache: Path
) -> None:
    source = folder_source(tiny_data.folder)
    assert ensure_data(None, ignore, cache=cache, sources=[source]) == cache
    assert names(cache) - {"lock"} == {file.name for file in tiny_data.files}
    lines: list[str] = []
    again = ensure_data(None, lines.append, cache=cache, sources=())
    assert again == cache
    assert lines == [f"Fashion-MNIST: cache {cache}, verified"]


def test_a_cache_that_cannot_be_written_is_good_enough_once_it_is_filled(
    tiny_data: TinyData,
) -> None:
    before = names(tiny_data.folder)
    ensure_data(None, ignore, cache=tiny_data.folder, sources=())
    assert names(tiny_data.folder) == before


def test_a_damaged_cache_is_filled_anew(tiny_data: TinyData, cache: Path) -> None:
    shutil.copytree(tiny_data.folder, cache)
    (cache / tiny_data.files[0].name).write_bytes(b"half")
    lines: list[str] = []
    sources = [folder_source(tiny_data.folder)]
    ensure_data(None, lines.append, cache=cache, sources=sources)
    assert "has 4 bytes of data" in lines[0]
    assert find_problem(cache) is None


def test_a_source_with_bad_files_is_passed_over_for_the_next(
    tiny_data: TinyData, cache: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(tiny_data.folder, bad)
    (bad / tiny_data.files[3].name).write_bytes(b"")
    lines: list[str] = []
    sources = [folder_source(bad), folder_source(tiny_data.folder)]
    ensure_data(None, lines.append, cache=cache, sources=sources)
    assert "has 0 bytes of data" in lines[1]
    assert find_problem(cache) is None


def test_no_file_reaches_the_cache_if_the_last_of_a_source_is_bad(
    tiny_data: TinyData, cache: Path
) -> None:
    (tiny_data.folder / tiny_data.files[3].name).write_bytes(b"")
    sources = [folder_source(tiny_data.folder)]
    with pytest.raises(DataError, match="could not be fetched"):
        ensure_data(None, ignore, cache=cache, sources=sources)
    assert names(cache) <= {"lock"}


@pytest.mark.parametrize("interrupted_by", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupted_fetch_leaves_nothing_half_made(
    tiny_data: TinyData, cache: Path, interrupted_by: type[BaseException]
) -> None:
    def fetch(work: Path, say: Say, progress: Progress) -> Path:
        (work / tiny_data.files[0].name).write_bytes(b"half of it")
        raise interrupted_by

    with pytest.raises(interrupted_by):
        ensure_data(None, ignore, cache=cache, sources=[DataSource("s", fetch)])
    assert names(cache) <= {"lock"}


def test_an_interrupt_while_unpacking_leaves_nothing_half_made(
    tiny_data: TinyData, cache: Path
) -> None:
    def interrupt(what: str, done: int, total: int | None) -> None:
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_data(
            None,
            ignore,
            progress=interrupt,
            cache=cache,
            sources=[folder_source(tiny_data.folder)],
        )
    assert names(cache) <= {"lock"}


def test_what_a_killed_process_left_is_swept_away(tiny_data: TinyData, cache: Path) -> None:
    (cache / "partial-dead" / "source-0").mkdir(parents=True)
    sources = [folder_source(tiny_data.folder)]
    ensure_data(None, ignore, cache=cache, sources=sources)
    assert not (cache / "partial-dead").exists()


def test_unpacking_reports_bytes_up_to_all_of_them(tiny_data: TinyData, cache: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    ensure_data(
        None,
        ignore,
        progress=lambda *step: seen.append(step),
        cache=cache,
        sources=[folder_source(tiny_data.folder)],
    )
    total = sum(file.n_bytes for file in tiny_data.files)
    assert seen[-1] == ("unpacking", total, total)
    assert len(seen) >= 4


def test_a_named_folder_is_used_in_place_and_not_written(tiny_data: TinyData, cache: Path) -> None:
    before = names(tiny_data.folder)
    found = ensure_data(tiny_data.folder, ignore, cache=cache, sources=())
    assert found == tiny_data.folder
    assert names(tiny_data.folder) == before
    assert not cache.exists()


def test_torchvisions_layout_is_used_in_place(
    tiny_data: TinyData, cache: Path, tmp_path: Path
) -> None:
    raw = tmp_path / "root" / "FashionMNIST" / "raw"
    shutil.copytree(tiny_data.folder, raw)
    assert ensure_data(tmp_path / "root", ignore, cache=cache) == raw


def test_compressed_files_of_a_named_folder_are_unpacked_into_the_cache(
    tiny_data: TinyData, cache: Path, tmp_path: Path
) -> None:
    folder = compress(tiny_data, tmp_path / "compressed")
    before = names(folder)
    for _ in range(2):  # the second time the cache has them
        assert ensure_data(folder, ignore, cache=cache) == cache
    assert find_problem(cache) is None
    assert names(folder) == before


def test_a_named_folder_is_checked_even_when_the_cache_is_full(
    tiny_data: TinyData, tmp_path: Path
) -> None:
    folder = compress(tiny_data, tmp_path / "compressed")
    (folder / f"{tiny_data.files[0].name}.gz").write_bytes(b"not gzip")
    with pytest.raises(DataError, match="cannot be read"):
        ensure_data(folder, ignore, cache=tiny_data.folder)


def test_the_environment_names_a_folder_and_the_argument_goes_before_it(
    tiny_data: TinyData, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tiny_data.folder))
    assert ensure_data(None, ignore, cache=cache) == tiny_data.folder
    other = tmp_path / "other"
    shutil.copytree(tiny_data.folder, other)
    assert ensure_data(other, ignore, cache=cache) == other


def test_swapped_files_in_a_named_folder_are_one_clear_error(
    tiny_data: TinyData, cache: Path
) -> None:
    for kind in ("images-idx3", "labels-idx1"):
        train, test = (tiny_data.folder / f"{part}-{kind}-ubyte" for part in ("train", "t10k"))
        train.rename(tiny_data.folder / "aside")
        test.rename(train)
        (tiny_data.folder / "aside").rename(test)
    with pytest.raises(DataError) as caught:
        ensure_data(tiny_data.folder, ignore, cache=cache)
    assert str(caught.value) == (
        f"{tiny_data.folder}/train-images-idx3-ubyte contains t10k-images-idx3-ubyte: two files "
        "were swapped; fix the folder that --data-dir names, or name none, so that the files are "
        "found or fetched"
    )


def test_a_missing_file_or_folder_is_named(tiny_data: TinyData, cache: Path) -> None:
    (tiny_data.folder / tiny_data.files[1].name).unlink()
    with pytest.raises(DataError, match=r"has no train-labels-idx1-ubyte, with or without \.gz"):
        ensure_data(tiny_data.folder, ignore, cache=cache)
    for use in (check_named, partial(ensure_data, say=ignore, cache=cache)):
        with pytest.raises(DataError, match="absent is not a folder; fix the folder that"):
            use(tiny_data.folder / "absent")


def test_an_early_look_at_a_named_folder_reads_no_file(
    tiny_data: TinyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_named(None)
    check_named(tiny_data.folder)  # whose files are not the real ones
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tiny_data.folder / "absent"))
    with pytest.raises(DataError, match=ENVIRONMENT_VARIABLE):
        check_named(None)


def test_a_cache_that_cannot_be_made_says_what_to_set(tiny_data: TinyData, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    sources = [folder_source(tiny_data.folder)]
    with pytest.raises(DataError, match=r"cannot be written .* set XDG_CACHE_HOME"):
        ensure_data(None, ignore, cache=in_the_way / "c", sources=sources)


def test_a_compressed_folder_and_a_cache_that_cannot_be_made_say_the_same(
    tiny_data: TinyData, tmp_path: Path
) -> None:
    folder = compress(tiny_data, tmp_path / "compressed")
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(DataError, match=r"cannot be written .* set XDG_CACHE_HOME"):
        ensure_data(folder, ignore, cache=in_the_way / "c")


def test_whoever_waits_for_another_process_uses_what_it_fetched(
    tiny_data: TinyData, cache: Path
) -> None:
    waiting = Event()

    def say(line: str) -> None:
        if "waiting" in line:
            waiting.set()

    cache.mkdir()
    with ThreadPoolExecutor() as threads:
        with FileLock(cache / "lock"):
            result = threads.submit(ensure_data, None, say, cache=cache, sources=())
            assert waiting.wait(10)
            shutil.copytree(tiny_data.folder, cache, dirs_exist_ok=True)
        assert result.result(10) == cache


def test_processes_that_fill_one_cache_at_once_all_succeed(
    tiny_data: TinyData, tmp_path: Path
) -> None:
    cache = tmp_path / "fmnist-search" / "fashion-mnist"
    folder = compress(tiny_data, tmp_path / "compressed")
    arguments = json.dumps([str(folder), tiny_data.files])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", FETCH, arguments],
            env={"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert find_problem(cache) is None
    assert names(cache) - {"lock"} == {file.name for file in tiny_data.files}
