import gzip
import hashlib
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
from helpers import ROOT
from helpers.fetching import ensure_data
from helpers.tiny_data import TinyData

from spaces.errors import DataError
from studies.data import sources
from studies.data.fetch import ENVIRONMENT_VARIABLE, SOURCES, find_problem
from studies.data.idx_files import FILES
from studies.data.sources import (
    PACKAGE,
    PACKAGE_FOLDER,
    TORCHVISION_BYTES,
)

pytestmark = pytest.mark.slow


needs_apt = pytest.mark.skipif(
    shutil.which("apt-get") is None, reason="needs a Debian or Ubuntu system"
)

COMPRESSED_AT = {"train": 1504176606, "t10k": 1504176627}
"""Time stamps in the headers of the files on torchvision's mirror, in seconds since 1970."""

FETCH = """
from studies.data import fetch
fetch.SOURCES = fetch.SOURCES[1:2]
fetch.ensure_data(None, print)
"""

INSTALLED_PACKAGE, TORCHVISION, DEBIAN_PACKAGE = SOURCES


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (ENVIRONMENT_VARIABLE, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def serving(respond: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """An HTTP proxy on this machine that answers whatever it is asked itself."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            respond(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that was killed is part of the tests."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def send(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def as_on_the_mirror(path: Path) -> bytes:
    """The compressed file to the byte, as its MD5 in torchvision shows; GNU gzip made it."""
    part = path.name.split("-")[0]
    header = b"\x1f\x8b\x08\x08" + struct.pack("<I", COMPRESSED_AT[part]) + b"\x00\x03"
    compressed = subprocess.run(["gzip", "-nc6", str(path)], check=True, capture_output=True)
    return header + path.name.encode() + b"\x00" + compressed.stdout[10:]


def ignore(line: str) -> None:
    """Says nothing."""


def write_repository(folder: Path, package: Path | None) -> None:
    """A Debian repository in a folder, and apt told, in ``conf``, to know nothing else."""
    for name in ("repository", "lists/partial", "cache"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    index = ""
    if package is not None:
        archive = folder / "repository" / "tiny.deb"
        subprocess.run(["dpkg-deb", "--build", str(package), str(archive)], check=True)
        content = archive.read_bytes()
        index = (package / "DEBIAN" / "control").read_text() + (
            f"Filename: ./tiny.deb\nSize: {len(content)}\n"
            f"SHA256: {hashlib.sha256(content).hexdigest()}\n"
        )
    (folder / "repository" / "Packages").write_text(index)
    (folder / "sources.list").write_text(f"deb [trusted=yes] copy:{folder}/repository ./\n")
    (folder / "conf").write_text(
        f'Dir::Etc::sourcelist "{folder}/sources.list"; Dir::Etc::sourceparts "/dev/null";\n'
        f'Dir::State::Lists "{folder}/lists"; Dir::State::status "{folder}/status";\n'
        f'Dir::Cache "{folder}/cache"; APT::Sandbox::User "root";\n'
    )


def write_package(data: TinyData, folder: Path) -> Path:
    files = folder / PACKAGE_FOLDER
    files.mkdir(parents=True)
    for file in data.files:
        content = (data.folder / file.name).read_bytes()
        (files / f"{file.name}.gz").write_bytes(gzip.compress(content))
    (folder / "DEBIAN").mkdir()
    (folder / "DEBIAN" / "control").write_text(
        f"Package: {PACKAGE}\nVersion: 1\nArchitecture: all\n"
        "Maintainer: nobody <nobody@localhost>\nDescription: tiny files\n"
    )
    return folder


def test_an_installed_package_is_read_where_it_lies(
    tiny_data: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_package(tiny_data, tmp_path / "root")
    monkeypatch.setattr(sources, "INSTALLED", root / PACKAGE_FOLDER)
    installed = [INSTALLED_PACKAGE]
    ensure_data(None, ignore, cache=tmp_path / "c", sources=installed)
    assert find_problem(tmp_path / "c") is None


@needs_apt
def test_the_debian_package_is_fetched_where_package_lists_are_missing(
    tiny_data: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_repository(tmp_path / "apt", write_package(tiny_data, tmp_path / "package"))
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt" / "conf"))
    cache, lines = tmp_path / "c", list[str]()
    ensure_data(None, lines.append, cache=cache, sources=[DEBIAN_PACKAGE])
    assert any("fetching package lists" in line for line in lines)
    assert find_problem(cache) is None
    assert {path.name for path in cache.iterdir()} - {"lock"} == {f.name for f in tiny_data.files}
    assert list((tmp_path / "apt" / "lists").iterdir()) == [tmp_path / "apt" / "lists" / "partial"]


@needs_apt
def test_the_debian_package_is_fetched_by_the_systems_package_lists(
    tiny_data: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_repository(tmp_path / "apt", write_package(tiny_data, tmp_path / "package"))
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt" / "conf"))
    subprocess.run(["apt-get", "update", "-q"], check=True, capture_output=True)
    lines: list[str] = []
    cache = tmp_path / "c"
    ensure_data(None, lines.append, cache=cache, sources=[DEBIAN_PACKAGE])
    assert not any("package lists" in line for line in lines)
    assert find_problem(cache) is None


@needs_apt
def test_without_network_there_is_one_error_that_lists_what_was_tried_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_repository(tmp_path / "apt", None)
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt" / "conf"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # where nothing listens
    monkeypatch.setattr(sources, "INSTALLED", tmp_path / PACKAGE_FOLDER)
    with pytest.raises(DataError) as caught:
        ensure_data(None, ignore, cache=tmp_path / "c", sources=SOURCES)
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        f"there is no {tmp_path / PACKAGE_FOLDER}",
        "Connection refused",
        f"Unable to locate package {PACKAGE}",
        f"apt-get install {PACKAGE}",
        "--data-dir",
        ENVIRONMENT_VARIABLE,
    ):
        assert part in message


def test_a_system_without_apt_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="this system has no apt-get"):
        ensure_data(None, ignore, cache=tmp_path / "c", sources=[DEBIAN_PACKAGE])


@pytest.mark.skipif(shutil.which("gzip") is None, reason="needs GNU gzip")
def test_what_torchvision_downloads_is_verified_and_kept(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {f"{file.name}.gz": as_on_the_mirror(data_dir / file.name) for file in FILES}
    assert sum(map(len, contents.values())) == TORCHVISION_BYTES
    seen: list[tuple[str, int, int | None]] = []
    with serving(lambda handler: send(handler, contents[Path(handler.path).name])) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        ensure_data(
            None,
            ignore,
            progress=lambda *step: seen.append(step),
            cache=tmp_path / "c",
            sources=[TORCHVISION],
        )
    assert find_problem(tmp_path / "c") is None
    assert any(step[0] == "download" for step in seen)


def test_a_mirror_with_other_bytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda handler: send(handler, b"<html>please log in</html>")) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        with pytest.raises(DataError, match="File not found or corrupted"):
            ensure_data(None, ignore, cache=tmp_path / "c", sources=[TORCHVISION])


def test_a_mirror_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = Event()
    with serving(lambda handler: end.wait(30) and None) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        start = time.monotonic()
        monkeypatch.setattr(sources, "STALL_S", 5.0)
        with pytest.raises(DataError, match="no data came for 5 s"):
            ensure_data(None, ignore, cache=tmp_path / "c", sources=[TORCHVISION])
        end.set()
    assert time.monotonic() - start < 20


def test_an_interrupt_in_the_middle_of_a_download_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = Event()

    def send_half(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        handler.wfile.write(bytes(500_000))
        end.wait(60)

    cache = tmp_path / "fmnist-search" / "fashion-mnist"
    places = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path)}
    with serving(send_half) as proxy:
        process = subprocess.Popen(
            [sys.executable, "-c", FETCH],
            env={**os.environ, **places, "http_proxy": proxy},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in cache.rglob("*.gz")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        end.set()
    assert "KeyboardInterrupt" in errors
    assert {path.name for path in cache.iterdir()} <= {"lock"}
