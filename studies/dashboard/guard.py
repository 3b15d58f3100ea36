"""What stands before optuna-dashboard's pages: who may see them, and what of them may run."""

import ipaddress
import secrets
import socket
from collections.abc import Callable, Iterable, Iterator
from html import escape
from http import HTTPStatus
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.util import request_uri

PICTURES = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
}
"""The types that an artifact may have in a browser, and how such a file begins. No type that can
hold a program is among them, as SVG can."""

_ALWAYS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
_POLICY = "Content-Security-Policy"
_EMBEDDED_NOWHERE = "frame-ancestors 'none'; base-uri 'none'"


class _Answer(NamedTuple):
    status: str
    headers: list[tuple[str, str]]
    body: Iterable[bytes]


class Guard:
    """A WSGI application that asks for a token, and for the address that was meant.

    A token that is in the address is put into a cookie, and the browser goes on to the address
    without it. Each dashboard has a token of its own.

    Args:
        application: what is behind it.
        host: the address or name that the server listens on.
        port: and its port, as browsers give a cookie to all ports of a host.
    """

    def __init__(self, application: WSGIApplication, host: str, port: int) -> None:
        self.token = secrets.token_urlsafe(32)
        self._application = application
        self._cookie = f"fmnist-search-{port}={self.token}"
        self._is_meant = _hosts_meant(host)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        answer = self._answer(environ)
        start_response(answer.status, answer.headers + _ALWAYS)
        return answer.body

    def _answer(self, environ: WSGIEnvironment) -> _Answer:
        if not self._is_meant(_host_of(environ.get("HTTP_HOST", ""))):
            return _refused("this dashboard does not answer under the host name in the address")
        if self._came_with_the_token(environ):
            return self._without_the_token(environ)
        if not self._has_the_cookie(environ):
            return _refused(
                "open the address that `fmnist-search dashboard` printed; it contains a token"
            )
        if _comes_from_another_page(environ):
            return _refused("another page asked for this")
        answer = _ask(self._application, environ)
        is_artifact = environ["PATH_INFO"].lstrip("/").startswith("artifacts/")
        if is_artifact and answer.status.startswith("200"):
            return _as_a_file(answer)
        return _with_a_policy(answer)

    def _came_with_the_token(self, environ: WSGIEnvironment) -> bool:
        tokens = parse_qs(environ.get("QUERY_STRING", "")).get("token", [""])
        return environ["REQUEST_METHOD"] == "GET" and _are_the_same(tokens[0], self.token)

    def _without_the_token(self, environ: WSGIEnvironment) -> _Answer:
        """A page that leads on: to a redirection from elsewhere a browser adds no strict cookie."""
        url = escape(request_uri(environ, include_query=False))
        page = f'<!DOCTYPE html><meta http-equiv="refresh" content="0; url={url}">'
        cookie = f"{self._cookie}; Path=/; HttpOnly; SameSite=Strict"
        return _own(HTTPStatus.OK, "text/html", page, ("Set-Cookie", cookie))

    def _has_the_cookie(self, environ: WSGIEnvironment) -> bool:
        sent = environ.get("HTTP_COOKIE", "").split(";")
        return any(_are_the_same(cookie.strip(), self._cookie) for cookie in sent)


def _are_the_same(given: str, secret: str) -> bool:
    return secrets.compare_digest(given.encode(), secret.encode())


def _hosts_meant(host: str) -> Callable[[str], bool]:
    """Which hosts an address may have, so that no stranger's name leads here.

    Whoever listens on all addresses is meant by each of them, which are no names.
    """
    names = {"localhost", "127.0.0.1", "::1", host.lower()}
    if host not in ("0.0.0.0", "::"):
        return names.__contains__
    names.add(socket.gethostname().lower())
    return lambda name: name in names or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_of(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _comes_from_another_page(environ: WSGIEnvironment) -> bool:
    """Whether a page of another origin sent this; one of the same host's other ports is such."""
    origin = environ.get("HTTP_ORIGIN")
    return origin is not None and origin != f"http://{environ['HTTP_HOST']}"


def _ask(application: WSGIApplication, environ: WSGIEnvironment) -> _Answer:
    begun: list[Any] = []

    def start(*status_and_headers: Any) -> Any:
        begun[:] = status_and_headers
        return lambda _: None

    body = application(environ, start)
    return _Answer(begun[0], begun[1], body)


def _as_a_file(answer: _Answer) -> _Answer:
    """An artifact, of the type that its content has, whatever somebody stored that it had."""
    chunks = _chunks(answer.body)
    beginning = next(chunks, b"")
    kind = next((k for k, magic in PICTURES.items() if beginning.startswith(magic)), None)
    headers = [(_POLICY, f"sandbox; default-src 'none'; {_EMBEDDED_NOWHERE}")]
    if kind is None:
        headers.append(("Content-Disposition", "attachment"))
    headers.append(("Content-Type", kind or "application/octet-stream"))
    return _Answer(answer.status, headers, chain([beginning], chunks))


def _chunks(body: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from body
    finally:
        if hasattr(body, "close"):
            body.close()


def _with_a_policy(answer: _Answer) -> _Answer:
    """A page with its own policy, which lets no other page embed it; all else runs nothing."""
    policy = dict(answer.headers).get(_POLICY, "default-src 'none'")
    headers = [header for header in answer.headers if header[0] != _POLICY]
    headers.append((_POLICY, f"{policy}; {_EMBEDDED_NOWHERE}"))
    return _Answer(answer.status, headers, answer.body)


def _refused(reason: str) -> _Answer:
    return _own(HTTPStatus.FORBIDDEN, "text/plain", f"refused: {reason}\n")


def _own(status: HTTPStatus, kind: str, text: str, *headers: tuple[str, str]) -> _Answer:
    return _Answer(
        f"{status.value} {status.phrase}",
        [
            ("Content-Type", f"{kind}; charset=utf-8"),
            (_POLICY, f"default-src 'none'; {_EMBEDDED_NOWHERE}"),
            ("Cache-Control", "no-store"),
            *headers,
        ],
        [text.encode()],
    )
