"""The command in a process that is a fork of one which has loaded everything already.

Starting Python and loading PyTorch takes seconds of processor time, which tests of kills, signals
and two processes at once would spend hundreds of times. What the fork runs is the command itself,
from its own arguments, environment and folder, to Python's own end; it is killed and waited for as
any process. The installed program itself is started by `make ae` in the README's test.
"""

import atexit
import gc
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from multiprocessing import forkserver, get_context, set_forkserver_preload
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

import psutil

from studies.workers.processes import stops_blocked, variables
from studies.workers.stopping import STOPS

_context = get_context("forkserver")
LOADED = [
    *(
        "search.app",
        "search.console",
        "search.running",
        "studies.engine.launch",
        "studies.workers.dask_cluster",
    ),
    *(
        "reports.figures.dashboard_plots",
        "torch._dynamo",
        "studies.dashboard.texts_in_attributes",
        "typer.rich_utils",
    ),
    *(
        "search.result_tables",
        "alembic.command",
        "reports.page.making",
        "reports.models.exporting",
        "onnxscript",
    ),
    *("pandas", "optuna.importance", "studies.data.fetch", "reports.models.predictions"),
]


SHIM = """\
#!{python} -IS
import json, os, signal, socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect({address!r})
socket.send_fds(link, [b"go"], [0, 1, 2])
with link.makefile("rw") as lines:
    print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]), file=lines, flush=True)
    pid = int(lines.readline())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, lambda number, _: os.kill(pid, number))
    sys.exit(int(lines.readline()))
"""


_LOCK = threading.Lock()
"""Held while a process is started or asked for its end: whoever starts one asks all the others."""


def start_loading() -> None:
    """Load what the command loads, once for all, beside what this process does."""
    set_forkserver_preload(LOADED)
    # Python's tracker would tell of every semaphore of a process that a test killed.
    quiet = {"PYTHONWARNINGS": "ignore::UserWarning:multiprocessing.resource_tracker"}
    # A search that runs in this process forks its workers from it too, so these are blocked.
    with variables(quiet), stops_blocked():
        forkserver.ensure_running()


@contextmanager
def warm_program(folder: Path) -> Iterator[None]:
    """A program ``fmnist-search`` in the folder, for shells, that has :class:`Warm` do its work."""
    address = str(folder / "socket")
    program = folder / "fmnist-search"
    program.write_text(SHIM.format(python=sys.executable, address=address))
    program.chmod(0o755)
    start_loading()
    with _Server(address, _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            for process in server.started:
                process.kill()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.started: list[Warm] = []


class _Handler(socketserver.StreamRequestHandler):
    """Runs what one call of the program asks for."""

    server: _Server

    def handle(self) -> None:
        _, descriptors, _, _ = socket.recv_fds(self.request, 2, 3)
        words, environment, folder = json.loads(self.rfile.readline())
        process = Warm(words, environment, Path(folder), streams=descriptors)
        self.server.started.append(process)
        for descriptor in descriptors:
            os.close(descriptor)
        self.wfile.write(b"%d\n" % process.pid)
        self.wfile.write(b"%d\n" % (process.wait() % 256))


class Warm:
    """As much of :class:`subprocess.Popen` as the tests use, output and errors in one stream.

    Args:
        words: of the command line, without the program.
        environment: all of it.
        folder: to work in; None for this process's own.
        output: where it goes; None for a pipe, read as ``stdout``.
        module: whose ``main`` is run.
        is_told: whether it reads what is written to ``stdin``; else there is nothing to read.
        streams: descriptors of its input, output and errors, instead of all that.
    """

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        folder: Path | None = None,
        output: IO[Any] | None = None,
        module: str = "search.app",
        is_told: bool = False,
        streams: Sequence[int] | None = None,
    ) -> None:
        self.args = list(words)
        self.stdin: IO[str] | None = None
        self.stdout: IO[str] | None = None
        with ExitStack() as theirs:
            if streams is None:
                heard, says = self._make_streams(theirs, output, is_told)
                streams = heard, says, says
            start_loading()
            copies = [_Stream(descriptor) for descriptor in streams]
            arguments = module, self.args, dict(environment), folder or Path.cwd(), copies
            self._process = _context.Process(target=_run, args=arguments)
            with _LOCK:
                self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def _make_streams(
        self, theirs: ExitStack, output: IO[Any] | None, is_told: bool
    ) -> tuple[int, int]:
        """What the process reads and writes; our ends of it stay with this object."""
        if is_told:
            heard, hears = os.pipe()
            self.stdin = os.fdopen(hears, "w", encoding="utf-8")
        else:
            heard = os.open(os.devnull, os.O_RDONLY)
        theirs.callback(os.close, heard)
        if output is not None:
            return heard, output.fileno()
        said, says = os.pipe()
        self.stdout = os.fdopen(said, encoding="utf-8")
        theirs.callback(os.close, says)
        return heard, says

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the signal that ended it; None while it runs."""
        return self.poll()

    def poll(self) -> int | None:
        with _LOCK:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            time.sleep(0.01)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        assert self.stdout is not None
        if self.stdout.closed:  # all has been read
            self.wait(timeout)
            return "", None
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.append(self.stdout.read()), daemon=True)
        reader.start()
        self.wait(timeout)
        reader.join()
        self.stdout.close()
        return "".join(said), None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def workers_of(pid: int) -> list[psutil.Process]:
    """Local training processes that a coordinator started: forks of one that it started."""
    with suppress(psutil.Error):
        servers = [
            child
            for child in psutil.Process(pid).children()
            if "forkserver import main" in " ".join(child.cmdline())
        ]
        return [worker for server in servers for worker in server.children()]
    return []


def lives(pid: int) -> bool:
    """Whether the process has not ended; who waits for its end is another matter."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


class _Stream:
    """A descriptor on its way to the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[Any, ...]:
        return _as_it_is, (DupFd(self._descriptor),)


def _as_it_is(received: Any) -> Any:
    return received


def _run(
    module: str,
    words: list[str],
    environment: dict[str, str],
    folder: Path,
    streams: Sequence[Any],
) -> None:
    for standard, stream in enumerate(streams):
        descriptor = stream.detach()
        os.dup2(descriptor, standard)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, errors="backslashreplace")
    gc.freeze()  # no collection need look through all that was loaded
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    tempfile.tempdir = None  # it may be another one here
    sys.argv = ["fmnist-search", *words]
    try:
        import_module(module).main()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
