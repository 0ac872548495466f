"""A service on loopback that answers every request with one error, as S3's own reference documents it."""

import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stock_ops.storage.s3 import Bucket, KeySource, S3Storage

_ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{more}'
    "<RequestId>4442587FB7D0A2F9</RequestId><HostId>503-507-403</HostId></Error>"
)


class Answering:
    """What it answers next, and what it was asked."""

    def __init__(self) -> None:
        self.status, self.body = 200, ""
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.port = 0
        self.decide: Callable[[str, str, dict[str, str]], tuple[int, str] | None] | None = None
        """Status and body for a request by method, path and headers; None: the usual answer."""

    def fail(self, status: int, code: str = "", message: str = "Told.", more: str = "") -> None:
        """Every request fails so; without a code the answer has no body."""
        self.status = status
        self.body = _ERROR.format(code=code, message=message, more=more) if code else ""

    def say(self, body: str, status: int = 200) -> None:
        """Every request is answered with this."""
        self.status, self.body = status, body

    def storage(self, keys: KeySource | None = None, **changes: Any) -> S3Storage:
        """A bucket of it."""
        settings: dict[str, Any] = {
            "region": "us-east-1",
            "access_key_id": "AKID",
            "secret_access_key": "s3cr3t",
        }
        settings |= {"timeout_s": 3.0, **changes}
        return S3Storage(Bucket("backups", "ours", f"http://127.0.0.1:{self.port}", **settings), keys)


@contextmanager
def answering(certificate: Path | None = None) -> Iterator[Answering]:
    """The service; with a certificate (and its key in the same file) over TLS."""
    state = Answering()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            decided = state.decide(*state.asked[-1]) if state.decide else None
            status, text = decided or (state.status, state.body)
            body = text.encode()
            self.send_response(status)
            self.send_header("ETag", '"0"')
            self.send_header("Last-Modified", "Sun, 29 Nov 2026 10:00:00 GMT")
            self.send_header("Content-Length", str(len(body)))
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        def log_message(self, *_: object) -> None:
            pass

    for method in ("GET", "PUT", "POST", "HEAD", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_certificate(path: Path, authority: Path) -> None:
    """A certificate for 127.0.0.1 and its key, and the certificate of the authority that vouches for it."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate("authority", root_key.public_key(), "authority", root_key, is_authority=True)
    leaf = _certificate("127.0.0.1", key.public_key(), "authority", root_key, is_authority=False)
    authority.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    path.write_bytes(
        leaf.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _certificate(
    subject: str,
    key: ec.EllipticCurvePublicKey,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer))
    builder = builder.public_key(key).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    if not is_authority:
        address = x509.IPAddress(ipaddress.ip_address(subject))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
