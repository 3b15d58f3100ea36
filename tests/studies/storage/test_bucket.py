"""Buckets: what is brought down and when, and how what goes wrong is told."""

import http.server
import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from botocore.response import StreamingBody
from helpers.buckets import S3, SECRET
from helpers.opened import opened
from optuna.artifacts import upload_artifact
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from spaces.errors import FaultError, StudyError
from studies.dashboard.serving import ShownArtifacts
from studies.records import garbage, settings, weights
from studies.records.settings import StudySettings
from studies.storage import bucket as module
from studies.storage.artifacts import ArtifactFolder
from studies.storage.bucket import ArtifactBucket
from studies.storage.databases import open_artifacts, open_storage, storage_url

pytestmark = pytest.mark.slow


def cached(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_only_what_is_read_is_brought_down_and_that_once(s3: S3, tmp_path: Path) -> None:
    bucket, cache = s3.bucket(), tmp_path / "mine"
    store = ArtifactBucket(f"s3://{bucket}", cache)
    store.write("one", io.BytesIO(b"whole"))
    assert store.has("one")
    list(store.stored())
    assert cached(cache) == []
    assert store.path("one").read_bytes() == b"whole"
    assert cached(cache) == ["one"]
    s3.drop(bucket)
    assert store.path("one").read_bytes() == b"whole", "no server is asked again"


def test_what_another_machine_removed_is_not_there_though_it_was_read_here(s3: S3) -> None:
    location = f"s3://{s3.bucket()}"
    store, other = ArtifactBucket(location), ArtifactBucket(location)
    store.write("one", io.BytesIO(b"whole"))
    store.path("one")
    other.remove("one")
    assert not store.has("one")


def test_a_copy_that_was_damaged_here_is_brought_again(s3: S3, tmp_path: Path) -> None:
    store = ArtifactBucket(f"s3://{s3.bucket()}", tmp_path / "mine")
    study = optuna.create_study()
    settings.write(study, StudySettings("autoencoder"))
    weights.save(store, study.ask(), {"w": torch.ones(2)}, {})
    weights.load(opened(study, store), study.trials[0])
    (copy,) = (tmp_path / "mine").iterdir()
    copy.write_bytes(copy.read_bytes()[:-1] + b"\1")
    assert weights.load(opened(study, store), study.trials[0])["w"].tolist() == [1, 1]


def test_only_what_is_newly_superseded_is_deleted_however_many_trials_there_are(s3: S3) -> None:
    bucket = s3.bucket()
    study = optuna.create_study()
    settings.write(study, StudySettings("autoencoder"))
    values = [*range(10), *(9.5 - number for number in range(10))]
    deleted: list[int] = []

    def count(**_: Any) -> None:
        deleted[-1] += 1

    def asked(store: ArtifactBucket) -> None:
        for operation in ("DeleteObject", "DeleteObjects"):
            store._client.meta.events.register(f"before-send.s3.{operation}", count)

    def end(value: float, store: ArtifactBucket) -> None:
        deleted.append(0)
        trial = study.ask()
        for file in (weights.WEIGHTS, weights.STATE):
            weights.save(store, trial, {"w": torch.tensor(value)}, {}, file)
        study.tell(trial, value)
        weights.drop_superseded(opened(study, store), study.get_trials(), 2)

    store = ArtifactBucket(f"s3://{bucket}")
    asked(store)
    for value in values:
        end(value, store)
    assert deleted == [0, 0] + [2] * 18, "two files of one trial each"
    assert len(s3.objects(bucket)) == 4
    again = ArtifactBucket(f"s3://{bucket}")  # of the next run, which knows of none
    asked(again)
    end(-1.0, again)
    assert deleted[-1] == 2
    assert len(s3.objects(bucket)) == 4


def test_a_broken_download_leaves_nothing(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArtifactBucket(f"s3://{s3.bucket()}", tmp_path / "mine")
    store.write("one", io.BytesIO(b"whole"))

    def copy_some(_source: Any, file: Any) -> None:
        file.write(b"wh")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.shutil, "copyfileobj", copy_some)
        with pytest.raises(FaultError, match="No space left"):
            store.path("one")
    assert cached(tmp_path / "mine") == []
    assert store.path("one").read_bytes() == b"whole"


@pytest.mark.parametrize(
    "error",
    [ReadTimeoutError(HTTPConnectionPool("host"), "/", "slow"), ProtocolError("broken")],
    ids=["slow", "broken"],
)
def test_a_download_that_breaks_on_the_way_is_the_buckets_fault(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    store = ArtifactBucket(f"s3://{s3.bucket()}", tmp_path / "mine")
    store.write("one", io.BytesIO(b"whole"))

    class Breaking(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise error

    monkeypatch.setattr(store._store, "open_reader", lambda _: StreamingBody(Breaking(), 5))
    folder = ArtifactFolder(tmp_path / "folder")
    with pytest.raises(FaultError, match=r"cannot use s3://"), store.open_reader("one") as content:
        folder.write("one", content)


def test_what_was_read_longest_ago_makes_room(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CACHED", 2)
    store = ArtifactBucket(f"s3://{s3.bucket()}", tmp_path / "mine")
    for age_s, name in ((30, "a"), (20, "b"), (10, "c")):
        store.write(name, io.BytesIO(name.encode()))
        path = store.path(name)
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age_s))
    assert cached(tmp_path / "mine") == ["b", "c"]


def test_a_file_of_another_machine_is_not_taken_for_one_of_this(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArtifactBucket(f"s3://{s3.bucket()}")
    store.note_owner("/home/me/studies.db")
    monkeypatch.setattr(module.socket, "gethostname", lambda: "elsewhere")
    store.note_owner("/home/me/studies.db")
    there = store.owners()
    assert len(there) == 2
    assert "/home/me/studies.db" in there
    assert not any(name.startswith("elsewhere") for name in there)


def test_gc_asks_the_databases_named_and_removes_from_a_bucket_what_none_refers_to(
    s3: S3, tmp_path: Path
) -> None:
    bucket = s3.bucket()
    store = open_artifacts(storage_url(None), f"s3://{bucket}/p")
    urls = [storage_url(str(tmp_path / name)) for name in ("a.db", "b.db")]
    studies = []
    for url in urls:
        garbage.note_owner(store, url)
        studies.append(optuna.create_study(storage=open_storage(url), study_name="s"))
        weights.save(store, studies[-1].ask(), {"w": torch.zeros(2)}, {"dropout": 0.0})
    (tmp_path / "notes.txt").write_text("mine")
    upload_artifact(
        artifact_store=store, file_path=str(tmp_path / "notes.txt"), study_or_trial=studies[1]
    )
    optuna.delete_study(study_name="s", storage=studies[1]._storage)
    found = garbage.survey(store, urls, min_age_s=-5)
    assert [file.kind for file in found.used] == ["weights"]
    assert [file.kind for file in found.unused] == ["weights"]
    assert found.n_foreign == 1
    assert len(garbage.survey(store, urls).young) == 1
    s3.age(bucket, 601)
    assert garbage.survey(store, urls).unused[0].name == found.unused[0].name
    before = set(s3.objects(bucket))
    store.discard(file.name for file in found.unused)
    assert before - set(s3.objects(bucket)) == {f"p/{found.unused[0].name}"}
    with pytest.raises(StudyError, match=r"b\.db; name each with --also, .* s3://.*/p/\.storages/"):
        garbage.survey(store, urls[:1], min_age_s=-5)


def one_line(error: Exception) -> str:
    text = str(error)
    assert "\n" not in text
    assert SECRET not in text
    assert "127.0.0.1" not in text, "an endpoint's URL can hold a password"
    return text


@pytest.mark.parametrize(
    "location",
    [
        "s3://",
        "s3:///prefix",
        f"s3://somebody:{SECRET}@bucket/prefix",
        f"s3://bucket/prefix?key={SECRET}",
        "s3://bucket/a//b",
        "gs://bucket/prefix",
        "file:///tmp",
    ],
)
def test_what_names_no_bucket_is_one_line(location: str) -> None:
    with pytest.raises(StudyError, match="--artifacts takes") as raised:
        open_artifacts(storage_url(None), location)
    one_line(raised.value)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("AWS_ENDPOINT_URL", f"http://me:{SECRET}@127.0.0.1:1", "does not answer"),
        ("AWS_ENDPOINT_URL", SECRET, "is not a URL"),
        ("AWS_ACCESS_KEY_ID", None, "credentials"),
        ("AWS_PROFILE", SECRET, "credentials"),
    ],
)
def test_what_is_wrong_with_the_environment_is_one_line(
    s3: S3, monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None, words: str
) -> None:
    location = f"s3://{s3.bucket()}"
    monkeypatch.setenv(variable, value or "")
    if value is None:
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.delenv(variable)
    with pytest.raises(StudyError, match=words) as raised:
        ArtifactBucket(location)
    assert not isinstance(raised.value, FaultError), "nothing was begun"
    one_line(raised.value)


def test_a_bucket_that_is_not_there_is_one_line(s3: S3) -> None:
    with pytest.raises(StudyError, match="no such bucket") as raised:
        ArtifactBucket("s3://no-such-bucket/prefix")
    assert "s3://no-such-bucket/prefix" in one_line(raised.value)


@contextmanager
def refusing(code: str, also_to_read: bool = True) -> Iterator[str]:
    """A server that refuses with a code and repeats what it was told."""

    class Refuses(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(403, f"<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>")

        def do_PUT(self) -> None:
            Refuses.do_GET(self)

        def answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    class RefusesToWrite(Refuses):
        def do_GET(self) -> None:
            self.answer(200, "<ListBucketResult></ListBucketResult>")

    handler = Refuses if also_to_read else RefusesToWrite
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDenied", "do not allow"),
        ("InvalidAccessKeyId", "does not know the AWS_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY is wrong"),
        ("Whatever", "refuses with Whatever"),
    ],
)
def test_what_a_server_refuses_is_one_line(
    s3: S3, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    with refusing(code) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(StudyError, match=words) as raised:
            ArtifactBucket("s3://bucket")
    one_line(raised.value)


def test_a_bucket_that_may_be_read_alone_is_refused_before_anything_is_trained(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing("AccessDenied", also_to_read=False) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        store = ArtifactBucket("s3://bucket/prefix")
        with pytest.raises(StudyError, match="cannot write in s3://bucket/prefix: ") as raised:
            store.check_writable()
    assert "do not allow" in one_line(raised.value)
    assert not isinstance(raised.value, FaultError), "nothing was begun"


def test_what_is_written_to_see_whether_it_can_be_is_not_left_in_a_bucket(s3: S3) -> None:
    store = ArtifactBucket(f"s3://{s3.bucket()}/prefix")
    store.check_writable()
    assert [*store.stored(), *store.owners()] == []


def test_a_bucket_that_goes_away_is_a_fault_that_can_be_mended(s3: S3) -> None:
    bucket = s3.bucket()
    store = ArtifactBucket(f"s3://{bucket}")
    s3.drop(bucket)
    for use in (
        lambda: store.write("one", io.BytesIO(b"")),
        lambda: list(store.stored()),
        lambda: store.note_owner("postgresql://me@host/studies"),
        lambda: ArtifactBucket.owners(store),
    ):
        with pytest.raises(FaultError, match="no such bucket") as raised:
            use()
        one_line(raised.value)


def test_without_boto3_the_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "studies.storage.bucket")
    with pytest.raises(StudyError, match=r"pip install 'boto3"):
        open_artifacts(storage_url(None), "s3://bucket")


def test_the_dashboard_removes_nothing_from_a_bucket(s3: S3) -> None:
    store = ArtifactBucket(f"s3://{s3.bucket()}")
    shown = ShownArtifacts(store)
    shown.write("one", io.BytesIO(b"whole"))
    shown.remove("one")
    assert shown.open_reader("one").read() == b"whole"
