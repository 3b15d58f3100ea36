"""A PostgreSQL server of the tests' own, on a free port in a folder of its own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

SECRET = "tr0ub4dor-and-3"
"""The password of the server's user, to be searched for where it must not be."""
START_S = 30.0


class Postgres:
    """The server, which can be stopped and started."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._names = count()
        self._user = _unprivileged_user() if os.geteuid() == 0 else None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._make()
        self.start()

    def database(self) -> str:
        """The URL of a new, empty database, with the password in it."""
        name = f"db{next(self._names)}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        return self._url(name)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [self._binaries / "postgres", "-D", self._folder / "data"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, user=self._user, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(self._url("postgres")).close()
                break
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise AssertionError(self.log()) from None
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server, which cuts off whoever is connected."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()

    def log(self) -> str:
        """What the server wrote."""
        return (self._folder / "log").read_text()

    def dump(self, url: str) -> str:
        """All that the database holds, as text."""
        command = [self._binaries / "pg_dump", "--inserts", url]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def _url(self, name: str) -> str:
        return f"postgresql://me:{SECRET}@127.0.0.1:{self.port}/{name}"

    def _make(self) -> None:
        password = self._folder / "password"
        password.write_text(SECRET)
        if self._user is not None:
            for path in (self._folder, password):
                os.chown(path, pwd.getpwnam(self._user).pw_uid, -1)
        subprocess.run(
            [
                self._binaries / "initdb",
                f"--pgdata={self._folder / 'data'}",
                f"--pwfile={password}",
                "--username=me",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
            ],
            user=self._user,
            cwd=self._folder,
            check=True,
            capture_output=True,
        )
        password.unlink()
        with (self._folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(
                f"port = {self.port}\n"
                "listen_addresses = '127.0.0.1'\n"
                "unix_socket_directories = ''\n"
                "fsync = off\n"  # of the tests' server nothing has to outlive a power cut
            )


@contextmanager
def running_postgres(binaries: Path) -> Iterator[Postgres]:
    """The server, gone after the block with all it held."""
    # Not pytest's folder, which the server's user could not enter.
    with tempfile.TemporaryDirectory(prefix="fmnist-search-postgres-") as folder:
        server = Postgres(binaries, Path(folder))
        try:
            yield server
        finally:
            server.stop()


def find_binaries() -> Path | None:
    """Where the newest PostgreSQL of this machine is, which need not be on the PATH."""
    on_path = shutil.which("initdb")
    found = list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    newest = max(found, key=lambda path: int(path.parts[-3]), default=None)
    return newest.parent if newest else (Path(on_path).parent if on_path else None)


def _unprivileged_user() -> str:
    """Whom the server runs as, as it refuses to be root."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
