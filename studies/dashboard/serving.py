"""optuna-dashboard over a storage and its artifacts, on a port of this machine."""

import errno
import socket
from socketserver import ThreadingMixIn
from typing import Any, BinaryIO
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from bottle import HTTPError
from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.storages import BaseStorage
from optuna_dashboard import wsgi

from spaces.errors import ConfigurationError, FaultError
from studies.dashboard.guard import Guard
from studies.storage.artifacts import ArtifactStore


class ShownArtifacts:
    """Artifacts to look at: what is gone is not found, and nothing is removed.

    A browser that deletes a study would remove files that a copy of it still needs, and would
    fail on the first file that was dropped before. Files that nothing needs any more go with
    ``fmnist-search gc``, which counts who refers to them.

    Args:
        store: where they are.
    """

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The file; 404 for one that was not kept."""
        try:
            return self._store.open_reader(artifact_id)
        except ArtifactNotFound:
            raise HTTPError(404, "This file was not kept.") from None
        except FaultError as error:
            raise HTTPError(502, str(error)) from None

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep a file that somebody gives in the browser."""
        self._store.write(artifact_id, content_body)

    def remove(self, artifact_id: str) -> None:
        """Leave the file to ``fmnist-search gc``."""


class Server(ThreadingMixIn, WSGIServer):
    """A server that answers several requests at a time and ends without waiting for them."""

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        super().__init__((host, port), _Quiet)

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it, without the token that it may ask for."""
        host, port = str(self.server_address[0]), self.server_address[1]
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return (
            f"http://[{reachable}]:{port}/" if ":" in reachable else f"http://{reachable}:{port}/"
        )


class _Quiet(WSGIRequestHandler):
    """Requests that are answered are nobody's news."""

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def make_server(
    storage: BaseStorage, store: ShownArtifacts, host: str, port: int
) -> tuple[Server, str]:
    """A server that listens, whose ``serve_forever`` answers, and the address with its token.

    Args:
        storage: what to show.
        store: its artifacts.
        host: address or name to listen on.
        port: the port wanted; another free one is taken if it is in use.

    Raises:
        ConfigurationError: host or port cannot be listened on.
    """
    if not host.strip():  # which a socket takes for every address there is
        raise ConfigurationError(f"--host must be an address or a name; got {host!r}")
    try:
        server = _listen(host, port)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; "
            "choose others with --host and --port"
        ) from error
    guard = Guard(wsgi(storage, artifact_store=store), host, server.server_port)
    server.set_app(guard)
    return server, f"{server.url}?token={guard.token}"


def _listen(host: str, port: int) -> Server:
    try:
        return Server(host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
    return Server(host, 0)
