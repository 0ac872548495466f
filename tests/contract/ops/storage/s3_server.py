"""A real S3 server, nanio, with a bucket in it."""

import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from stock_analysis.testing.processes import Server, free_port
from stock_ops.storage.s3 import Bucket, S3Storage

BUCKET = "backups"


class S3Server:
    """The server, its process, and storages in it."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "buckets"
        (self.data / BUCKET).mkdir(parents=True)
        self.port = free_port()
        self.bucket = Bucket(BUCKET, "", f"http://127.0.0.1:{self.port}", "us-east-1", "tester", "s3cr3t-k3y")
        self._log = folder / "nanio.log"
        self.start()

    def start(self) -> None:
        """Start it; again after `kill`."""
        keys = [f"NANIO_ACCESS_KEY={self.bucket.access_key_id}"]
        keys += [f"NANIO_SECRET_KEY={self.bucket.secret_access_key}"]
        nanio = Path(sys.executable).with_name("nanio")
        address = ["--host", "127.0.0.1", "--port", str(self.port), "--data-dir", str(self.data)]
        self._server = Server(["/usr/bin/env", *keys, nanio, "serve", *address], self._log)
        self._server.wait_until(self._answers)

    def kill(self) -> None:
        """It is gone, from one moment to the next."""
        os.kill(self._server.pid, signal.SIGKILL)
        self._server.stop()

    def pause(self) -> None:
        """It keeps its connections and says nothing."""
        os.kill(self._server.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on."""
        os.kill(self._server.pid, signal.SIGCONT)

    def stop(self) -> None:
        """The end, also of one that is paused or gone."""
        with suppress(ProcessLookupError):
            self.resume()
        self._server.stop()

    def parts(self) -> list[Path]:
        """What it holds of uploads that were not completed."""
        return list(self.data.glob(".nanio/multipart/*/parts/*.bin"))

    def storage(self, prefix: str = "", **changes: Any) -> S3Storage:
        """A storage in the bucket."""
        return S3Storage(replace(self.bucket, prefix=prefix, **changes))

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status > 0
        except OSError:
            return False
        finally:
            connection.close()
