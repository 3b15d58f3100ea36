"""Who is let in to the dashboard, and what it lets a browser run, by a server on a real port."""

import http.client
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import optuna
import pytest
import torch
from optuna.artifacts import upload_artifact

from studies.dashboard.serving import ShownArtifacts, make_server
from studies.records.pictures import confusion
from studies.storage.artifacts import ArtifactFolder

SCRIPT = b"<script>fetch('/api/studies')</script>"


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Dashboard:
    """A server on all addresses or one, and what is asked of it."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.study = optuna.create_study(study_name="shown")
        self.store = ArtifactFolder(folder)
        shown = ShownArtifacts(self.store)
        self.server, door = make_server(self.study._storage, shown, host, 0)
        self.token = urlsplit(door).query
        self.port = self.server.server_port
        self.cookie = f"fmnist-search-{self.port}={self.token.removeprefix('token=')}"

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        found = Answer(answer.status, answer.headers, answer.read())
        connection.close()
        return found

    def shown(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """What somebody gets who came with the token before, after cookies of other programs."""
        return self.ask(path, method, Cookie=f"a=[1,2; {self.cookie}; b=c", **headers)

    def artifact(self, name: str, content: bytes, mimetype: str) -> Answer:
        path = Path(self.store.folder) / name
        path.write_bytes(content)
        artifact_id = upload_artifact(
            artifact_store=self.store,
            file_path=str(path),
            study_or_trial=self.study,
            mimetype=mimetype,
            encoding="gzip",
        )
        return self.shown(f"/artifacts/{self.study._study_id}/{artifact_id}")


@pytest.fixture(params=["127.0.0.1"])
def dashboard(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Dashboard]:
    dashboard = Dashboard(tmp_path, request.param)
    thread = threading.Thread(target=dashboard.server.serve_forever, args=(0.01,))
    thread.start()
    yield dashboard
    dashboard.server.shutdown()
    dashboard.server.server_close()
    thread.join()


on_all_addresses = pytest.mark.parametrize("dashboard", ["0.0.0.0"], indirect=True)


def test_the_token_is_put_into_a_cookie_that_no_script_and_no_other_site_sends(
    dashboard: Dashboard,
) -> None:
    answer = dashboard.ask(f"/dashboard/studies/1?{dashboard.token}")
    assert answer.status == 200
    cookie = f"{dashboard.cookie}; Path=/; HttpOnly; SameSite=Strict"
    assert answer.headers["Set-Cookie"] == cookie
    clean = f"http://127.0.0.1:{dashboard.port}/dashboard/studies/1"
    assert f'url={clean}"' in answer.body.decode()
    assert dashboard.shown("/api/studies").status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"])
def test_without_the_token_nothing_is_answered(dashboard: Dashboard, method: str) -> None:
    other = {"Cookie": f"fmnist-search-{dashboard.port}=guessed"}
    paths = ("/", "/api/studies", "/static/bundle.js", "/artifacts/0/a", "/?token=", "/?token=%FF")
    for path in paths:
        for headers in ({}, other):
            answer = dashboard.ask(path, method, **headers)
            assert answer.status == 403
            assert "Set-Cookie" not in answer.headers
    assert dashboard.study.study_name == "shown"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "[::1", "10.0.0.1", "", "localhost@evil"]
)
def test_a_name_that_somebody_else_made_lead_here_is_refused(
    dashboard: Dashboard, host: str
) -> None:
    answer = dashboard.shown("/api/studies", Host=host)
    assert (answer.status, answer.body.decode()) == (
        403,
        "refused: this dashboard does not answer under the host name in the address\n",
    )
    assert dashboard.ask(f"/?{dashboard.token}", Host=host).status == 403


@pytest.mark.parametrize("host", ["localhost:9000", "LOCALHOST", "127.0.0.1", "[::1]:8080"])
def test_names_of_this_machine_are_known_also_behind_a_tunnels_port(
    dashboard: Dashboard, host: str
) -> None:
    assert dashboard.shown("/api/studies", Host=host).status == 200


@on_all_addresses
def test_who_listens_on_all_addresses_is_known_by_each_of_them_and_by_no_strange_name(
    dashboard: Dashboard,
) -> None:
    assert dashboard.shown("/api/studies", Host="10.1.2.3:8080").status == 200
    assert dashboard.ask("/api/studies", Host="10.1.2.3:8080").status == 403
    assert dashboard.shown("/api/studies", Host="evil.example").status == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:1", "https://evil.example", "null"])
def test_another_page_can_ask_for_nothing(dashboard: Dashboard, origin: str) -> None:
    path = f"/api/studies/{dashboard.study._study_id}"
    assert dashboard.shown(path, "DELETE", Origin=origin).status == 403
    assert dashboard.shown(path).status == 200
    own = f"http://127.0.0.1:{dashboard.port}"
    assert dashboard.shown(path, "DELETE", Origin=own).status == 204


def test_a_picture_is_shown_as_what_it_is_and_everything_else_is_a_file_to_keep(
    dashboard: Dashboard,
) -> None:
    png = confusion(torch.eye(10, dtype=torch.int64))
    picture = dashboard.artifact("picture", png, "text/html")
    assert (picture.headers["Content-Type"], picture.body) == ("image/png", png)
    assert "Content-Disposition" not in picture.headers
    for content in (SCRIPT, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"", b"%PDF-1.7"):
        for mimetype in ("text/html", "image/svg+xml", "image/png", "text/javascript"):
            file = dashboard.artifact("page.html", content, mimetype)
            assert (file.status, file.body) == (200, content)
            assert file.headers["Content-Type"] == "application/octet-stream"
            assert file.headers["Content-Disposition"] == "attachment"
            assert file.headers["Content-Security-Policy"].startswith(
                "sandbox; default-src 'none'; frame-ancestors 'none'"
            )


def test_a_large_file_comes_whole(dashboard: Dashboard) -> None:
    content = bytes(range(256)) * 1000
    assert dashboard.artifact("large", content, "text/html").body == content
    dashboard.store.write("kept", io.BytesIO(content))


@pytest.mark.parametrize(
    "path", ["/dashboard", "/api/studies", "/static/bundle.js", "/no-such-page", "/artifacts/0/a"]
)
def test_every_answer_has_a_policy_and_none_is_open_to_other_origins(
    dashboard: Dashboard, path: str
) -> None:
    for answer in (dashboard.shown(path), dashboard.ask(path)):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in answer.headers
