"""What holds of every place of artifacts, and of folders alone."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from helpers.buckets import S3
from optuna.artifacts import upload_artifact
from optuna.artifacts.exceptions import ArtifactNotFound

from spaces.errors import FaultError, StudyError
from studies.storage.artifacts import OWNERS, ArtifactFolder, ArtifactStore
from studies.storage.bucket import ArtifactBucket

pytestmark = pytest.mark.slow

OUTSIDE = ("../studies.db", "/etc/passwd", "a/b", "..", ".", "", "a\0b", "a\\b")


@pytest.fixture(params=["folder", "bucket", "bucket with prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    if request.param == "folder":
        return ArtifactFolder(tmp_path / "artifacts")
    bucket = request.getfixturevalue("s3").bucket()
    return ArtifactBucket(f"s3://{bucket}" + ("/team/fmnist" if "prefix" in request.param else ""))


def test_what_is_written_is_there_until_it_is_removed(store: ArtifactStore) -> None:
    assert not store.has("one")
    store.write("one", io.BytesIO(b"whole"))
    assert store.has("one")
    assert store.path("one").read_bytes() == b"whole"
    with store.open_reader("one") as file:
        assert (file.read(2), file.read()) == (b"wh", b"ole")
    store.remove("one")
    assert not store.has("one")
    assert not store.path("one").exists()
    with pytest.raises(ArtifactNotFound):
        store.open_reader("one")


def test_optuna_uploads_into_it(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    study = optuna.create_study()
    name = upload_artifact(
        artifact_store=store, file_path=str(tmp_path / "file"), study_or_trial=study
    )
    assert store.path(name).read_bytes() == b"content"


def test_it_lists_what_lies_in_it_and_not_the_note_of_its_owners(store: ArtifactStore) -> None:
    assert list(store.stored()) == []
    store.note_owner("postgresql://me@host/studies")
    store.write("one", io.BytesIO(b"1"))
    store.write("three", io.BytesIO(b"333"))
    listed = list(store.stored())
    assert [(each.name, each.n_bytes) for each in listed] == [("one", 1), ("three", 3)]
    assert all(-2 < each.age_s < 60 for each in listed), "clocks may count whole seconds"


def test_it_notes_each_owner_once(store: ArtifactStore) -> None:
    assert store.owners() == []
    for name in ("/home/me/studies.db", "postgresql://me@host/studies", "/home/me/studies.db"):
        store.note_owner(name)
    assert sorted(store.owners()) == ["/home/me/studies.db", "postgresql://me@host/studies"]
    assert OWNERS in store.how_to_forget("/home/me/studies.db")


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_name_leads_out_of_it(store: ArtifactStore, name: str) -> None:
    uses: tuple[Callable[[str], Any], ...] = (
        store.has,
        store.path,
        store.open_reader,
        store.remove,
        lambda name: store.write(name, io.BytesIO(b"")),
    )
    for use in uses:
        with pytest.raises(StudyError, match="is no name of a file"):
            use(name)


class FailingReader(io.RawIOBase):
    """Gives some bytes, then fails as a full or broken disk does."""

    def __init__(self) -> None:
        self.n_reads = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.n_reads += 1
        if self.n_reads > 1:
            raise OSError("broken")
        buffer[:3] = b"abc"
        return 3


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    store = ArtifactFolder(tmp_path / "deep" / "artifacts")
    reader = FailingReader()
    with pytest.raises(FaultError, match="broken"):
        store.write("one", io.BufferedReader(reader, buffer_size=3))
    assert reader.n_reads == 2
    assert list(store.folder.iterdir()) == []
    store.write("two", io.BytesIO(b"whole"))
    assert [path.name for path in store.folder.iterdir()] == ["two"]


def test_a_file_is_on_the_disk_before_anything_refers_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, synced = ArtifactFolder(tmp_path), list[int]()
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    store.write("one", io.BytesIO(b"whole"))
    assert synced == [5]


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    nothing = ArtifactFolder(tmp_path / "nothing", make=False)
    assert (list(nothing.stored()), nothing.owners()) == ([], [])


def test_of_a_bucket_only_what_has_the_prefix_is_seen(s3: S3) -> None:
    bucket = s3.bucket()
    inner = ArtifactBucket(f"s3://{bucket}/inner")
    ArtifactBucket(f"s3://{bucket}/inner-too").write("one", io.BytesIO(b"1"))
    ArtifactBucket(f"s3://{bucket}").write("two", io.BytesIO(b"2"))
    inner.write("three", io.BytesIO(b"3"))
    assert [each.name for each in inner.stored()] == ["three"]
    assert not inner.has("two")
    assert set(s3.objects(bucket)) == {"inner-too/one", "two", "inner/three"}


def test_a_folder_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / OWNERS).mkdir()  # where the note should be; a superuser may write anywhere else
    with pytest.raises(FaultError, match=f"cannot write weights in {tmp_path}: Is a directory"):
        ArtifactFolder(tmp_path).note_owner("/home/me/studies.db")
