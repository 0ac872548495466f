"""HTTP on one connection: uvicorn's protocol with bounds in bytes, fields and seconds; strict about hosts."""

import asyncio
import re
from dataclasses import dataclass

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from stock_analysis.kit.headers import SECURITY_HEADERS
from stock_analysis.kit.problems import problem
from stock_analysis.kit.request_id import REQUEST_ID_HEADER, current_request_id, usable_or_new
from stock_analysis.kit.upgrade import UPGRADE, Upgraded

log = structlog.get_logger(__name__)

HEAD_TIMEOUT_S = 10.0
MAX_HEAD_BYTES = 64 * 1024
MAX_HEAD_FIELDS = 128
NEWCOMER_S = 1.0
"""How long a connection that has not sent its first request yet is waited for once the door is closed."""

_HOST = re.compile(rb"([A-Za-z0-9._~%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(:\d*)?")
_AUTHORITY = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")


@dataclass(frozen=True, slots=True)
class Limits:
    """request_timeout_s: from a request's head to the end of its body. connections: open at once."""

    request_timeout_s: float
    connections: int


class BoundedConfig(uvicorn.Config):
    """uvicorn's settings, and our limits for its protocol."""

    def __init__(self, app: ASGIApp, limits: Limits, **others: object) -> None:
        super().__init__(app, http=BoundedHttp, **others)  # type: ignore[arg-type]  # checked by uvicorn
        self.limits = limits


class _RefusedError(Exception):
    """A request that is refused before it reaches the application."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol with the bounds that it lacks.

    Without them a client that never ends its head or its body keeps a connection, and memory, for ever.
    """

    config: BoundedConfig
    _timer: asyncio.TimerHandle | None = None
    _in_body = False
    _read_bytes = 0
    _head_bytes = 0
    _head_fields = 0
    _refusal: _RefusedError | None = None

    @property
    def _in_head(self) -> bool:
        """Whether a head is expected or has begun; not between two requests of a connection."""
        return self._timer is not None and not self._in_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Expect a head."""
        super().connection_made(transport)
        self._expect_head()
        if len(self.connections) > self.config.limits.connections:
            self._refuse(503, "there are too many connections; try again in a second", retry_after_s=1)

    def on_message_begin(self) -> None:
        """Expect the head of the next request of this connection."""
        super().on_message_begin()
        self.scope["extensions"] = {UPGRADE: self}  # type: ignore[dict-item]  # our own, not of the standard
        self._expect_head()

    def switch(self, headers: list[tuple[bytes, bytes]], protocol: Upgraded) -> None:
        """Answer 101 with these headers, and hand the connection over."""
        self._in_body = False
        self._stop_timer()
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        self.cycle.disconnected = True  # it has no answer to complete any more
        if self.transport.is_closing():
            return
        lines = [b"%s: %s\r\n" % pair for pair in headers]
        self.transport.write(b"".join((STATUS_LINE[101], *lines, b"\r\n")))
        self.transport.set_protocol(protocol)  # type: ignore[arg-type]  # an asyncio.Protocol with a shutdown
        self.connections.add(protocol)  # type: ignore[arg-type]  # asks it to shut down, as it asks its own
        protocol.forget = self.connections.discard
        protocol.connection_made(self.transport)

    def on_url(self, url: bytes) -> None:
        """Count its bytes."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count its bytes; a field behind the body is counted and left out."""
        self._head_fields += 1
        self._count(len(name) + len(value))
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: look at the host, and expect the body."""
        try:
            _check_host(self.url, self.headers, self.parser.get_http_version())
        except _RefusedError as error:
            self._refusal = error
            raise
        self._in_body = True
        self._start_timer(self.config.limits.request_timeout_s, self._body_is_late)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_body = False
        self._stop_timer()
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a head that is not whole yet."""
        if not self._in_body:  # else this read may begin with much of a body
            self._read_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._read_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(*_TOO_LARGE)

    def send_400_response(self, _msg: str) -> None:
        """Refuse what is not HTTP, a method that it does not know, and what was found wrong in a head."""
        if self._refusal:
            self._refuse(self._refusal.status, str(self._refusal))
        else:
            self._refuse(400, "it is not an HTTP request that can be read")

    def shutdown(self) -> None:
        """Close when the request under way is answered, or the first one that a new client will send."""
        if self._in_head:
            self._start_timer(NEWCOMER_S, self.transport.close)
        else:
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._stop_timer()
        super().connection_lost(exc)

    def _count(self, size_bytes: int) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refusal = _RefusedError(*_TOO_LARGE)
            raise self._refusal
        if self._head_fields > MAX_HEAD_FIELDS:
            self._refusal = _RefusedError(431, f"its head has more than {MAX_HEAD_FIELDS} fields")
            raise self._refusal

    def _body_is_late(self) -> None:
        self._refuse(408, f"its body did not arrive within {self.config.limits.request_timeout_s:g} s")

    def _refuse(self, status: int, reason: str, *, retry_after_s: int | None = None) -> None:
        """The error answer to what never became a request, so that no layer of the application sees it."""
        token = current_request_id.set(usable_or_new(None))
        try:
            log.warning("request refused", status=status, reason=reason)
            answer = problem(status, f"the request is refused: {reason}")
            head = [(REQUEST_ID_HEADER, current_request_id.get().encode()), (b"connection", b"close")]
        finally:
            current_request_id.reset(token)
        if retry_after_s is not None:
            head.append((b"retry-after", str(retry_after_s).encode()))
        if self._may_answer():
            lines = [b"%s: %s\r\n" % pair for pair in (*answer.raw_headers, *SECURITY_HEADERS, *head)]
            self.transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", answer.body)))
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.transport.close()

    def _may_answer(self) -> bool:
        """Whether the next bytes that the client reads would be taken for the answer to this request."""
        if self.cycle is None or self.cycle.response_complete:
            return True
        return self._in_body and not self.pipeline and not self.cycle.response_started

    def _expect_head(self) -> None:
        self._in_body = False
        self._head_bytes = self._head_fields = 0
        self._start_timer(HEAD_TIMEOUT_S, self.transport.close)

    def _start_timer(self, seconds: float, then: object) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, then)  # type: ignore[arg-type]  # a method without arguments

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: uvicorn would write two lines a request and advise to install a library."""


_TOO_LARGE = (431, f"its head is larger than {MAX_HEAD_BYTES} bytes")


def _check_host(url: bytes, headers: list[tuple[bytes, bytes]], version: str) -> None:
    """Raise _RefusedError unless the request names one host, and the same one everywhere."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1:
        raise _RefusedError(400, "it has more than one Host header")
    if not hosts and version != "1.0":
        raise _RefusedError(400, "it has no Host header")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise _RefusedError(400, "its Host header is not the name of a host")
    whole = _AUTHORITY.match(url)
    if whole and [whole[1].lower()] != [host.lower() for host in hosts]:
        raise _RefusedError(400, "its address names another host than its Host header")
