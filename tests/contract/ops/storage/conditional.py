"""Conditional writes, as Amazon's S3 has them, before a server that knows none."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from stock_ops.storage.s3 import S3Storage
from tests.contract.ops.storage.s3_server import S3Server

_EXISTS = b"<Error><Code>PreconditionFailed</Code><Message>It is there already.</Message></Error>"
_NOT_PASSED_ON = {"transfer-encoding", "connection", "content-length"}


@dataclass(frozen=True)
class ConditionalServer:
    """The server behind the gate."""

    server: S3Server
    port: int

    def storage(self, prefix: str = "", **changes: Any) -> S3Storage:
        """A storage in its bucket."""
        bucket = replace(self.server.bucket, endpoint=f"http://127.0.0.1:{self.port}", prefix=prefix)
        return S3Storage(replace(bucket, **changes))


@contextmanager
def conditional_writes(server: S3Server) -> Iterator[ConditionalServer]:
    """A gate that answers 412 to `If-None-Match: *` where there is an object, one write at a time."""
    turn = threading.Lock()

    class Gate(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with turn:
                exists = (server.data / self.path.strip("/")).exists()
                if self.headers.get("If-None-Match") == "*" and exists:
                    return self._answer(412, {}, _EXISTS)
                found = self._ask(body)
            return self._answer(*found)

        def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
            try:
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                found = connection.getresponse()
                return found.status, dict(found.getheaders()), found.read()
            finally:
                connection.close()

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _NOT_PASSED_ON:
                    self.send_header(name, value)
            length = {name.lower(): value for name, value in headers.items()}.get("content-length")
            self.send_header("Content-Length", (length or "0") if self.command == "HEAD" else f"{len(body)}")
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        def log_message(self, *_: object) -> None:
            pass

    for method in ("GET", "PUT", "POST", "HEAD", "DELETE"):
        setattr(Gate, f"do_{method}", Gate._pass)
    gate = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    thread = threading.Thread(target=gate.serve_forever)
    thread.start()
    try:
        yield ConditionalServer(server, gate.server_port)
    finally:
        gate.shutdown()
        thread.join()
        gate.server_close()
