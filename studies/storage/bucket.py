"""Artifacts in a bucket of an S3-compatible store, through Optuna's own store of that kind.

Needs boto3, which finds credentials, endpoint and region as it always does: in the environment, as
``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY`` and ``AWS_ENDPOINT_URL``, or in the user's files.
None of them is stored or shown here.
"""

import hashlib
import io
import re
import shutil
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO

import boto3
from boto3.exceptions import Boto3Error
from botocore import exceptions as botocore
from optuna.artifacts import Boto3ArtifactStore
from optuna.artifacts.exceptions import ArtifactNotFound

from spaces.errors import FaultError, StudyError
from studies.files import places, temporary
from studies.storage.artifacts import OWNERS, ArtifactStore, Stored, cannot_write

MAX_CACHED = 200
"""Artifacts kept on this machine after they were read: up to some 300 MB of weights."""

_LOCATION = re.compile(r"s3://([A-Za-z0-9._-]+)((?:/[^/?#\s]+)*)/?")

_FAILURES = (botocore.BotoCoreError, botocore.ClientError, Boto3Error)

_NO_ANSWER = (botocore.ConnectionError, botocore.HTTPClientError)

_NO_CREDENTIALS = (
    botocore.NoCredentialsError,
    botocore.PartialCredentialsError,
    botocore.CredentialRetrievalError,
    botocore.NoAuthTokenError,
    botocore.TokenRetrievalError,
    botocore.ProfileNotFound,
)

_REFUSALS = {
    "NoSuchBucket": "there is no such bucket",
    "AccessDenied": "the credentials do not allow it",
    "403": "the credentials do not allow it",
    "InvalidAccessKeyId": "its server does not know the AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the AWS_SECRET_ACCESS_KEY is wrong",
}
"""What a server's codes mean; its own messages may repeat what was sent to it."""


class _Body(io.RawIOBase):
    """What a server sends of an object; a connection that breaks is a fault like all others."""

    def __init__(self, body: BinaryIO, asking: Callable[[], AbstractContextManager[None]]) -> None:
        self._body, self._asking = body, asking

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._asking():
            content = self._body.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._body.close()
        super().close()


