"""A server that speaks S3 over HTTP on loopback, for tests of buckets."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import boto3

SECRET = "not-to-be-seen"


class S3:
    """A running server; it lives in this process, so tests see and change what it holds."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._numbers = count(1)
        session = boto3.Session("somebody", SECRET, region_name="us-east-1")
        self._client = session.client("s3", endpoint_url=url)

    def environment(self, home: Path) -> dict[str, str]:
        """What boto3 needs to find the server and nothing else, with caches below ``home``."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(home / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "no-credentials"),
            "NO_PROXY": "127.0.0.1",
            "XDG_CACHE_HOME": str(home / "cache"),
        }

    def bucket(self) -> str:
        """The name of a new bucket."""
        name = f"bucket-{next(self._numbers)}"
        self._client.create_bucket(Bucket=name)
        return name

    def objects(self, bucket: str) -> dict[str, bytes]:
        """What lies in a bucket."""
        return {key: bytes(value.value) for key, value in self._keys(bucket).items()}

    def age(self, bucket: str, seconds: float) -> None:
        """Make all that lies in a bucket older."""
        for value in self._keys(bucket).values():
            value.last_modified -= timedelta(seconds=seconds)

    def drop(self, bucket: str) -> None:
        """Remove a bucket with all that lies in it."""
        for key in self.objects(bucket):
            self._client.delete_object(Bucket=bucket, Key=key)
        self._client.delete_bucket(Bucket=bucket)

    def _keys(self, bucket: str) -> dict[str, Any]:
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        return dict(s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys.items())


@contextmanager
def running_s3() -> Iterator[S3]:
    """A server on a free port."""
    from moto.server import ThreadedMotoServer  # not in every run of tests: it takes seconds

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3(f"http://{host}:{port}")
    finally:
        server.stop()
