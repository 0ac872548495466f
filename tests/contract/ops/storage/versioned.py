"""moto's S3 server: versions, object lock and conditional writes as at Amazon; it checks no keys."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped] # it has no types

from stock_analysis.testing.processes import Server, free_port
from stock_ops.storage.s3 import Bucket, S3Storage


class VersionedServer:
    """The server, and a client of another kind, which makes buckets and sees old versions."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        program = Path(sys.executable).with_name("moto_server")
        self._server = Server([program, "-H", "127.0.0.1", "-p", str(self.port)], folder / "moto.log")
        self._server.wait_until(self._answers)
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            region_name="us-east-1",
        )

    def storage(self, bucket: str) -> S3Storage:
        """A storage in a bucket of it."""
        return S3Storage(Bucket(bucket, "ours", f"http://127.0.0.1:{self.port}", "us-east-1", "a", "b"))

    def versions(self, bucket: str, name: str) -> int:
        """How many versions of an object there are, deleted ones included."""
        found = self.client.list_object_versions(Bucket=bucket, Prefix=f"ours/{name}")
        return len(found.get("Versions", []))

    def stop(self) -> None:
        """The end."""
        os.kill(self._server.pid, signal.SIGKILL)
        self._server.stop()

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status > 0
        except OSError:
            return False
        finally:
            connection.close()


@contextmanager
def versioned_server(folder: Path) -> Iterator[VersionedServer]:
    """The server as long as it is needed."""
    server = VersionedServer(folder)
    try:
        yield server
    finally:
        server.stop()