class ArtifactBucket(ArtifactStore):
    """A bucket, or what of it begins with a prefix.

    What is read as a file is brought into a folder of this machine first, and taken from there when
    it is read again.

    Args:
        location: ``s3://bucket`` or ``s3://bucket/prefix``.
        cache: that folder; None for one in the user's cache, or without a home of this process.

    Raises:
        StudyError: the location names no bucket, or the bucket cannot be used.
    """

    def __init__(self, location: str, cache: Path | None = None) -> None:
        named = _LOCATION.fullmatch(location)
        if named is None:  # and may hold a key
            raise StudyError(
                "--artifacts takes a folder, s3://bucket or s3://bucket/prefix; keys for a bucket "
                "belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, an endpoint in "
                "AWS_ENDPOINT_URL"
            )
        super().__init__(location.rstrip("/"))
        self._bucket = named[1]
        self._prefix = f"{named[2].lstrip('/')}/" if named[2] else ""
        self._cache = cache or (places.cache() or temporary.own_folder()) / "artifacts"
        try:
            self._client = boto3.Session().client("s3")
            self._store = Boto3ArtifactStore(self._bucket, self._client)
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
        except _FAILURES as error:
            raise StudyError(
                f"cannot use {self.place}: {_reason(error)}; fix that, or name another place with "
                "--artifacts"
            ) from error
        except ValueError as error:  # whose text has the URL, and a password that is in it
            raise StudyError(f"cannot use {self.place}: AWS_ENDPOINT_URL is not a URL") from error

    def has(self, artifact_id: str) -> bool:
        """Whether the object is there; brings nothing down."""
        with self._asking():
            try:
                self._client.head_object(Bucket=self._bucket, Key=self._key(artifact_id))
            except botocore.ClientError as error:
                if _code(error) not in ("404", "NoSuchKey"):
                    raise
                return False
        return True

    def path(self, artifact_id: str) -> Path:
        """A file on this machine with the object's content, if the object is there."""
        path = self._cache / self.checked(artifact_id)
        if not path.exists():
            with suppress(ArtifactNotFound):
                self._bring(artifact_id, path)
        return path

    def drop_copy(self, artifact_id: str) -> bool:
        """Remove it from the cache, so that it is brought again."""
        try:
            (self._cache / self.checked(artifact_id)).unlink()
        except OSError:
            return False
        return True

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Begin to read the object."""
        with self._asking():
            body = self._store.open_reader(self._key(artifact_id))
        return io.BufferedReader(_Body(body, self._asking), buffer_size=2**20)

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Put the object; a server has it whole or not at all."""
        with self._asking():
            self._store.write(self._key(artifact_id), content_body)

    def check_writable(self) -> None:
        """Put an object, and remove it."""
        key = f"{self._prefix}{OWNERS}/{uuid.uuid4()}"
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=b"")
            self._client.delete_object(Bucket=self._bucket, Key=key)
        except _FAILURES as error:
            raise StudyError(
                f"cannot write in {self.place}: {_reason(error)}; fix that, or name another place "
                "with --artifacts"
            ) from error

    def remove(self, artifact_id: str) -> None:
        """Remove the object, and this machine's copy of it."""
        with self._asking():
            self._store.remove(self._key(artifact_id))
        self.drop_copy(artifact_id)

    def stored(self) -> Iterator[Stored]:
        """The objects right below the prefix."""
        for page in self._pages(self._prefix):
            sent = page["ResponseMetadata"]["HTTPHeaders"].get("date")
            now = parsedate_to_datetime(sent) if sent else datetime.now(UTC)
            for entry in page.get("Contents", ()):
                if name := entry["Key"].removeprefix(self._prefix):
                    age_s = (now - entry["LastModified"]).total_seconds()
                    yield Stored(name, entry["Size"], age_s)

    def owners(self) -> list[str]:
        """What the notes say; files of other machines with those machines' names."""
        keys = [
            entry["Key"]
            for page in self._pages(f"{self._prefix}{OWNERS}/")
            for entry in page.get("Contents", ())
        ]
        with self._asking():
            notes = [self._store.open_reader(key).read().decode() for key in keys]
        return [note.removeprefix(_of_this_machine("")) for note in notes]

    def note_owner(self, name: str) -> None:
        """Put a note for this database alone, as two machines may each put one at a time."""
        note = _noted(name).encode()
        with self._asking():
            self._client.put_object(Bucket=self._bucket, Key=self._note_key(name), Body=note)

    def how_to_forget(self, name: str) -> str:
        """Remove its note."""
        return f"remove the object s3://{self._bucket}/{self._note_key(name)}"

    def _key(self, artifact_id: str) -> str:
        return self._prefix + self.checked(artifact_id)

    def _note_key(self, name: str) -> str:
        digest = hashlib.sha256(_noted(name).encode()).hexdigest()
        return f"{self._prefix}{OWNERS}/{digest[:24]}"

    def _bring(self, artifact_id: str, path: Path) -> None:
        """Fetch an artifact into the cache, where it appears whole or not at all."""
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            # In the cache itself, so that what a killed process leaves is dropped as the oldest.
            partial = self._cache / f"{uuid.uuid4()}.partial"
            try:
                with (
                    self._asking(),
                    self._store.open_reader(self._key(artifact_id)) as source,
                    partial.open("wb") as file,
                ):
                    shutil.copyfileobj(source, file)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(self._cache, error) from error
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        with suppress(OSError):  # another process drops them, too
            files = [path for path in self._cache.iterdir() if path.is_file()]
            for file in sorted(files, key=lambda f: f.stat().st_mtime)[:-MAX_CACHED]:
                file.unlink(missing_ok=True)

    def _pages(self, prefix: str) -> Iterator[dict[str, Any]]:
        paginator = self._client.get_paginator("list_objects_v2")
        with self._asking():
            yield from paginator.paginate(Bucket=self._bucket, Prefix=prefix, Delimiter="/")

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            raise FaultError(
                f"cannot use {self.place} any more: {_reason(error)}; fix that, and type the same "
                "command again"
            ) from error


def _reason(error: Exception) -> str:
    """What went wrong, in words that hold neither keys nor the endpoint's URL."""
    if isinstance(error, botocore.ClientError):
        code = _code(error)
        return _REFUSALS.get(code, f"its server refuses with {code}")
    if isinstance(error, _NO_CREDENTIALS):
        return (
            "there are no credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or elsewhere"
        )
    if isinstance(error, _NO_ANSWER):
        return "its server does not answer; AWS_ENDPOINT_URL sets the server"
    return type(error).__name__


def _code(error: botocore.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "no reason"))


def _noted(name: str) -> str:
    """A database's name for all machines: a file's path alone is the same on several."""
    return _of_this_machine(name) if name.startswith("/") else name


def _of_this_machine(path: str) -> str:
    return f"{socket.gethostname()}:{path}"
